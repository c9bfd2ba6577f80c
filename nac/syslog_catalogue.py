"""The message catalogue: which code a record carries, under which category, severity and class, and with which words.

Codes and their meaning are public (aaa-mnt.md 4.2, posture.md 5.4); the words of records that appear in public logs
are used as they are, all others are ours. Severity is what real lines print, NOTICE also where the vendor's
catalogue says WARN. Category and class of the posture records (87xxx) are inferred, the class of the alarm is ours.
Consumers key on numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

PASSED_AUTHENTICATIONS = "CISE_Passed_Authentications"
FAILED_ATTEMPTS = "CISE_Failed_Attempts"
RADIUS_ACCOUNTING = "CISE_RADIUS_Accounting"
POSTURE_AUDIT = "CISE_Posture_and_Client_Provisioning_Audit"
ALARM = "CISE_Alarm"

LEVELS: Mapping[str, int] = MappingProxyType({"FATAL": 2, "ERROR": 3, "WARN": 4, "NOTICE": 5, "INFO": 6, "DEBUG": 7})
"""The syslog level of each severity word (RFC 3164 4.1.1)."""


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One kind of record."""

    code: int
    category: str
    message_class: str
    text: str
    severity: str = "NOTICE"


ACCOUNTING_START = CatalogueEntry(3000, RADIUS_ACCOUNTING, "Radius-Accounting", "RADIUS Accounting start request")
ACCOUNTING_STOP = CatalogueEntry(3001, RADIUS_ACCOUNTING, "Radius-Accounting", "RADIUS Accounting stop request")
ACCOUNTING_INTERIM = CatalogueEntry(3002, RADIUS_ACCOUNTING, "Radius-Accounting", "RADIUS Accounting watchdog update")
ACCOUNTING_ON = CatalogueEntry(3003, RADIUS_ACCOUNTING, "Radius-Accounting", "RADIUS Accounting is on")
ACCOUNTING_OFF = CatalogueEntry(3004, RADIUS_ACCOUNTING, "Radius-Accounting", "RADIUS Accounting is off")

AUTHENTICATION_SUCCEEDED = CatalogueEntry(
    5200, PASSED_AUTHENTICATIONS, "Passed-Authentication", "Authentication succeeded"
)
DYNAMIC_AUTHORIZATION_SUCCEEDED = CatalogueEntry(
    5205, PASSED_AUTHENTICATIONS, "Dynamic-Authorization", "Dynamic Authorization succeeded"
)
DACL_DOWNLOAD_SUCCEEDED = CatalogueEntry(
    5232, PASSED_AUTHENTICATIONS, "Passed-Authentication", "DACL Download Succeeded"
)

AUTHENTICATION_FAILED = CatalogueEntry(5400, FAILED_ATTEMPTS, "Failed-Attempt", "Authentication failed")
REQUEST_DROPPED = CatalogueEntry(5405, FAILED_ATTEMPTS, "Failed-Attempt", "RADIUS Request dropped")
ACCOUNTING_DROPPED = CatalogueEntry(5413, FAILED_ATTEMPTS, "Failed-Attempt", "RADIUS Accounting-Request dropped")
DYNAMIC_AUTHORIZATION_FAILED = CatalogueEntry(
    5417, FAILED_ATTEMPTS, "Dynamic-Authorization", "Dynamic Authorization failed"
)
DACL_DOWNLOAD_FAILED = CatalogueEntry(5419, FAILED_ATTEMPTS, "Failed-Attempt", "DACL Download Failed")

QUEUE_LINK_ERROR = CatalogueEntry(61056, ALARM, "Alarm", "Queue Link Error", severity="ERROR")

POSTURE_REPORT = CatalogueEntry(87000, POSTURE_AUDIT, "Posture", "Posture report received")
REASSESSMENT_REPORT = CatalogueEntry(87001, POSTURE_AUDIT, "Posture", "Posture reassessment report received")
PROVISIONING_SUCCEEDED = CatalogueEntry(87500, POSTURE_AUDIT, "Client-Provisioning", "Client provisioning succeeded")
PROVISIONING_FAILED = CatalogueEntry(87501, POSTURE_AUDIT, "Client-Provisioning", "Client provisioning failed")

