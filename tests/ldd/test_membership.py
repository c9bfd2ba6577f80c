"""What a node does with its link, from its birth to its end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ldd.embedded import EmbeddedBroker
from ldd.era import Era
from ldd.link import Link
from ldd.membership import Membership
from nac.node.runtime import Runtime
from tests.ldd.conftest import BuildRecord
from tests.ldd.link_harness import Inbox

BuildRuntime = Callable[[str], Runtime]

Raised = list[list[tuple[str, str]]]


def join(runtime: Runtime, link: Link | None, *, era: Era = Era.POSTURE_SHARING) -> Membership:
    return Membership(runtime, link, era=era, name="psn1.lab.test")


async def test_a_link_that_is_broken_from_the_start_is_an_alarm(build_runtime: BuildRuntime) -> None:
    broker, raised = EmbeddedBroker(), Raised()
    broker.fail(reason="connection refused")
    membership = join(build_runtime("psn1"), broker.link("psn1"))
    await membership.start(raised.append)
    await membership.stop()
    assert raised == [[("Message", "From psn1.lab.test To the message broker"), ("Cause", "connection refused")]]


async def test_what_goes_wrong_at_the_farewell_is_told(build_runtime: BuildRuntime, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    runtime, broker = build_runtime("psn1"), EmbeddedBroker()
    link = broker.link("psn1", spool=tmp_path / "file" / "psn1.spool")
    membership = join(runtime, link)
    broker.cut("psn1")
    await membership.start(Raised().append)
    link.post("mnt1", b"1")
    await membership.stop()
    assert [record.event for record in runtime.journal] == ["spool-failed", "queue-link-error", "spool-failed"]


async def test_who_stops_forgets_what_others_told_and_says_what_it_had_to_say(
    build_runtime: BuildRuntime, build_record: BuildRecord
) -> None:
    broker = EmbeddedBroker()
    link, psn2 = broker.link("psn1"), Inbox(broker.link("psn2"))
    await psn2.link.start()
    membership = join(build_runtime("psn1"), link)
    await membership.start(Raised().append)
    membership.rsd.merge(build_record())
    link.publish("session", "a", b"1")
    await membership.stop()
    await membership.stop()
    assert not len(membership.rsd)
    assert await psn2.wait_for_records(1) == [1]
    await psn2.link.stop()


@pytest.mark.parametrize("era", Era)
async def test_the_replica_is_kept_up_to_date_where_the_era_has_one(era: Era, build_runtime: BuildRuntime) -> None:
    assert (join(build_runtime("psn1"), EmbeddedBroker().link("psn1"), era=era).replication is None) == (era is Era.OFF)


async def test_a_node_that_is_alone_has_nothing_to_start(build_runtime: BuildRuntime) -> None:
    membership = join(build_runtime("psn1"), None)
    await membership.start(Raised().append)
    await membership.stop()
    assert membership.replication is None
