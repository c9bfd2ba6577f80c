"""`posturelab node`: one node of a topology in a process of its own, on uvloop and the machine's clock."""

from __future__ import annotations

import asyncio
import gc
import random
import signal
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from nac.binding import AddressInUseError
from nac.clock import SystemClock
from nac.journal import Journal
from posturelab.authority import Authority
from posturelab.input_error import InputError
from posturelab.journal_log import JournalLog
from posturelab.lab_file import LabFile
from posturelab.mistake import MistakeWatch, end_on_mistake
from posturelab.node_maker import NodeMaker, RunningNode
from posturelab.ready import render_ports, write_ready_file
from posturelab.topology_endpoint import EndpointNode
from posturelab.topology_nodes import MntNode, PsnNode, SwitchNode

_JOURNAL_LIMIT = 10_000


def run_node(lab_file: LabFile, name: str, *, state_dir: Path, ready_file: Path | None, quiet: bool) -> bool:
    """Run one node until SIGINT, SIGTERM or SIGHUP; a quiet one does not print its journal.

    False where a mistake of the lab has ended it. Raises `InputError` where the topology has no such node or its
    address or ports cannot be had, `OSError` where a file cannot be written.
    """
    lab_file.check_node(name)
    if isinstance(lab_file.topology.nodes[name], EndpointNode):
        reason = "an endpoint hangs on its switch's port, so it runs in the process of a whole lab: posturelab up"
        raise InputError(lab_file.document.fault(("nodes", name), reason))
    lab_file.check_addresses([name])
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            watch = runner.run(_run(lab_file, name, state_dir, ready_file, quiet=quiet))
    except AddressInUseError as error:
        raise lab_file.explain(error) from None
    return not watch.mistakes


async def _run(lab_file: LabFile, name: str, state_dir: Path, ready_file: Path | None, *, quiet: bool) -> MistakeWatch:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    authority = Authority(state_dir, valid_at=[datetime.now(UTC)])
    journal = Journal(SystemClock(), limit=_JOURNAL_LIMIT)
    watch = end_on_mistake(journal, ended)
    node = _make(lab_file, name, authority, journal)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(node.stop)
        await node.start()
        described = {name: {"kind": node.kind, "address": node.address, "ports": dict(node.ports)}}
        if ready_file is not None:
            stack.callback(ready_file.unlink, missing_ok=True)
            write_ready_file(ready_file, control="", ca_certificate=authority.certificate_path, nodes=described)
        _calm_collector()
        print(f"{name} ready: {node.kind} on {node.address}, {render_ports(node.ports)}", flush=True)
        if not quiet:
            journal.listen(JournalLog(sys.stdout, {name: node.kind}, colour=sys.stdout.isatty()).write)
        await ended.wait()
    print(f"{name} stopped")
    return watch


def _calm_collector() -> None:
    """Let the collector look at long-lived objects less often.

    Sessions live for hours and refer to nothing that refers back, so a collection finds next to nothing among them;
    with Python's own thresholds each stalls every request meanwhile, the longer the more sessions there are.
    """
    gc.collect()
    gc.freeze()  # what was made until now lives as long as the node
    gc.set_threshold(50_000, 20, 100)


def _make(lab_file: LabFile, name: str, authority: Authority, journal: Journal) -> RunningNode:
    seed = random.SystemRandom().getrandbits(32)
    maker = NodeMaker(lab_file.topology, authority, clock=SystemClock(), journal=journal, seed=seed)
    match lab_file.topology.nodes[name]:
        case MntNode():
            return maker.make_mnt(name)
        case PsnNode():
            return maker.make_psn(name)
        case SwitchNode():
            return maker.make_switch(name)
        case _:
            return maker.make_website(name)
