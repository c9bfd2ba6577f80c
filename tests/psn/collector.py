"""The receiving end of syslog: a real socket, for a datagram sent over loopback has arrived when `send` returns."""

from __future__ import annotations

import socket
from collections import defaultdict

from nac.syslog import Segment, SyslogRecord, parse_record, parse_segment
from psn.config import LogTarget


class Collector:
    """The receiving end of syslog."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind(("127.0.0.1", 0))

    def make_target(self, *, maximum_length: int = 8192) -> LogTarget:
        return LogTarget(name="mnt1", host="127.0.0.1", port=self.sock.getsockname()[1], maximum_length=maximum_length)

    def list_datagrams(self) -> list[bytes]:
        datagrams = []
        while True:
            try:
                datagrams.append(self.sock.recv(65_535))
            except BlockingIOError:
                return datagrams

    def list_records(self) -> list[SyslogRecord]:
        """List the records that have arrived since the last call."""
        whole: dict[int, list[Segment]] = defaultdict(list)
        for data in self.list_datagrams():
            segment = parse_segment(data)
            whole[segment.message_id].append(segment)
        return [
            parse_record(host=first.host, category=first.category, text="".join(part.payload for part in segments))
            for segments in whole.values()
            for first in segments[:1]
        ]
