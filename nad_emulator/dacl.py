"""Downloadable ACLs: fetched by their full name when a session first needs one, and kept.

The name ends with the time of the list's last change, so a list once fetched never goes stale. A long one comes in
parts: each Access-Challenge carries some lines and a State that asks for the next. Source: aaa-mnt 1.8.
"""

from __future__ import annotations

import re

from nac.node.runtime import Runtime
from nad_emulator.acl import Acl, AclSyntaxError, parse_acl
from nad_emulator.config import SwitchConfig
from nad_emulator.fail_over import FailOverClient, NoAnswerError
from nad_emulator.session_attributes import pair
from radius import attribute
from radius.packet import Attribute, Code, Packet, address, text

_LINE = re.compile(r"ip:inacl#([0-9]{1,9})=(.*)", re.DOTALL)
_MAXIMUM_ROUNDS = 64
_MAXIMUM_LISTS = 256


class DaclDownloadError(Exception):
    """A list could not be had: its name and why."""

    def __init__(self, name: str, fault: str) -> None:
        super().__init__(f"dACL {name}: {fault}")
        self.name = name
        self.fault = fault


class DaclStore:
    """The downloaded lists of one switch since it booted."""

    def __init__(self, *, config: SwitchConfig, client: FailOverClient, runtime: Runtime) -> None:
        """Begin without lists."""
        self._config = config
        self._client = client
        self._runtime = runtime
        self._lists: dict[str, Acl] = {}

    async def get(self, name: str, server: str) -> Acl:
        """Get a list by its full name, from the named server first. Raises `DaclDownloadError`."""
        if name in self._lists:
            self._runtime.write("dacl-cached", "a list of exactly this name was downloaded before", {"dacl": name})
            return self._lists[name]
        lines = await self._download(name, server)
        try:
            found = parse_acl(name, [lines[number] for number in sorted(lines)])
        except AclSyntaxError as error:
            raise DaclDownloadError(name, str(error)) from None
        if not found.entries:
            raise DaclDownloadError(name, "the server sent no lines")
        if len(self._lists) >= _MAXIMUM_LISTS:
            self._lists.pop(next(iter(self._lists)))
        self._lists[name] = found
        self._runtime.write("dacl-downloaded", "no list of this name was cached", {"dacl": name, "lines": len(lines)})
        return found

    async def _download(self, name: str, server: str) -> dict[int, str]:
        """Download the lines of a list by number, round by round."""
        lines: dict[int, str] = {}
        state: bytes | None = None
        for _ in range(_MAXIMUM_ROUNDS):
            try:
                request = list_download_attributes(self._config, name, state)
                _, packet = await self._client.exchange(Code.ACCESS_REQUEST, request, first=server)
            except NoAnswerError as error:
                raise DaclDownloadError(name, str(error)) from None
            if packet.code == Code.ACCESS_REJECT:
                raise DaclDownloadError(name, "the server rejects the download")
            lines.update(decode_lines(packet))
            if packet.code == Code.ACCESS_ACCEPT:
                return lines
            state = packet.octets(attribute.STATE)
            if state is None:
                raise DaclDownloadError(name, "the server announces more lines without State")
        raise DaclDownloadError(name, f"the server has not ended after {_MAXIMUM_ROUNDS} rounds")


def list_download_attributes(config: SwitchConfig, name: str, state: bytes | None) -> list[Attribute]:
    """List what a download request carries; the password is null."""
    attributes = [
        (attribute.USER_NAME, text(name)),
        (attribute.USER_PASSWORD, b""),
        (attribute.NAS_IP_ADDRESS, address(config.address)),
        pair("aaa:service=ip_admission"),
        pair("aaa:event=acl-download"),
    ]
    if state is not None:
        attributes.append((attribute.STATE, state))
    return attributes


def decode_lines(packet: Packet) -> dict[int, str]:
    """Decode ``ip:inacl#<n>=<ace>``; the number, not the place in the packet, orders the lines."""
    found = (_LINE.fullmatch(value) for value in packet.list_text(attribute.CISCO_AVPAIR))
    return {int(match[1]): match[2] for match in found if match is not None}
