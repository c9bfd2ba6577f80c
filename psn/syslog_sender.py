"""Ships syslog records to the remote targets, one connected datagram socket each.

Plain UDP: what the network loses is lost, and nothing here notices. A send never waits: where the socket's buffer
is full the record is dropped and counted.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from datetime import datetime

from nac.syslog import SyslogEncoder
from nac.syslog_catalogue import CatalogueEntry
from psn.config import LogTarget


class SyslogSender:
    """The syslog side of one node."""

    def __init__(self, *, host: str, address: str, targets: Iterable[LogTarget]) -> None:
        """Open a socket from the node's own address to every target; raises `OSError`, and as `SyslogEncoder` does."""
        self.sent = 0
        self.dropped = 0
        self._targets: list[tuple[SyslogEncoder, socket.socket]] = []
        try:
            for target in targets:
                self._open(host, address, target)
        except (OSError, ValueError):
            self.close()
            raise

    def send(self, entry: CatalogueEntry, now: datetime, body: str) -> None:
        """Send one record to every target; `body` is rendered attributes (`nac.syslog.render_attributes`)."""
        for encoder, sock in self._targets:
            for datagram in encoder.encode(entry, now, body):
                try:
                    sock.send(datagram)
                    self.sent += 1
                except OSError:
                    self.dropped += 1  # full buffer, or an ICMP error of an earlier record: the target is not there

    def close(self) -> None:
        """Close the sockets."""
        for _, sock in self._targets:
            sock.close()
        self._targets.clear()

    def _open(self, host: str, address: str, target: LogTarget) -> None:
        encoder = SyslogEncoder(host, maximum_length=target.maximum_length)
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._targets.append((encoder, sock))
        sock.setblocking(False)
        sock.bind((address, 0))
        sock.connect((target.host, target.port))
