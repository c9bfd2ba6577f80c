"""`posturelab up`: a whole lab in this process, in real time, until somebody ends it."""

from __future__ import annotations

import asyncio
import random
import sys
from contextlib import AsyncExitStack
from functools import partial

from rich.console import Console

from ldd.broker_settings import BrokerSettings
from posturelab.clock import LabLoop
from posturelab.commands.foreground import run_until_told
from posturelab.commands.ready import leave_ready_file, print_ready
from posturelab.commands.start_options import StartOptions
from posturelab.control.lab import LabControl
from posturelab.control.server import ControlServer
from posturelab.journal.log import JournalLog
from posturelab.lab import Lab
from posturelab.lab_error import NameTakenError
from posturelab.lab_file import LabFile
from posturelab.link_watch import wait_until_told
from posturelab.links import BrokerLinks, choose_broker, render_broker
from posturelab.mistake import LAB, MistakeWatch, end_on_mistake
from posturelab.reading.input_error import InputError
from posturelab.state_folder import choose_folder


def run_up(lab_file: LabFile, *, options: StartOptions, fresh: bool = False) -> bool:
    """Run a lab until SIGINT, SIGTERM or SIGHUP, a fresh one without what its nodes have kept.

    False where a mistake of the lab has ended it. Raises `InputError` where an address or port cannot be had,
    `OSError` where a file cannot be written or a database is in use.
    """
    lab_file.check_addresses()
    lab_file.check_control()
    broker = choose_broker(lab_file, options.brokers)
    life = partial(_run, lab_file=lab_file, options=options, broker=broker, fresh=fresh)
    return run_until_told(life, lab_file, loop_factory=LabLoop)


async def _run(
    ended: asyncio.Event, *, lab_file: LabFile, options: StartOptions, broker: BrokerSettings | None, fresh: bool
) -> MistakeWatch:
    console = Console()
    async with AsyncExitStack() as stack:
        lab = _make_lab(lab_file, options, broker)
        if fresh:
            await _forget(lab, lab_file, console)
        watch = end_on_mistake(lab.journal, ended)
        await stack.enter_async_context(lab)
        control = ControlServer(
            lab.topology.control, routes=LabControl(lab).list_routes(), observe=lab.journal.writer(LAB)
        )
        stack.push_async_callback(control.stop)
        await control.start()
        await wait_until_told(lab.links.values())
        certificate = lab.authority.certificate_path
        stack.enter_context(
            leave_ready_file(options.ready_file, control=control.url, ca_certificate=certificate, nodes=lab.nodes)
        )
        print_ready(console, lab, control=control.url, broker=render_broker(broker) if broker else "")
        if not options.quiet:
            kinds = {name: node.kind for name, node in lab.nodes.items()}
            log = JournalLog(sys.stdout, kinds, colour=console.is_terminal)
            stack.callback(log.follow(lab.journal))
        await ended.wait()
    console.print("lab stopped", highlight=False)
    return watch


def _make_lab(lab_file: LabFile, options: StartOptions, broker: BrokerSettings | None) -> Lab:
    seed = random.SystemRandom().getrandbits(32)
    topology, state_dir = lab_file.topology, options.state_dir
    folder = choose_folder(state_dir, topology.name)
    links = BrokerLinks(broker, deployment=topology.name, folder=folder) if broker else None
    return Lab(topology, seed=seed, state_dir=state_dir, links=links)


async def _forget(lab: Lab, lab_file: LabFile, console: Console) -> None:
    """Remove what an earlier lab has left, at the broker and here; one that is away is no reason not to start.

    Raises `InputError`, having removed nothing, where a lab of this name runs at the broker.
    """
    try:
        trouble = await lab.forget_at_broker()
    except NameTakenError as error:
        raise InputError(lab_file.document.fault(("name",), str(error))) from None
    lab.forget()
    if trouble:
        console.print(trouble, style="yellow", highlight=False, soft_wrap=True)
