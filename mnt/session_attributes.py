"""Where a record keeps what the directory and the live log want to know: attribute names of aaa-mnt.md 4.3 and 4.4."""

from __future__ import annotations

from nac.identity import AUDIT_SESSION_ID, CLASS_PREFIX, find_mac
from nac.posture import PostureStatus
from nac.syslog import SyslogRecord

_AV_PAIR = "cisco-av-pair"
_NO_ROLE = PostureStatus.NOT_APPLICABLE.value
_STATUSES = {status.value: status for status in PostureStatus} | {PostureStatus.UNKNOWN.shown: PostureStatus.UNKNOWN}


def find_session_id(record: SyslogRecord) -> str:
    """Find the audit session id: by its own name, inside cisco-av-pair, or in the Class that accounting echoes."""
    named = record.first("CPMSessionID", "SessionId")
    if named:
        return named
    for value in record.all(_AV_PAIR):
        if value.startswith(AUDIT_SESSION_ID):
            return value.removeprefix(AUDIT_SESSION_ID)
    for value in record.all("Class"):
        if value.startswith(CLASS_PREFIX):
            return value.removeprefix(CLASS_PREFIX).rsplit(":", 1)[0]
    return ""


def find_endpoint_mac(record: SyslogRecord) -> str:
    """Find the endpoint's MAC, upper case with colons, or an empty text.

    A VPN gateway's Calling-Station-Id is the client's public IP; the MAC is then in ``mdm-tlv=device-mac``.
    """
    for key in ("Calling-Station-ID", "EndPointMACAddress", "MacAddress"):
        mac = find_mac(record.first(key))
        if mac:
            return mac
    for value in record.all(_AV_PAIR):
        if value.startswith("mdm-tlv=device-mac="):
            return find_mac(value.removeprefix("mdm-tlv=device-mac=")) or ""
    return ""


def find_posture_status(record: SyslogRecord) -> PostureStatus | None:
    """Find the verdict.

    `PostureAssessmentStatus` is the state of a trigger (aaa-mnt.md 4.3) and tells one thing: whether a status that is
    Unknown is awaited, or posture plays no role (posture.md 6.1).
    """
    status = _STATUSES.get(record.first("PostureStatus"))
    if status is PostureStatus.UNKNOWN and record.first("PostureAssessmentStatus") == _NO_ROLE:
        return PostureStatus.NOT_APPLICABLE
    return status


def find_identity(record: SyslogRecord) -> str:
    """Find who it is: the name the server made of User-Name, or User-Name itself."""
    return record.first("UserName", "User-Name")


def find_device_address(record: SyslogRecord) -> str:
    """Find the address of the network device."""
    return record.first("NAS-IP-Address", "Device IP Address")


def find_octets(record: SyslogRecord, direction: str) -> int | None:
    """Find how many octets went in one direction, ``Input`` or ``Output``, beyond 32 bits too (RFC 2869 5.1, 5.2)."""
    octets = find_count(record, f"Acct-{direction}-Octets")
    return None if octets is None else octets + ((find_count(record, f"Acct-{direction}-Gigawords") or 0) << 32)


def find_count(record: SyslogRecord, key: str) -> int | None:
    """Find a number as RADIUS has them, below 2^32; None where there is none."""
    text = record.first(key)
    return int(text) if len(text) <= 10 and text.isascii() and text.isdecimal() and int(text) < 1 << 32 else None


def render_profiles(record: SyslogRecord) -> str:
    """Render the selected authorization profiles, comma between several."""
    return ", ".join(record.all("SelectedAuthorizationProfiles"))
