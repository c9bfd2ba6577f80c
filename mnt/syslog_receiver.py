"""The syslog target of a monitoring node: datagrams in, records out, and a journal record for whatever yields none."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial

from mnt.reassembly import Reassembly
from nac.node.binding import bind_udp
from nac.node.runtime import Runtime
from nac.syslog import MalformedSyslogError, SyslogRecord, parse_record, parse_segment

_BATCH = 256
"""Datagrams read before the loop may serve others; what is left wakes it again."""

_LONGEST_DATAGRAM = 65_535


class SyslogReceiver:
    """One UDP socket whose records go to `on_record`."""

    def __init__(self, runtime: Runtime, reassembly: Reassembly, on_record: Callable[[SyslogRecord], None]) -> None:
        """Prepare; nothing is bound before `start`."""
        self._runtime = runtime
        self._reassembly = reassembly
        self._on_record = on_record
        self._sock: socket.socket | None = None
        self._deadline_timer: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        """The port that is bound, 0 while none is."""
        return int(self._sock.getsockname()[1]) if self._sock else 0

    def start(self, address: str, port: int) -> None:
        """Bind and read from now on; raises as `bind_udp` does."""
        self._sock = bind_udp(address, port)
        asyncio.get_running_loop().add_reader(self._sock, self._read, self._sock)

    def stop(self) -> None:
        """Close the socket; segments that wait are forgotten with their timer."""
        if self._sock is not None:
            asyncio.get_running_loop().remove_reader(self._sock)
            self._sock.close()
            self._sock = None
        if self._deadline_timer is not None:
            self._deadline_timer.cancel()
            self._deadline_timer = None

    def _read(self, sock: socket.socket) -> None:
        """Read a batch of what has arrived."""
        keeper = self._runtime.gate.entering
        for _ in range(_BATCH):
            try:
                data, source = sock.recvfrom(_LONGEST_DATAGRAM)
            except BlockingIOError:
                break
            except OSError:
                continue  # it says nothing about the next datagram
            if keeper is None:
                self._take(data, source[0])
            else:
                keeper(source, sock.getsockname(), partial(self._take_kept, data, source[0]))
        self._report_lost()

    def _take_kept(self, data: bytes, source: str) -> None:
        """Take what the keeper of the gate has let in, unless the socket is closed by now."""
        if self._sock is not None:
            self._take(data, source)
            self._report_lost()

    def _take(self, data: bytes, source: str) -> None:
        try:
            segment = parse_segment(data)
            whole = self._reassembly.add(segment, self._runtime.clock.now())
            if whole is None:
                return
            record = parse_record(host=whole.host, category=whole.category, text=whole.text)
        except MalformedSyslogError as error:
            self._runtime.write("syslog-malformed", str(error), {"address": source, "octets": len(data)})
            return
        self._on_record(record)

    def _report_lost(self) -> None:
        """Tell which records were given up, and come back when the next one is due."""
        now = self._runtime.clock.now()
        for lost in self._reassembly.collect_lost(now):
            self._runtime.write(
                "syslog-lost",
                f"record {lost.message_id:010d} of {lost.host} is given up: {lost.reason}",
                {"server": lost.host, "missing": lost.missing, "segments": lost.total},
            )
        deadline = self._reassembly.deadline
        if deadline is not None and self._deadline_timer is None:
            delay = (deadline - now).total_seconds()
            self._deadline_timer = asyncio.get_running_loop().call_later(delay, self._reach_deadline)

    def _reach_deadline(self) -> None:
        self._deadline_timer = None
        self._report_lost()
