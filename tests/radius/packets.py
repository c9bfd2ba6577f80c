"""Packets as a decoder leaves them, made of their attributes alone."""

from __future__ import annotations

from radius.packet import Attribute, Packet


def packet_of(
    code: int, attributes: list[Attribute], *, identifier: int = 0, authenticator: bytes = bytes(16)
) -> Packet:
    return Packet(code, identifier, authenticator, attributes, dict(reversed(attributes)))
