"""Which policy servers an agent talks to at all: those whose name fits a server name rule of its profile.

Who a server really is TLS decides; this is the profile's own restriction, and no rule means nobody.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from agent_emulator.web_client import UnreachableError


class ServerTrust:
    """The server name rules of one profile, such as ``*.lab.test``."""

    def __init__(self, rules: tuple[str, ...]) -> None:
        self._rules = tuple(rule.lower() for rule in rules)

    def verify(self, host: str) -> None:
        """Refuse a host that no rule names; raises `UnreachableError`."""
        if not any(fnmatchcase(host.lower(), rule) for rule in self._rules):
            raise UnreachableError(host, "untrusted server blocked, no server name rule fits")
