"""Identities of endpoints and sessions: MAC addresses in their many spellings, and the NAD's audit session id.

The inner form of a MAC is ``02:00:00:00:10:01`` (upper case, colons), MNT's and the agent's spelling. Session
ids: reference page aaa-mnt 1.6 (documented layout; the meaning of the last word is inferred per platform).
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address

AUDIT_SESSION_ID = "audit-session-id="
"""Begins the Cisco-AVPair that carries the session id (aaa-mnt.md 1.2)."""
CLASS_PREFIX = "CACS:"
"""Begins the Class of an Accept: then come the session id, a colon and the AcsSessionID (aaa-mnt.md 1.7)."""
STATE_PREFIX = "ReauthSession:"
"""Begins the State of an Accept that ties the re-authentication to its session (aaa-mnt.md 1.7)."""


@lru_cache(maxsize=65_536)
def find_mac(text: str) -> str | None:
    """Find the MAC that a text spells (``0200.0000.1001``, ``02-00-...``, ``020000001001``), or None."""
    if not 12 <= len(text) <= 17:
        return None
    digits = text.replace("-", "").replace(":", "").replace(".", "")
    try:
        octets = bytes.fromhex(digits)
    except ValueError:
        return None
    return octets.hex(":").upper() if len(octets) == 6 and len(digits) == 12 else None


def make_printable(text: str) -> str:
    """Replace what cannot be printed by question marks, as control characters are in syslog (`nac.syslog`)."""
    if text.isprintable():
        return text
    return "".join([character if character.isprintable() else "?" for character in text])


def parse_mac(text: str) -> str:
    """Parse a MAC in any usual spelling; raises `ValueError` for any other text."""
    mac = find_mac(text)
    if mac is None:
        raise ValueError(f"{text!r} is not a MAC address")
    return mac


def render_mac_hyphens(mac: str) -> str:
    """Render a MAC as a switch's Calling-Station-Id and the syslog have it: ``02-00-00-00-10-01``."""
    return mac.replace(":", "-")


def render_mac_plain(mac: str) -> str:
    """Render a MAC as IOS sends it in User-Name for MAB: ``020000001001``."""
    return mac.replace(":", "").lower()


def render_ios_session_id(address: str, counter: int, uptime_ms: int) -> str:
    """Render a classic IOS audit session id: NAD address, counter, milliseconds of uptime, as 24 hex digits."""
    return f"{int(IPv4Address(address)):08X}{counter & 0xFFFFFFFF:08X}{uptime_ms & 0xFFFFFFFF:08X}"
