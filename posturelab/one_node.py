"""`posturelab node`: one node of a topology in a process of its own, on uvloop and the machine's clock."""

from __future__ import annotations

import asyncio
import gc
import random
import signal
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from nac.binding import AddressInUseError
from nac.clock import SystemClock
from nac.journal import Journal
from posturelab.authority import Authority
from posturelab.input_error import InputError
from posturelab.lab_file import LabFile
from posturelab.node_maker import NodeMaker, RunningNode
from posturelab.ready import render_ports, write_ready_file
from posturelab.topology_endpoint import EndpointNode
from posturelab.topology_nodes import MntNode, PsnNode, SwitchNode

_JOURNAL_LIMIT = 10_000


def run_node(lab_file: LabFile, name: str, *, state_dir: Path, ready_file: Path | None) -> None:
    """Run one node until SIGINT or SIGTERM.

    Raises `InputError` where the topology has no such node or its address or ports cannot be had, `OSError` where a
    file cannot be written.
    """
    lab_file.check_node(name)
    if isinstance(lab_file.topology.nodes[name], EndpointNode):
        reason = "an endpoint hangs on its switch's port, so it runs in the process of a whole lab: posturelab up"
        raise InputError(lab_file.document.fault(("nodes", name), reason))
    lab_file.check_addresses([name])
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(lab_file, name, state_dir, ready_file))
    except AddressInUseError as error:
        raise lab_file.explain(error) from None
    finally:
        if ready_file is not None:
            ready_file.unlink(missing_ok=True)


async def _run(lab_file: LabFile, name: str, state_dir: Path, ready_file: Path | None) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    authority = Authority(state_dir, valid_at=[datetime.now(UTC)])
    node = _make(lab_file, name, authority)
    try:
        await node.start()
        described = {name: {"kind": node.kind, "address": node.address, "ports": dict(node.ports)}}
        if ready_file is not None:
            write_ready_file(ready_file, control="", ca_certificate=authority.certificate_path, nodes=described)
        gc.freeze()  # what was made until now lives as long as the node; collections need not look at it again
        print(f"{name} ready: {node.kind} on {node.address}, {render_ports(node.ports)}", flush=True)
        await ended.wait()
    finally:
        await node.stop()
    print(f"{name} stopped")


def _make(lab_file: LabFile, name: str, authority: Authority) -> RunningNode:
    clock = SystemClock()
    seed = random.SystemRandom().getrandbits(32)
    journal = Journal(clock, limit=_JOURNAL_LIMIT)
    maker = NodeMaker(lab_file.topology, authority, clock=clock, journal=journal, seed=seed)
    match lab_file.topology.nodes[name]:
        case MntNode():
            return maker.make_mnt(name)
        case PsnNode():
            return maker.make_psn(name)
        case SwitchNode():
            return maker.make_switch(name)
        case _:
            return maker.make_website(name)
