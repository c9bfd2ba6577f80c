"""`posturelab up`: a whole lab in this process, in real time, until somebody ends it."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from rich.console import Console

from nac.binding import AddressInUseError
from posturelab.clock import LabLoop
from posturelab.control import ControlServer, list_nodes
from posturelab.journal_log import JournalLog
from posturelab.lab import Lab
from posturelab.lab_file import LabFile
from posturelab.mistake import MistakeWatch, end_on_mistake
from posturelab.ready import print_ready, write_ready_file


def run_up(lab_file: LabFile, *, state_dir: Path, ready_file: Path | None, quiet: bool) -> bool:
    """Run a lab until SIGINT, SIGTERM or SIGHUP; a quiet one does not print its journal.

    False where a mistake of the lab has ended it. Raises `InputError` where an address or port cannot be had,
    `OSError` where a file cannot be written.
    """
    lab_file.check_addresses()
    try:
        with asyncio.Runner(loop_factory=LabLoop) as runner:
            watch = runner.run(_run(lab_file, state_dir, ready_file, quiet=quiet))
    except AddressInUseError as error:
        raise lab_file.explain(error) from None
    return not watch.mistakes


async def _run(lab_file: LabFile, state_dir: Path, ready_file: Path | None, *, quiet: bool) -> MistakeWatch:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    console = Console()
    async with AsyncExitStack() as stack:
        seed = random.SystemRandom().getrandbits(32)
        lab = Lab(lab_file.topology, seed=seed, state_dir=state_dir)
        watch = end_on_mistake(lab.journal, ended)
        await stack.enter_async_context(lab)
        control = ControlServer(lab)
        stack.push_async_callback(control.stop)
        await control.start()
        if ready_file is not None:
            stack.callback(ready_file.unlink, missing_ok=True)
            certificate = lab.authority.certificate_path
            write_ready_file(ready_file, control=control.url, ca_certificate=certificate, nodes=list_nodes(lab))
        print_ready(console, lab.topology, lab.nodes, control=control.url)
        if not quiet:
            kinds = {name: node.kind for name, node in lab.nodes.items()}
            log = JournalLog(sys.stdout, kinds, colour=console.is_terminal)
            stack.callback(lab.journal.listen(log.write))
        await ended.wait()
    console.print("lab stopped", highlight=False)
    return watch
