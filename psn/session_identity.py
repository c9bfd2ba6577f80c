"""The ids of a session: the NAD's audit session id, or the one ISE makes where a device sends none; and AcsSessionID.

Sources: aaa-mnt.md 1.6 (a made id is eight hex digits of a node address and 43 base64 characters, step 11117) and
1.7 (Class carries the id, which accounting echoes, and State, which a re-authentication does). What cannot be printed
never enters an id, so that MNT and the other nodes know the session by the same one.
"""

from __future__ import annotations

from binascii import b2a_base64
from hashlib import sha256
from ipaddress import IPv4Address
from random import Random

from nac.identity import AUDIT_SESSION_ID, CLASS_PREFIX, STATE_PREFIX, make_printable
from radius import attribute
from radius.packet import Packet

_AUDIT_SESSION_ID = AUDIT_SESSION_ID.encode()
_CLASS = CLASS_PREFIX.encode()
_STATE = STATE_PREFIX.encode()


class SessionIdentity:
    """Makes the ids of one node."""

    __slots__ = ("_count", "_prefix", "_random", "_started")

    def __init__(self, *, name: str, address: str, random: Random) -> None:
        """Choose the instance number of this start, which is part of every AcsSessionID."""
        self._prefix = f"{int(IPv4Address(address)):08x}"
        self._random = random
        self._started = f"{name}/{random.randrange(100_000_000, 999_999_999)}/"
        self._count = 0

    def next_acs_session_id(self) -> str:
        """Make the id of one RADIUS exchange: host, instance number, counter."""
        self._count += 1
        return f"{self._started}{self._count}"

    def of_access(self, packet: Packet) -> str | None:
        """Find the session id of an Access-Request: sent, or tied to the session by our own State."""
        return find_session_id(packet) or _find_state_id(packet)

    def make(self) -> str:
        """Make a session id where a device sends none (step 11117)."""
        return self._make(self._random.getrandbits(256).to_bytes(32, "big"))

    def of_accounting(self, packet: Packet) -> str:
        """Get the session id of an Accounting-Request: sent, echoed in Class, or made from Acct-Session-Id and device.

        The made one is the same for every record of one accounting session, so that its stop finds its start.
        """
        found = find_session_id(packet) or _find_class_id(packet)
        if found:
            return found
        index = packet.index
        device = index.get(attribute.NAS_IP_ADDRESS, b"") + index.get(attribute.NAS_IDENTIFIER, b"")
        return self._make(sha256(device + b"/" + index.get(attribute.ACCT_SESSION_ID, b"")).digest())

    def _make(self, octets: bytes) -> str:
        return self._prefix + b2a_base64(octets).decode()[:43].replace("+", "0")


def find_session_id(packet: Packet) -> str | None:
    """Find the audit session id a device sent in Cisco-AVPair."""
    if attribute.CISCO_AVPAIR in packet.index:
        for type_, value in packet.attributes:
            if type_ == attribute.CISCO_AVPAIR and value.startswith(_AUDIT_SESSION_ID):
                return _decode(value[len(_AUDIT_SESSION_ID) :])
    return None


def _find_class_id(packet: Packet) -> str | None:
    """Find the audit session id inside an echoed Class: up to the last colon, for an AcsSessionID has none."""
    for value in packet.list_octets(attribute.CLASS):
        if value.startswith(_CLASS):
            return _decode(value[len(_CLASS) :].rsplit(b":", 1)[0])
    return None


def _find_state_id(packet: Packet) -> str | None:
    """Find the audit session id inside the State that an Accept has tied to a re-authentication."""
    state = packet.octets(attribute.STATE)
    if state is None or not state.startswith(_STATE):
        return None
    return _decode(state[len(_STATE) :])


def _decode(octets: bytes) -> str | None:
    return make_printable(octets.decode("utf-8", "replace")) or None
