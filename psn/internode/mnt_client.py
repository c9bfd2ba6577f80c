"""Asking MNT whose session an endpoint has: the one look-up of its REST API that a policy service node needs.

``GET /admin/API/mnt/Session/MACAddress/{MAC}`` with HTTP Basic, XML with root element sessionParameters (posture.md
1.3, aaa-mnt.md 6.1). Towards MNT only MACs are used (posture.md 2.3). Monitoring nodes are asked in turn until one
knows the endpoint.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from nac.mnt_api import MESSAGE, SESSION_BY_MAC_PATH, decode_result
from nac.node.journal import Observer
from nac.posture_message import MalformedMessageError, decode_xml
from psn.config import MntApi
from psn.internode.call import CallError, NodeCaller

CALL_TIMEOUT = timedelta(seconds=3)
LOOKUP_TIMEOUT = timedelta(seconds=10)
"""For everything: waiting in line, all monitoring nodes, all MACs."""
MAXIMUM_LOOKUPS = 16
"""At once; more wait in line."""
MAXIMUM_MACS = 8
"""Of one look-up; a machine has a few, an agent's list may be of any length."""
LONGEST_VALUE = 253
"""Characters of a name, a session id or a reason; the longest an attribute can carry."""


class MntLookupError(LookupError):
    """No monitoring node names a session of the endpoint; `why` says what each said."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class MntSession:
    """What counts of MNT's answer: the session, its endpoint, and the node that authenticated it last."""

    session_id: str
    mac: str
    server: str
    told_by: str


class MntClient:
    """Asks the monitoring nodes of a deployment."""

    def __init__(self, apis: Sequence[MntApi], *, tls: ssl.SSLContext | None, address: str, observe: Observer) -> None:
        """Ask from `address`; without `tls`, or without any API, nobody is asked."""
        self._apis = apis
        self._caller = NodeCaller(address=address, tls=tls) if tls is not None else None
        self._observe = observe
        self._room = asyncio.Semaphore(MAXIMUM_LOOKUPS)

    async def get_session(self, macs: Sequence[str]) -> MntSession:
        """Get the session of the first MAC that MNT knows one of; raises `MntLookupError`."""
        if not macs:
            raise MntLookupError("MNT can be asked by MAC only, and none is known")
        if self._caller is None or not self._apis:
            raise MntLookupError("this node knows no monitoring node to ask")
        said: list[str] = []
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT.total_seconds()), self._room:
                for api in self._apis:
                    found = await self._ask(self._caller, api, macs[:MAXIMUM_MACS], said)
                    if found is not None:
                        return found
        except TimeoutError:
            said.append(f"MNT was given {LOOKUP_TIMEOUT.total_seconds():g} s")
        raise MntLookupError("; ".join(said))

    async def _ask(self, caller: NodeCaller, api: MntApi, macs: Sequence[str], said: list[str]) -> MntSession | None:
        """Ask one monitoring node; what it says instead of a session is noted, a failure journalled too."""
        try:
            for mac in macs:
                found = await self._look_up(caller, api, mac)
                if isinstance(found, MntSession):
                    return found
                said.append(f"{api.name}: {found}")
        except (CallError, MntLookupError, MalformedMessageError) as error:
            said.append(f"{api.name}: {error}")
            self._observe("mnt-lookup-failed", f"the look-up at {api.name} failed: {error}", {"mnt": api.name})
        return None

    async def _look_up(self, caller: NodeCaller, api: MntApi, mac: str) -> MntSession | str:
        """Ask for one MAC; a text is why MNT names no session."""
        url = f"https://{api.host}:{api.port}{SESSION_BY_MAC_PATH}/{mac}"
        answer = await caller.get(url, user=api.user, password=api.password, limit=CALL_TIMEOUT)
        match answer.status:
            case HTTPStatus.OK:
                return parse_session(answer.body, mac=mac, told_by=api.name) or f"the session of {mac} has ended"
            case HTTPStatus.INTERNAL_SERVER_ERROR:  # a session that is not there is a failure of that server
                return _find_value(decode_result(answer.body).internal_error_info) or "no reason given"
            case HTTPStatus.UNAUTHORIZED:
                raise MntLookupError(f"it refuses user {api.user!r} or the password")
            case status:
                raise MntLookupError(f"it answered with HTTP status {status}")


def parse_session(data: bytes, *, mac: str, told_by: str) -> MntSession | None:
    """Parse sessionParameters; None where the session has ended, whose owner is of no use.

    Raises `MalformedMessageError` for what is no such document, or names no session or no node.
    """
    root = decode_xml(data, "sessionParameters", MESSAGE)
    session_id = _find_value(root.findtext("audit_session_id")) or _find_value(root.findtext("cpmsession_id"))
    server = _find_value(root.findtext("acs_server"))
    if not session_id or not server:
        missing = "acs_server" if session_id else "audit_session_id"
        raise MalformedMessageError(MESSAGE, f"it has no usable {missing!r}")
    if root.findtext("stopped") == "true":
        return None
    return MntSession(session_id=session_id, mac=mac, server=server, told_by=told_by)


def _find_value(text: str | None) -> str | None:
    """Find the value of an element: printable, not empty, and no longer than such values are."""
    value = (text or "").strip()
    return value if value.isprintable() and 0 < len(value) <= LONGEST_VALUE else None
