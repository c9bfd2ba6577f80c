"""`posturelab up`: a whole lab in this process, in real time, until somebody ends it."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from contextlib import AsyncExitStack

from rich.console import Console

from ldd.broker_settings import BrokerSettings
from nac.binding import AddressInUseError
from posturelab.clock import LabLoop
from posturelab.control import LabControl, list_nodes
from posturelab.control_server import ControlServer
from posturelab.journal_log import JournalLog
from posturelab.lab import Lab
from posturelab.lab_file import LabFile
from posturelab.link_watch import wait_until_told
from posturelab.links import choose_broker, link_by_broker, render_broker
from posturelab.mistake import LAB, MistakeWatch, end_on_mistake
from posturelab.ready import print_ready, write_ready_file
from posturelab.start_options import StartOptions
from posturelab.state_folder import choose_folder


def run_up(lab_file: LabFile, *, options: StartOptions) -> bool:
    """Run a lab until SIGINT, SIGTERM or SIGHUP.

    False where a mistake of the lab has ended it. Raises `InputError` where an address or port cannot be had,
    `OSError` where a file cannot be written or a database is in use.
    """
    lab_file.check_addresses()
    lab_file.check_control()
    broker = choose_broker(lab_file, options.brokers)
    try:
        with asyncio.Runner(loop_factory=LabLoop) as runner:
            watch = runner.run(_run(lab_file, options, broker))
    except AddressInUseError as error:
        raise lab_file.explain(error) from None
    return not watch.mistakes


async def _run(lab_file: LabFile, options: StartOptions, broker: BrokerSettings | None) -> MistakeWatch:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    console = Console()
    async with AsyncExitStack() as stack:
        lab = _make_lab(lab_file, options, broker)
        watch = end_on_mistake(lab.journal, ended)
        await stack.enter_async_context(lab)
        control = ControlServer(
            lab.topology.control, routes=LabControl(lab).list_routes(), observe=lab.journal.writer(LAB)
        )
        stack.push_async_callback(control.stop)
        await control.start()
        await wait_until_told(lab.links.values())
        if options.ready_file is not None:
            stack.callback(options.ready_file.unlink, missing_ok=True)
            certificate = lab.authority.certificate_path
            write_ready_file(options.ready_file, control=control.url, ca_certificate=certificate, nodes=list_nodes(lab))
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
    links = link_by_broker(broker, deployment=topology.name, folder=folder) if broker else None
    lab = Lab(topology, seed=seed, state_dir=state_dir, links=links)
    if options.fresh:
        lab.forget()
    return lab
