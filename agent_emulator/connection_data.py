"""ConnectionData.xml: the policy servers this endpoint has completed a posture with, newest first.

The file is machine wide and does not exist before the first completed posture (posture.md 8 and 14). Its element
names are not public; these are the lab's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from xml.etree.ElementTree import Element, SubElement

from agent_emulator.discovery import Target, TargetKind
from nac.discovery import PORTAL_PORT, DiscoveryAnswer
from nac.posture_message import append_texts, encode_xml


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One policy server and what it said of itself."""

    primary: str
    backups: tuple[str, ...]
    port: int
    status_path: str
    last_used_at: datetime


class ConnectionData:
    """The content of the file, in memory."""

    def __init__(self) -> None:
        """Start without a file."""
        self.connections: tuple[Connection, ...] = ()

    def record(self, answer: DiscoveryAnswer, *, port: int, now: datetime) -> None:
        """Record the policy server of a completed posture as the newest."""
        newest = Connection(
            primary=answer.policy_server,
            backups=answer.backup_servers,
            port=port,
            status_path=answer.status_path,
            last_used_at=now,
        )
        others = (connection for connection in self.connections if connection.primary != newest.primary)
        self.connections = (newest, *others)

    def list_targets(self) -> list[Target]:
        """List the Auth-Status targets of stage 1: every primary."""
        return [
            Target(TargetKind.AUTH_STATUS, connection.primary, connection.port, connection.status_path)
            for connection in self.connections
        ]

    def list_servers(self) -> list[tuple[str, int]]:
        """List host and port of every policy server for stage 2: the primary of each entry, then its backups."""
        return [
            server
            for connection in self.connections
            for server in (
                (connection.primary, connection.port),
                *((backup, PORTAL_PORT) for backup in connection.backups),
            )
        ]

    def render(self) -> str:
        """Render the file; empty while there is none."""
        if not self.connections:
            return ""
        root = Element("connectionData")
        for connection in self.connections:
            entry = SubElement(root, "entry")
            append_texts(entry, (("primary", connection.primary), *(("backup", name) for name in connection.backups)))
            append_texts(
                entry,
                (
                    ("port", str(connection.port)),
                    ("statusPath", connection.status_path),
                    ("lastUsed", connection.last_used_at.isoformat(timespec="seconds")),
                ),
            )
        return encode_xml(root).decode()
