"""What can be asked of a switch in a process of its own: cables into its access ports, and what its ports can do.

Port names contain slashes, which may stand in a path as they are.
"""

from __future__ import annotations

from contextlib import suppress
from ipaddress import AddressValueError, IPv4Address
from typing import Any

from aiohttp import web

from nac.identity import parse_mac
from nad_emulator.accounting import StrayRecord
from nad_emulator.switch import PortCable, Switch
from posturelab.control.server import read_body
from posturelab.lab_error import ImpossibleActionError, UnknownNodeError, possible_on_port
from posturelab.observation.snapshot import describe_port
from posturelab.remote_cable import HEARTBEAT

_PLUG_BODY = {"mac": "02:00:00:00:10:01", "address": "127.0.2.1"}
_SESSION_BODY = {"stop": True}
_MISDIRECT_BODY = {"send": "interim", "to": "psn2"}


class SwitchControl:
    """The ports of one switch, as others may use them."""

    def __init__(self, switch: Switch) -> None:
        """Answer for this switch."""
        self._switch = switch
        self._connected: set[str] = set()
        """Ports whose cable is a connection."""

    def list_routes(self) -> list[web.RouteDef]:
        """List the requests about ports."""
        return [
            web.get("/ports/{port:.+}/cable", self._hold_cable),
            web.post("/ports/{port:.+}/plug", self._plug),
            web.post("/ports/{port:.+}/unplug", self._unplug),
            web.post("/ports/{port:.+}/reauthenticate", self._reauthenticate),
            web.post("/ports/{port:.+}/new-session-id", self._change_session_id),
            web.post("/ports/{port:.+}/misdirect", self._misdirect),
        ]

    async def _hold_cable(self, request: web.Request) -> web.StreamResponse:
        """Leave a cable in for as long as a WebSocket is open, which breaks where either side dies."""
        port, cable = self._find_free(request)
        if cable.attachment is not None:
            raise ImpossibleActionError(f"the cable of {cable.attachment.mac} is in {port}; unplug it first")
        mac, address = _read_plug(dict(request.query))
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT)

        async def tell() -> None:
            with suppress(ConnectionError):  # it broke before a word was said
                await socket.send_json({"proxy_url": cable.proxy_url, "up": cable.is_up})

        self._connected.add(port)
        try:
            await socket.prepare(request)
            try:
                await cable.plug(mac, address)
                cable.watch(tell)
                await tell()
                async for _ in socket:
                    pass
            finally:
                cable.watch(None)
                await cable.unplug()
        finally:
            self._connected.remove(port)
        return socket

    async def _plug(self, request: web.Request) -> web.Response:
        port, cable = self._find_free(request)
        await cable.plug(*_read_plug(await read_body(request, _PLUG_BODY)))
        return self._show(port)

    async def _unplug(self, request: web.Request) -> web.Response:
        port, cable = self._find_free(request)
        await cable.unplug()
        return self._show(port)

    async def _reauthenticate(self, request: web.Request) -> web.Response:
        port, _ = self._find(request)
        with possible_on_port():
            self._switch.reauthenticate(port)
        return self._show(port)

    async def _change_session_id(self, request: web.Request) -> web.Response:
        port, _ = self._find(request)
        body = await read_body(request, _SESSION_BODY, optional=_SESSION_BODY)
        with possible_on_port():
            self._switch.change_session_id(port, sends_stop=body.get("stop", True))
        return self._show(port)

    async def _misdirect(self, request: web.Request) -> web.Response:
        port, _ = self._find(request)
        body = await read_body(request, _MISDIRECT_BODY)
        record = _read_record(body["send"])
        with possible_on_port():
            self._switch.misdirect(port, record, server=body["to"])
        return self._show(port)

    def _find(self, request: web.Request) -> tuple[str, PortCable]:
        """Find the port that a request names; raises `UnknownNodeError`."""
        port = request.match_info["port"]
        if port not in self._switch.port_names:
            raise UnknownNodeError(port, f"access port of {self._switch.name}", self._switch.port_names)
        return port, self._switch.cable(port)

    def _find_free(self, request: web.Request) -> tuple[str, PortCable]:
        """Find a port whose cable is nobody else's; raises `UnknownNodeError`, `ImpossibleActionError`."""
        port, cable = self._find(request)
        if port in self._connected:
            plugged = cable.attachment.mac if cable.attachment else "an endpoint"
            raise ImpossibleActionError(f"the cable of {plugged} is in {port}; its endpoint must pull it out")
        return port, cable

    def _show(self, port: str) -> web.Response:
        return web.json_response(describe_port(self._switch, port))


def _read_plug(given: dict[str, Any]) -> tuple[str, str]:
    """Read who is plugged in; raises `ValueError`."""
    if not given.keys() >= _PLUG_BODY.keys():
        raise ValueError("who is plugged in has a mac and an address")
    try:
        address = str(IPv4Address(given["address"]))
    except AddressValueError:
        raise ValueError(f"{given['address']!r} is not an IPv4 address") from None
    return parse_mac(given["mac"]), address


def _read_record(text: str) -> StrayRecord:
    """Read which record is misdirected; raises `ValueError`."""
    try:
        return StrayRecord(text)
    except ValueError:
        raise ValueError(f"send is {' or '.join(StrayRecord)}, not {text!r}") from None
