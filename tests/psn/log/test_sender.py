"""Which transport ships a node's records, and that the journal says so with its price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ldd.embedded import EmbeddedBroker
from psn.config import LogTransport
from psn.log.messaging import MessagingSender
from psn.log.sender import choose_log_sender

if TYPE_CHECKING:
    from tests.psn.bench import BuildBench


@pytest.mark.parametrize(
    ("transport", "is_linked", "chosen", "why"),
    [
        (LogTransport.MESSAGING, True, "messaging", "through the broker, kept until MNT has stored them"),
        (
            LogTransport.MESSAGING,
            False,
            "udp",
            "by plain UDP, for this node has no link to a broker: what the network loses is lost",
        ),
        (LogTransport.UDP, True, "udp", "by plain UDP, as is set: what the network loses is lost"),
        (LogTransport.UDP, False, "udp", "by plain UDP, as is set: what the network loses is lost"),
    ],
)
def test_transport_follows_the_setting_where_there_is_a_link(
    build_bench: BuildBench,
    transport: LogTransport,
    is_linked: bool,  # noqa: FBT001
    chosen: str,
    why: str,
) -> None:
    bench = build_bench(log_transport=transport)
    link = EmbeddedBroker().link("psn1") if is_linked else None
    sender = choose_log_sender(bench.config, bench.runtime, syslog=bench.sender, link=link)
    assert isinstance(sender, MessagingSender) == (chosen == "messaging")
    assert chosen == "messaging" or sender is bench.sender
    (record,) = bench.list_events("log-transport")
    assert record.reason == f"records for mnt1 go {why}"
    assert record.facts == {"transport": chosen, "targets": "mnt1"}


@pytest.mark.parametrize("link", [None, EmbeddedBroker().link("psn1")], ids=["alone", "linked"])
def test_node_without_targets_has_nothing_to_say(build_bench: BuildBench, link: Any) -> None:
    bench = build_bench(log_targets=())
    choose_log_sender(bench.config, bench.runtime, syslog=bench.sender, link=link)
    assert bench.list_events("log-transport") == []
