"""A selector that can leave out the stream sockets of some addresses, as if nothing came for them any more.

What peers send meanwhile waits in the kernel, also a new connection, and is there when the halt is over: neither end
is told anything, as where a cable is cut or a process hangs. Datagrams are not held here: whoever receives them
decides (`radius.gate`).
"""

from __future__ import annotations

import selectors
import socket
from collections import ChainMap
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

_Events = list[tuple[selectors.SelectorKey, int]]


class HaltingSelector(selectors.BaseSelector):
    """The machine's selector, and beside it those sockets that are not looked at."""

    def __init__(self) -> None:
        """Begin with everything in motion."""
        self._moving = selectors.DefaultSelector()
        self._halted = selectors.SelectSelector()
        self._addresses: frozenset[str] = frozenset()

    def halt(self, addresses: Collection[str]) -> None:
        """Leave out every stream socket with an end at one of these addresses, and no other, from now on."""
        self._addresses = frozenset(addresses)
        for key in [*self._moving.get_map().values(), *self._halted.get_map().values()]:
            self.unregister(key.fileobj)
            self.register(key.fileobj, key.events, key.data)

    def select(self, timeout: float | None = None) -> _Events:
        return self._moving.select(timeout)

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        selector = self._halted if self._addresses and self._is_halted(fileobj) else self._moving
        return selector.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._find(fileobj).unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._find(fileobj).modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        if not self._halted.get_map():
            return self._moving.get_map()
        return ChainMap(self._moving.get_map(), self._halted.get_map())  # type: ignore[arg-type]

    def close(self) -> None:
        self._moving.close()
        self._halted.close()

    def _find(self, fileobj: Any) -> selectors.BaseSelector:
        return self._halted if self._halted.get_map() and fileobj in self._halted.get_map() else self._moving

    def _is_halted(self, fileobj: Any) -> bool:
        """Tell whether this is a stream socket with an end at one of the addresses."""
        descriptor = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        try:
            sock = socket.socket(fileno=descriptor)
        except OSError:
            return False
        try:
            return sock.type == socket.SOCK_STREAM and not self._addresses.isdisjoint(_list_ends(sock))
        finally:
            sock.detach()


def _list_ends(sock: socket.socket) -> list[str]:
    """List the addresses of both ends, as far as there are two and they are of the Internet."""
    ends = [sock.getsockname()]
    with suppress(OSError):  # it listens, or is not connected yet
        ends.append(sock.getpeername())
    return [end[0] for end in ends if isinstance(end, tuple)]
