"""Letters on their way to a receiver that cannot read all of them (`ldd.reading`)."""

import asyncio

from ldd.envelope import encode_letters
from ldd.link import Delivery, LinkEvent
from ldd.link_state import LinkState
from ldd.reading import Reading


async def test_a_mailbox_with_several_letters_of_a_newer_release_is_held_once() -> None:
    state = LinkState("mnt1", None)
    told: list[LinkEvent] = []
    taken: list[int] = []

    async def receive(delivery: Delivery) -> None:
        taken.extend(delivery.letters)

    state.receive("mnt1", receive)
    state.watch(lambda event, _: told.append(event))
    state.is_up = True
    ends: list[str] = []
    reading = Reading[int](
        state, "mnt1", acknowledge=taken.append, fail=lambda: ends.append("fail"), hold=lambda: ends.append("hold")
    )
    newer = encode_letters(node="psn1", stream="5f", first=1, letters=[b"9"]).replace(b'n":1', b'n":2', 1)
    for token in range(3):
        reading.take(newer, token)
    await state.tasks.join(30)
    await asyncio.sleep(0)  # what is called when a task has ended is called after those who wait for it
    assert (told, ends, taken) == ([LinkEvent.HELD], ["hold"], [])
    assert reading.end() == [0, 1, 2]