CATALOGUE: Mapping[int, CatalogueEntry] = MappingProxyType(
    {
        entry.code: entry
        for entry in (
            ACCOUNTING_START,
            ACCOUNTING_STOP,
            ACCOUNTING_INTERIM,
            ACCOUNTING_ON,
            ACCOUNTING_OFF,
            AUTHENTICATION_SUCCEEDED,
            DYNAMIC_AUTHORIZATION_SUCCEEDED,
            DACL_DOWNLOAD_SUCCEEDED,
            AUTHENTICATION_FAILED,
            REQUEST_DROPPED,
            ACCOUNTING_DROPPED,
            DYNAMIC_AUTHORIZATION_FAILED,
            DACL_DOWNLOAD_FAILED,
            QUEUE_LINK_ERROR,
            POSTURE_REPORT,
            REASSESSMENT_REPORT,
            PROVISIONING_SUCCEEDED,
            PROVISIONING_FAILED,
        )
    }
)
"""The records a policy service node ships, by code."""

STEPS: Mapping[int, str] = MappingProxyType(
    {
        5436: "RADIUS packet already in the process",
        11001: "Access-Request received",
        11002: "Access-Accept sent",
        11003: "Access-Reject sent",
        11004: "Accounting-Request received",
        11005: "Accounting-Response sent",
        11006: "Access-Challenge sent",
        11007: "No network device or AAA client has this source address",
        11008: "Host lookup without Calling-Station-Id",
        11014: "RADIUS packet contains invalid attributes",
        11015: "Access-Request names no NAS",
        11017: "New RADIUS session",
        11018: "RADIUS session known from an earlier request",
        11022: "dACL named in the authorization profile added to the reply",
        11024: "dACL request without Message-Authenticator",
        11025: "dACL request without the acl-download attribute",
        11026: "dACL name or version not known",
        11027: "Host lookup use case, by Service-Type Call Check",
        11028: "Host lookup use case, by User-Name equal to Calling-Station-Id",
        11035: "dACL request for a session that is gone",
        11036: "Message-Authenticator does not verify",
        11038: "Authenticator of the Accounting-Request does not verify",
        11042: "Earlier reply sent again",
        11056: "Duplicate of an older packet",
        11057: "Message-Authenticator required but missing",
        11100: "Request to an external RADIUS peer sent",
        11101: "Valid reply of the RADIUS peer received",
        11102: "Invalid reply of the RADIUS peer received",
        11104: "RADIUS peer did not answer in time",
        11116: "Session attributes taken from the session cache",
        11117: "Session id generated, the device sent none",
        11201: "Disconnect requested",
        11202: "Disconnect with port shutdown requested",
        11203: "Disconnect with port bounce requested",
        11204: "Reauthentication requested",
        11205: "Network device of the session not found",
        11206: "Node that must send the CoA not found",
        11210: "Reply to a CoA request of another node",
        11211: "CoA handed to the node that owns the session",
        11212: "CoA sent to the network device",
        11213: "No reply from the network device",
        11214: "Invalid reply from the network device",
        11215: "No reply from the node that owns the session",
        11217: "Disconnect-Request prepared",
        11218: "Disconnect-Request with port shutdown prepared",
        11219: "Disconnect-Request with port bounce prepared",
        11220: "Reauthentication CoA-Request prepared",
        11221: "Disconnect-ACK received",
        11222: "Disconnect-NAK received",
        11223: "CoA-ACK received",
        11224: "CoA-NAK received",
        11226: "Node that owns the session is no longer of the deployment",
        11227: "Node that owns the session is inactive",
        15006: "Default rule matched",
        15008: "Service selection policy evaluated",
        15013: "Identity source selected",
        15016: "Authorization profile selected",
        15036: "Authorization policy evaluated",
        15039: "Rejected by the authorization profile",
        15041: "Identity policy evaluated",
        15048: "Attribute queried for a condition",
        15049: "Policy set evaluated",
        22037: "Authentication passed",
        22040: "Wrong password",
        22056: "Subject found in no identity store",
        22061: "Rejected as the identity policy demands for a failed authentication",
        22094: "Accounting recorded in the session",
        24209: "Looked up in the internal endpoints",
        24210: "Looked up in the internal users",
        24211: "Found in the internal endpoints",
        24212: "Found in the internal users",
        24216: "Not found in the internal users",
        24217: "Not found in the internal endpoints",
        83001: "Posture request matched a posture policy",
        83015: "Posture status changed, CoA triggered",
    }
)
"""What the codes in `Step=` and `FailureReason=` mean."""


def render_reason(code: int) -> str:
    """Render the value of `FailureReason`: ``<code> <words>``; a code outside the tables stands alone."""
    entry = CATALOGUE.get(code)
    return f"{code} {STEPS.get(code) or (entry.text if entry else '')}".rstrip()
