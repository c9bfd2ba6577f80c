"""Binds the proxy of an access port to the session on it: decisions with their journal records, and octet counts."""

from __future__ import annotations

from collections.abc import Callable

from nac.node.binding import has_address
from nac.node.runtime import Runtime
from nad_emulator.access_session import AccessSession
from nad_emulator.data_plane import Action, DataPlane, Verdict
from nad_emulator.http_message import Target


class PortForwarder:
    """The forwarding side of one access port, whatever session is on it at the moment."""

    def __init__(
        self, port: str, *, plane: DataPlane, find_session: Callable[[], AccessSession | None], runtime: Runtime
    ) -> None:
        """`find_session` tells the session on the port; None is a port without one."""
        self._port = port
        self._plane = plane
        self._find_session = find_session
        self._runtime = runtime
        self._sources: dict[str, str] = {}
        """From where connections of each address that was on the port go onward."""

    def choose_source(self) -> str:
        """Choose the address from which connections go onward: the endpoint's own, or else the switch's.

        This machine has the endpoint's where both run on it; what it lacks is looked up and said once.
        """
        address = self._source
        if address not in self._sources:
            self._sources[address] = address if has_address(address) else self._plane.gateway
            if self._sources[address] != address:
                reason = f"connections go onward from {self._plane.gateway}: this machine does not have {address}"
                self._runtime.write("http-source-changed", reason, self._facts)
        return self._sources[address]

    def decide(self, method: str, target: Target) -> Verdict:
        """Decide on a request and say so in the journal."""
        verdict = self._decide(target)
        path = "" if method == "CONNECT" else target.path.partition("?")[0]
        request = f"{method} {target.host}:{target.port}{path}"
        facts = {**self._facts, "request": request, "acl": verdict.acl, "line": verdict.line}
        self._runtime.write(verdict.action.value, verdict.reason, facts)
        return verdict

    def permits(self, target: Target) -> bool:
        """Tell whether an open connection may go on, and say so where it may not."""
        verdict = self._decide(target)
        if verdict.action is not Action.DROP:
            return True
        facts = {**self._facts, "request": f"{target.host}:{target.port}", "acl": verdict.acl, "line": verdict.line}
        self._runtime.write("http-broken-off", f"the access of the port has changed: {verdict.reason}", facts)
        return False

    def report_failure(self, target: Target, why: str) -> None:
        """Say that a permitted connection could not be made."""
        facts = {**self._facts, "request": f"{target.host}:{target.port}"}
        self._runtime.write("http-onward-failed", f"{target.host}:{target.port} does not answer: {why}", facts)

    def count(self, received: int, sent: int) -> None:
        """Count octets from and to the endpoint."""
        session = self._find_session()
        if session is not None:
            session.input_octets += received
            session.output_octets += sent

    @property
    def _source(self) -> str:
        """The endpoint's own address."""
        session = self._find_session()
        return "" if session is None else session.address

    @property
    def _facts(self) -> dict[str, str | None]:
        session = self._find_session()
        return {"access_port": self._port, "session_id": None if session is None else session.session_id}

    def _decide(self, target: Target) -> Verdict:
        session = self._find_session()
        enforcement = None if session is None else session.enforcement
        return self._plane.decide(enforcement, source=self._source, host=target.host, port=target.port)
