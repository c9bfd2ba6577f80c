"""A lab, or one node, in the foreground of a terminal or a container: what it runs on, and what ends it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from nac.node.binding import AddressInUseError
from posturelab.lab_file import LabFile
from posturelab.mistake import MistakeWatch

Life = Callable[[asyncio.Event], Coroutine[Any, Any, MistakeWatch]]
"""What runs until the event is set, and then tells which mistakes were made; a mistake may set the event too."""


def run_until_told(life: Life, lab_file: LabFile, *, loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> bool:
    """Run a life on a loop of its own; SIGINT, SIGTERM and SIGHUP set the event that ends it.

    False where a mistake of the lab has ended it. Raises what the life raises, and `InputError` where an address or
    port cannot be had.
    """
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            watch = runner.run(_heed_signals(life))
    except AddressInUseError as error:
        raise lab_file.explain(error) from None
    return not watch.mistakes


async def _heed_signals(life: Life) -> MistakeWatch:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    return await life(ended)
