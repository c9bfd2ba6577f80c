"""What ships a node's log records to MNT, and which of the two transports a node uses (posture.md 1.2)."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from ldd.link import Link
from nac.node.runtime import Runtime
from nac.syslog_catalogue import CatalogueEntry
from psn.config import LogTransport, PsnConfig
from psn.log.messaging import MessagingSender


class LogSender(Protocol):
    """Ships records; never waits and never raises for what the network does."""

    def send(self, entry: CatalogueEntry, now: datetime, body: str) -> None:
        """Send one record to every target; `body` is rendered attributes (`nac.syslog.render_attributes`)."""
        ...

    def close(self) -> None:
        """Send no more; a second call does nothing."""
        ...


def choose_log_sender(config: PsnConfig, runtime: Runtime, *, syslog: LogSender, link: Link | None) -> LogSender:
    """Choose messaging where it is set and there is a link, else `syslog`, and write down which and why."""
    targets = ", ".join(target.name for target in config.log_targets)
    messaging = config.log_transport is LogTransport.MESSAGING and link is not None
    if messaging:
        why = "through the broker, kept until MNT has stored them"
    elif config.log_transport is LogTransport.UDP:
        why = "by plain UDP, as is set: what the network loses is lost"
    else:
        why = "by plain UDP, for this node has no link to a broker: what the network loses is lost"
    if targets:
        transport = LogTransport.MESSAGING if messaging else LogTransport.UDP
        facts = {"transport": transport.value, "targets": targets}
        runtime.write("log-transport", f"records for {targets} go {why}", facts)
    if link is None or not messaging:
        return syslog
    return MessagingSender(host=config.name, mailboxes=[target.name for target in config.log_targets], link=link)
