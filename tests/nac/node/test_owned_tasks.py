"""Tasks with an owner."""

from __future__ import annotations

import asyncio

import pytest

from nac.node.owned_tasks import OwnedTasks
from posturelab.clock import LabLoop


async def test_the_owner_ends_its_tasks_and_waits_until_they_have_cleaned_up() -> None:
    cleaned: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.01)
            cleaned.append("up")

    tasks = OwnedTasks()
    tasks.spawn(work(), name="work")
    await asyncio.sleep(0)
    await tasks.cancel()
    assert cleaned == ["up"]
    assert len(tasks) == 0


async def test_a_task_that_fails_reports_to_the_loop() -> None:
    async def fail() -> None:
        raise LookupError("a mistake")

    reported: asyncio.Future[dict[str, object]] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.set_result(context))
    OwnedTasks().spawn(fail(), name="failing")
    context = await reported
    assert context["message"] == "task failing failed"
    with pytest.raises(LookupError, match="a mistake"):
        raise context["exception"]


def test_joining_waits_for_the_tasks_but_no_longer_than_told() -> None:
    async def join() -> list[float]:
        tasks, now = OwnedTasks(), asyncio.get_running_loop().time
        await tasks.join(1)
        ends = [now()]
        tasks.spawn(asyncio.sleep(10), name="short")
        tasks.spawn(asyncio.sleep(3600), name="long")
        await tasks.join(60)
        assert len(tasks) == 1
        ends.append(now())
        await tasks.join(3600)
        assert len(tasks) == 0
        return [*ends, now()]

    with asyncio.Runner(loop_factory=lambda: LabLoop(virtual=True)) as runner:
        assert runner.run(join()) == pytest.approx([0, 60, 3600])
