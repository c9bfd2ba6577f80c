"""Records on their way to MNT's mailboxes: each to all of them in its order, kept while nobody is there."""

from __future__ import annotations

from datetime import UTC, datetime

from ldd.embedded import EmbeddedBroker
from ldd.link import Delivery
from nac.syslog import parse_segment
from nac.syslog_catalogue import AUTHENTICATION_SUCCEEDED
from psn.log.messaging import MessagingSender

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


class Mailbox:
    """What a monitoring node receives."""

    def __init__(self, broker: EmbeddedBroker, name: str) -> None:
        self.link = broker.link(name)
        self.lines: list[list[str]] = []
        self.link.receive(name, self._take)

    async def _take(self, delivery: Delivery) -> None:
        self.lines += delivery.letters


async def test_every_mailbox_gets_every_record_in_its_order() -> None:
    broker = EmbeddedBroker()
    mailboxes = [Mailbox(broker, name) for name in ("mnt1", "mnt2")]
    link = broker.link("psn1")
    sender = MessagingSender(host="psn1", mailboxes=["mnt1", "mnt2"], link=link)
    await link.start()
    for number in range(3):
        sender.send(AUTHENTICATION_SUCCEEDED, NOW, f"number={number}, ")
    for mailbox in mailboxes:
        await mailbox.link.start()
    await link.stop()
    for mailbox in mailboxes:
        await mailbox.link.stop()
        segments = [parse_segment(line.encode()) for (line,) in mailbox.lines]
        assert [segment.message_id for segment in segments] == [1, 2, 3]
        assert [segment.payload[-9:] for segment in segments] == ["number=0,", "number=1,", "number=2,"]


async def test_closed_sender_posts_no_more_and_what_was_posted_still_goes() -> None:
    broker = EmbeddedBroker()
    mailbox = Mailbox(broker, "mnt1")
    link = broker.link("psn1")
    sender = MessagingSender(host="psn1", mailboxes=["mnt1"], link=link)
    for own in (link, mailbox.link):
        await own.start()
    sender.send(AUTHENTICATION_SUCCEEDED, NOW, "a=b, ")
    sender.close()
    sender.close()
    sender.send(AUTHENTICATION_SUCCEEDED, NOW, "c=d, ")
    await link.stop()
    await mailbox.link.stop()
    assert len(mailbox.lines) == 1
