"""What a node's portal knows of sessions elsewhere: a newer one of an endpoint, and the owner to send its agent to.

Decides which record of the session directory makes an entry of this node stale (posture.md 6.5, details 14), and
which owner an agent is told of (posture.md 3.3). How an owner is found is `psn.internode.owner_lookup`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from ldd.directory import RadiusSessionDirectory
from ldd.record import SessionRecord
from nac.discovery import PORTAL_PORT
from psn.config import PeerNode
from psn.internode.owner_lookup import Owner, OwnerLookup, UnknownOwner
from psn.session import Session


class SessionsElsewhere:
    """The other nodes' sessions as the node `name` knows them."""

    def __init__(
        self,
        name: str,
        *,
        directory: RadiusSessionDirectory | None = None,
        owners: OwnerLookup | None = None,
        peers: Iterable[PeerNode] = (),
    ) -> None:
        """Without a directory no entry is ever stale, as before status sharing."""
        self._name = name
        self._directory = directory
        self._owners = owners
        self._portal_ports = {peer.name: peer.portal_port for peer in peers}

    def find_newer(self, session: Session, macs: Sequence[str]) -> SessionRecord | None:
        """Find the session that makes an entry of this node a stale or phantom one of the endpoint with these MACs.

        One that this node owns itself makes none: no other node could answer in its place.
        """
        if self._directory is None:
            return None
        newest = self._directory.find_newest(macs)
        if newest is None or newest.psn == self._name or newest.session_id == session.session_id:
            return None
        return newest if newest.authenticated_at > self._find_beginning(self._directory, session) else None

    async def find_owner(self, macs: Sequence[str]) -> Owner | UnknownOwner:
        """Find the node that owns the session of the endpoint with these MACs, which this one has not."""
        if self._owners is None:
            return UnknownOwner("this node is alone")
        owner = await self._owners.find(macs=macs)
        if isinstance(owner, Owner) and owner.name == self._name:
            return UnknownOwner(f"this node owns session {owner.session_id}, but has it no more")
        return owner

    def get_portal_port(self, psn: str) -> int:
        """Get the portal port of a node, the usual one where it is not known."""
        return self._portal_ports.get(psn, PORTAL_PORT)

    @staticmethod
    def _find_beginning(directory: RadiusSessionDirectory, session: Session) -> datetime:
        """Find when a session was authenticated: an entry from a late interim is younger than its session."""
        record = directory.find_latest(session.session_id)
        return record.authenticated_at if record is not None else session.created_at
