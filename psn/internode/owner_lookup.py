"""Whose session it is: the node that authenticated it last, from the session directory, else from MNT by MAC.

Before light data distribution (`Era.OFF`) only MNT knows. Since then the directory replaces calls to MNT, which remains
the fallback for what the directory lacks (posture.md 7, aaa-mnt.md 2.5). An entry of the directory is believed: where
its node does not answer, MNT is no better witness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ldd.directory import RadiusSessionDirectory
from ldd.era import Era
from nac.node.runtime import Runtime
from psn.config import PsnConfig
from psn.internode.mnt_client import MAXIMUM_MACS, MntClient, MntLookupError, MntSession


class OwnerSource(StrEnum):
    """Who names an owner."""

    DIRECTORY = "directory"
    MNT = "mnt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A session and the node that owns it; `mac` is the endpoint's or empty."""

    name: str
    fqdn: str
    address: str
    session_id: str
    mac: str
    source: OwnerSource


@dataclass(frozen=True, slots=True)
class UnknownOwner:
    """Nobody names an owner."""

    reason: str


class OwnerLookup:
    """The look-ups of one node."""

    def __init__(
        self, config: PsnConfig, runtime: Runtime, *, directory: RadiusSessionDirectory, mnt: MntClient
    ) -> None:
        """Use `directory` where the era has one."""
        self._runtime = runtime
        self._directory = directory if config.era is not Era.OFF else None
        self._mnt = mnt
        self._nodes = {peer.name: (peer.fqdn, peer.address) for peer in config.peers}
        self._nodes[config.name] = (config.fqdn, config.address)

    async def find(self, *, session_id: str = "", macs: Sequence[str] = ()) -> Owner | UnknownOwner:
        """Find the owner of this session, or, where none is named, of the newest one of an endpoint with these MACs."""
        found = self._find_in_directory(session_id, macs) or await self._ask_mnt(session_id, macs)
        facts = {"session_id": session_id, "mac": ", ".join(macs[:MAXIMUM_MACS])}
        if isinstance(found, Owner):
            facts = {"session_id": found.session_id, "mac": found.mac, "owner": found.name, "source": found.source}
            self._runtime.write("owner-found", f"{found.name} owns the session, says the {found.source}", facts)
        else:
            self._runtime.write("owner-unknown", found.reason, facts)
        return found

    def _find_in_directory(self, session_id: str, macs: Sequence[str]) -> Owner | None:
        if self._directory is None:
            return None
        record = self._directory.find(session_id) if session_id else self._directory.find_newest(macs)
        if record is None:
            return None
        return Owner(
            name=record.psn,
            fqdn=record.psn_fqdn,
            address=record.psn_ip,
            session_id=record.session_id,
            mac=record.mac,
            source=OwnerSource.DIRECTORY,
        )

    async def _ask_mnt(self, session_id: str, macs: Sequence[str]) -> Owner | UnknownOwner:
        missing = "the directory has no such session; " if self._directory is not None else ""
        try:
            session = await self._mnt.get_session([mac for mac in macs if mac])
        except MntLookupError as error:
            return UnknownOwner(f"{missing}{error}")
        if session_id and session.session_id != session_id:
            return UnknownOwner(f"{missing}{session.told_by} knows another session of {session.mac}")
        return self._describe(session)

    def _describe(self, session: MntSession) -> Owner | UnknownOwner:
        """Add to MNT's name of a node where that node is."""
        node = self._nodes.get(session.server)
        if node is None:
            return UnknownOwner(f"{session.told_by} names {session.server!r}, which is no node of this deployment")
        fqdn, address = node
        return Owner(
            name=session.server,
            fqdn=fqdn,
            address=address,
            session_id=session.session_id,
            mac=session.mac,
            source=OwnerSource.MNT,
        )
