"""Records on their way to the targets: every target gets each, in segments where it asks for short ones."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from nac.node.journal import Fact, Observer
from nac.syslog import parse_segment, render_attributes
from nac.syslog_catalogue import AUTHENTICATION_SUCCEEDED
from psn.config import LogTarget
from psn.log.syslog import RECOVERY_TIME, SyslogSender

if TYPE_CHECKING:
    from tests.psn.collector import Collector

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
BODY = render_attributes([(f"key{number}", "x" * 50) for number in range(20)])


@pytest.fixture
def senders() -> Iterator[list[SyslogSender]]:
    senders: list[SyslogSender] = []
    yield senders
    for sender in senders:
        sender.close()


def ignore(event: str, reason: str, facts: Mapping[str, Fact]) -> None:
    """Observe nothing."""


def open_sender(
    senders: list[SyslogSender], *targets: LogTarget, address: str = "127.0.0.1", observe: Observer = ignore
) -> SyslogSender:
    senders.append(SyslogSender(host="psn1", address=address, targets=targets, observe=observe))
    return senders[-1]


def make_gone_target() -> LogTarget:
    """Make a target at which nobody listens: its address is nobody's, so that no sender is given its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.77", 0))
        host, port = sock.getsockname()
    return LogTarget(name="gone", host=host, port=port)


def test_record_arrives_at_every_target_cut_as_it_asks(senders: list[SyslogSender], collector: Collector) -> None:
    whole, short = collector.make_target(), collector.make_target(maximum_length=400)
    sender = open_sender(senders, whole, short)
    sender.send(AUTHENTICATION_SUCCEEDED, NOW, BODY)
    datagrams = collector.list_datagrams()
    totals = [parse_segment(data).total for data in datagrams]
    assert totals[0] == 1
    assert totals[1:] == [len(totals) - 1] * (len(totals) - 1)
    assert all(len(data) <= 400 for data in datagrams[1:])


def test_record_keeps_its_content(senders: list[SyslogSender], collector: Collector) -> None:
    open_sender(senders, collector.make_target(maximum_length=200)).send(AUTHENTICATION_SUCCEEDED, NOW, BODY)
    (record,) = collector.list_records()
    assert (record.host, record.code, record.at) == ("psn1", 5200, NOW)
    assert record.attributes == tuple((f"key{number}", "x" * 50) for number in range(20))


def test_records_are_numbered_for_each_target(senders: list[SyslogSender], collector: Collector) -> None:
    sender = open_sender(senders, collector.make_target())
    for _ in range(3):
        sender.send(AUTHENTICATION_SUCCEEDED, NOW, BODY)
    assert [record.sequence for record in collector.list_records()] == [1, 2, 3]


def test_records_come_from_the_address_of_the_node(senders: list[SyslogSender], collector: Collector) -> None:
    open_sender(senders, collector.make_target(), address="127.0.1.1").send(AUTHENTICATION_SUCCEEDED, NOW, "a=b, ")
    _, source = collector.sock.recvfrom(65_535)
    assert source[0] == "127.0.1.1"


def test_target_that_is_not_there_is_news_once_and_disturbs_no_other(
    senders: list[SyslogSender], collector: Collector
) -> None:
    """Every second datagram towards a closed port meets the ICMP error of the one before, and that is no recovery."""
    events: list[tuple[str, str, Mapping[str, Fact]]] = []
    gone = make_gone_target()
    sender = open_sender(senders, gone, collector.make_target(), observe=lambda *event: events.append(event))
    for number in range(6):
        sender.send(AUTHENTICATION_SUCCEEDED, NOW + number * RECOVERY_TIME, "a=b, ")
    assert len(collector.list_records()) == 6
    ((event, reason, facts),) = events
    assert (event, reason) == ("log-target-lost", "records for gone are being lost: Connection refused")
    assert facts == {"target": "gone", "address": gone.host, "port": gone.port}


def test_target_that_comes_back_is_news_after_a_while(senders: list[SyslogSender], collector: Collector) -> None:
    events: list[tuple[str, str]] = []
    gone = make_gone_target()
    sender = open_sender(
        senders, collector.make_target(), gone, observe=lambda event, reason, _: events.append((event, reason))
    )
    for _ in range(4):
        sender.send(AUTHENTICATION_SUCCEEDED, NOW, "a=b, ")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as back:
        back.bind((gone.host, gone.port))
        for seconds in (0, 9, 9):
            sender.send(AUTHENTICATION_SUCCEEDED, NOW + timedelta(seconds=seconds), "a=b, ")
        assert [event for event, _ in events] == ["log-target-lost"]
        sender.send(AUTHENTICATION_SUCCEEDED, NOW + RECOVERY_TIME, "a=b, ")
    assert events[1:] == [("log-target-back", "records for gone can be sent again; 4 datagrams were lost")]


def test_record_is_not_lost_for_the_sake_of_an_earlier_one(senders: list[SyslogSender]) -> None:
    gone = make_gone_target()
    sender = open_sender(senders, gone)
    sender.send(AUTHENTICATION_SUCCEEDED, NOW, "a=b, ")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as back:
        back.bind((gone.host, gone.port))
        back.settimeout(30)
        sender.send(AUTHENTICATION_SUCCEEDED, NOW, "c=d, ")
        assert b"c=d" in back.recv(8192)


def test_without_targets_nothing_is_sent(senders: list[SyslogSender], collector: Collector) -> None:
    open_sender(senders).send(AUTHENTICATION_SUCCEEDED, NOW, "a=b, ")
    assert collector.list_datagrams() == []


def test_closed_sender_sends_no_more_and_may_be_closed_again(senders: list[SyslogSender], collector: Collector) -> None:
    sender = open_sender(senders, collector.make_target())
    sender.close()
    sender.close()
    sender.send(AUTHENTICATION_SUCCEEDED, NOW, "a=b, ")
    assert collector.list_datagrams() == []


@pytest.mark.parametrize(
    ("second", "error"),
    [
        (LogTarget(name="far", host="127.0.0.1", maximum_length=100), ValueError),
        (LogTarget(name="far", host="192.0.2.1"), OSError),
    ],
)
def test_sender_that_cannot_open_a_target_leaves_no_socket_open(
    collector: Collector, second: LogTarget, error: type[Exception]
) -> None:
    """A socket left behind would raise a ResourceWarning, which is an error here."""
    with pytest.raises(error):
        SyslogSender(host="psn1", address="127.0.0.1", targets=[collector.make_target(), second], observe=ignore)
