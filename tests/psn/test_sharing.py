"""What a policy service node shares over its link, and how MNT is told that it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ldd.embedded import EmbeddedBroker
from nac.letter import parse_letter
from psn.log.messaging import MessagingSender
from psn.session_events import Nobody
from psn.sharing import Sharing
from tests.ldd.link_harness import Inbox

if TYPE_CHECKING:
    from tests.psn.bench import Bench

NODE = "psn1"


async def test_broken_link_is_an_alarm_at_mnt_by_plain_syslog(bench: Bench) -> None:
    """Words and attributes of a published log; posture.md 5.4 has the code and the severity."""
    broker = EmbeddedBroker()
    sharing = Sharing(bench.config, bench.runtime, endpoints=bench.endpoints, link=broker.link(NODE))
    await sharing.start(bench.sender)
    broker.cut(NODE, reason="connection refused")
    await sharing.stop()
    (record,) = bench.list_records()
    assert (record.host, record.category, record.code) == (NODE, "CISE_Alarm", 61056)
    assert (record.severity, record.text) == ("ERROR", "Queue Link Error")
    assert record.attributes == (
        ("Message", "From psn1.lab.test To the message broker"),
        ("Cause", "connection refused"),
    )


async def test_alarm_that_also_goes_by_the_link_waits_for_it_with_its_instant(bench: Bench) -> None:
    broker = EmbeddedBroker()
    link, mnt1 = broker.link(NODE), Inbox(broker.link("mnt1"), mailboxes=["mnt1"])
    await mnt1.link.start()
    sharing = Sharing(bench.config, bench.runtime, endpoints=bench.endpoints, link=link)
    await sharing.start(bench.sender, MessagingSender(host=NODE, mailboxes=["mnt1"], link=link))
    broker.cut(NODE, reason="connection refused")
    bench.clock.advance(minutes=1)
    broker.restore(NODE)
    (letter,) = await mnt1.wait_for_letters(1)
    (record,) = bench.list_records()
    assert parse_letter(letter) == record
    await sharing.stop()
    await mnt1.link.stop()


async def test_node_that_is_alone_shares_nothing(bench: Bench) -> None:
    sharing = Sharing(bench.config, bench.runtime, endpoints=bench.endpoints, link=None)
    await sharing.start(bench.sender)
    await sharing.stop()
    assert isinstance(sharing.listener, Nobody)
    assert (sharing.replication, bench.list_records()) == (None, [])
