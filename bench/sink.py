"""Receives and counts the syslog of the measured node, so that every record is really sent to somebody."""

from __future__ import annotations

import socket
import threading


class Sink:
    """A bound datagram socket on a loopback address, drained by a thread of its own."""

    def __init__(self, address: str, port: int) -> None:
        """Bind and begin to count."""
        self.count = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.bind((address, port))
        threading.Thread(target=self._drain, daemon=True).start()

    def _drain(self) -> None:
        buffer = bytearray(65_535)
        receive = self._socket.recv_into
        while True:
            receive(buffer)
            self.count += 1
