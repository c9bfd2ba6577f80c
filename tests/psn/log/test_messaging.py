"""Records on their way to MNT's mailboxes: the same lines as by plain syslog, as JSON, kept while nobody is there."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ldd.embedded import EmbeddedBroker
from ldd.link import Delivery
from nac.syslog import LONGEST_LENGTH, SyslogEncoder, parse_record, parse_segment, render_attributes
from nac.syslog_catalogue import AUTHENTICATION_SUCCEEDED
from psn.log.messaging import MessagingSender, encode_letter

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
VALUES = st.text(st.characters(exclude_categories=[]) | st.sampled_from('\\",;{}'), max_size=40)


class Mailbox:
    """What a monitoring node receives."""

    def __init__(self, broker: EmbeddedBroker, name: str) -> None:
        self.link = broker.link(name)
        self.lines: list[list[str]] = []
        self.link.receive(name, self._take)

    async def _take(self, delivery: Delivery) -> None:
        self.lines += delivery.letters


@given(st.lists(st.tuples(st.sampled_from(("key", "other")), VALUES), min_size=1, max_size=5))
def test_letter_is_json_of_the_lines_whatever_is_in_them(pairs: list[tuple[str, str]]) -> None:
    lines = SyslogEncoder("psn1").encode(AUTHENTICATION_SUCCEEDED, NOW, render_attributes(pairs))
    assert json.loads(encode_letter(lines)) == [line.decode() for line in lines]


def test_record_longer_than_a_line_is_one_letter_of_several() -> None:
    body = render_attributes([(f"key{number}", "x" * 100) for number in range(200)])
    encoder = SyslogEncoder("psn1", maximum_length=LONGEST_LENGTH)
    lines = json.loads(encode_letter(encoder.encode(AUTHENTICATION_SUCCEEDED, NOW, body)))
    segments = [parse_segment(line.encode()) for line in lines]
    assert [(segment.index, segment.total) for segment in segments] == [(0, 3), (1, 3), (2, 3)]
    record = parse_record(host="psn1", category="", text="".join(segment.payload for segment in segments))
    assert len(record.attributes) == 200


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
