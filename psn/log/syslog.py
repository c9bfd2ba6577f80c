"""Ships syslog records to the remote targets, one connected datagram socket each.

Plain UDP: what the network loses is lost, and nothing here notices. A send never waits: what the machine itself
refuses to send (a full buffer), or an ICMP error says has found nobody, is lost too, which the journal says when it
begins and when it has ended.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from nac.node.journal import Observer
from nac.syslog import SyslogEncoder
from nac.syslog_catalogue import CatalogueEntry
from psn.config import LogTarget

RECOVERY_TIME = timedelta(seconds=10)
"""How long sending must have gone well, twice at least, before a target counts as back.

What has happened to a datagram is only told when the next one is sent.
"""


@dataclass(slots=True)
class _Loss:
    """What cannot be sent to one target since it was lost."""

    target: LogTarget
    failed_at: datetime
    datagrams: int = 1
    sent_since: int = 0


class SyslogSender:
    """The syslog side of one node."""

    def __init__(self, *, host: str, address: str, targets: Iterable[LogTarget], observe: Observer) -> None:
        """Open a socket from the node's own address to every target; raises `OSError`, and as `SyslogEncoder` does."""
        self._observe = observe
        self._targets: list[tuple[SyslogEncoder, socket.socket, LogTarget]] = []
        self._losses: dict[socket.socket, _Loss] = {}
        try:
            for target in targets:
                self._open(host, address, target)
        except (OSError, ValueError):
            self.close()
            raise

    def send(self, entry: CatalogueEntry, now: datetime, body: str) -> None:
        """Send one record to every target; `body` is rendered attributes (`nac.syslog.render_attributes`)."""
        for encoder, sock, target in self._targets:
            for datagram in encoder.encode(entry, now, body):
                try:
                    sock.send(datagram)
                except BlockingIOError as error:
                    self._note_loss(sock, target, error, now)
                except OSError as error:  # the ICMP error of an earlier datagram; this one has not left for its sake
                    self._note_loss(sock, target, error, now)
                    with suppress(OSError):
                        sock.send(datagram)
                else:
                    if self._losses:
                        self._note_success(sock, now)

    def close(self) -> None:
        """Close the sockets."""
        for _, sock, _ in self._targets:
            sock.close()
        self._targets.clear()
        self._losses.clear()

    def _note_loss(self, sock: socket.socket, target: LogTarget, error: OSError, now: datetime) -> None:
        """Count what could not be sent; the first of a row is news."""
        loss = self._losses.get(sock)
        if loss is not None:
            loss.datagrams += 1
            loss.failed_at, loss.sent_since = now, 0
            return
        self._losses[sock] = _Loss(target, now)
        why = f"records for {target.name} are being lost: {error.strerror}"
        self._observe("log-target-lost", why, {"target": target.name, "address": target.host, "port": target.port})

    def _note_success(self, sock: socket.socket, now: datetime) -> None:
        """Say that a target is back once it has been for a while."""
        loss = self._losses.get(sock)
        if loss is None:
            return
        loss.sent_since += 1
        if loss.sent_since < 2 or now - loss.failed_at < RECOVERY_TIME:
            return
        del self._losses[sock]
        target = loss.target
        why = f"records for {target.name} can be sent again; {loss.datagrams} datagrams were lost"
        self._observe("log-target-back", why, {"target": target.name, "address": target.host, "port": target.port})

    def _open(self, host: str, address: str, target: LogTarget) -> None:
        encoder = SyslogEncoder(host, maximum_length=target.maximum_length)
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._targets.append((encoder, sock, target))
        sock.setblocking(False)
        sock.bind((address, 0))
        sock.connect((target.host, target.port))
