"""The wired switch: put together from its configuration, powered up and down.

Cables outlive the power: what is plugged in loses its link with the power, and begins a session when it comes up again.
Everything else is gone with the power: sessions, server health, downloaded lists, counters, ports shut by a CoA. No
server is told.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial

from nac.cable import LinkWatcher
from nac.identity import parse_mac
from nac.node.binding import bind_tcp, bind_udp
from nac.node.owned_tasks import OwnedTasks
from nac.node.runtime import Runtime
from nad_emulator.access_port import AccessPort, NoSessionError, SwitchServices
from nad_emulator.access_view import AccessView
from nad_emulator.accounting import StrayRecord
from nad_emulator.acl import Acl, parse_acl
from nad_emulator.authenticator import Authenticator
from nad_emulator.coa_server import CoaServer
from nad_emulator.config import AccessPortConfig, SwitchConfig
from nad_emulator.data_plane import DataPlane
from nad_emulator.fail_over import FailOverClient
from nad_emulator.http_proxy import HttpProxy
from nad_emulator.identifiers import Identifiers
from nad_emulator.port_forwarder import PortForwarder
from nad_emulator.port_link import Attachment, PortLinkState


class PortCable:
    """The cable into an access port (`nac.cable.Cable`)."""

    def __init__(self, switch: str, config: AccessPortConfig) -> None:
        """Begin with nothing plugged in; `switch` is the switch's address."""
        self.attachment: Attachment | None = None
        self.port: AccessPort | None = None
        """The port while the switch has power."""
        self.proxy_port = config.proxy_port
        self._switch = switch
        self._watcher: LinkWatcher | None = None

    @property
    def gateway(self) -> str:
        """The address the endpoint uses as its default gateway: the switch itself."""
        return self._switch

    @property
    def proxy_url(self) -> str:
        """The access port's data plane."""
        return f"http://{self._switch}:{self.proxy_port}"

    @property
    def is_up(self) -> bool:
        """Whether the endpoint sees a link: a switch without power gives none."""
        return self.port is not None and self.port.port_link.state is PortLinkState.UP

    def watch(self, watcher: LinkWatcher | None) -> None:
        """Let `watcher` be called when the switch took the link down or let it come up again."""
        self._watcher = watcher

    async def tell(self) -> None:
        """Call the watcher, if anything is plugged in and somebody watches."""
        if self.attachment is not None and self._watcher is not None:
            await self._watcher()

    async def plug(self, mac: str, address: str) -> None:
        """Bring the link up, without waiting for authentication. Raises `ValueError` for what is not a MAC."""
        self.attachment = Attachment(parse_mac(mac), address)
        if self.port is not None:
            self.port.attach(self.attachment)

    async def unplug(self) -> None:
        """Take the link down."""
        self.attachment = None
        if self.port is not None:
            self.port.detach()


class Switch:
    """A wired switch. Raises `AclSyntaxError` when made with a malformed access list."""

    kind = "switch"

    def __init__(self, config: SwitchConfig, runtime: Runtime) -> None:
        """Begin without power."""
        self._config = config
        self._runtime = runtime
        self._access_lists = {name: parse_acl(name, lines) for name, lines in config.access_lists.items()}
        self._cables = {port.name: PortCable(config.address, port) for port in config.ports}
        self._powered: _PoweredSwitch | None = None

    @property
    def name(self) -> str:
        """The switch's host name."""
        return self._config.name

    @property
    def address(self) -> str:
        """The switch's address: NAS-IP-Address, CoA, gateway, data planes."""
        return self._config.address

    @property
    def ports(self) -> dict[str, int]:
        """The ports bound at present."""
        return {} if self._powered is None else dict(self._powered.bound)

    async def start(self) -> None:
        """Power up. Raises `OSError` where a port cannot be bound; then nothing is left open."""
        if self._powered is not None:
            return
        powered = _PoweredSwitch(self._config, self._access_lists, self._cables, self._runtime)
        try:
            await powered.start({name: cable.proxy_port for name, cable in self._cables.items()})
        except BaseException:
            await powered.fall_silent()
            await powered.close()
            raise
        self._powered = powered
        for name, cable in self._cables.items():
            cable.port = powered.access_ports[name]
            cable.proxy_port = powered.bound[f"proxy {name}"]
            if cable.attachment is not None:
                cable.port.attach(cable.attachment)
        await self._tell_port_links()

    async def stop(self) -> None:
        """Cut the power: nothing more is sent, and whoever is plugged in has lost the link."""
        powered, self._powered = self._powered, None
        if powered is None:
            return
        for cable in self._cables.values():
            cable.port = None
        await powered.fall_silent()
        await self._tell_port_links()  # before connections break: an endpoint without a link does not wonder why
        await powered.close()

    @property
    def port_names(self) -> tuple[str, ...]:
        """The names of the access ports, as configured."""
        return tuple(self._cables)

    def cable(self, port_name: str) -> PortCable:
        """The cable into a port. Raises `KeyError`."""
        return self._cables[port_name]

    def access(self, port_name: str) -> AccessView:
        """What a port enforces at present. Raises `KeyError`."""
        port = self._cables[port_name].port
        return AccessView(port=port_name, link=PortLinkState.DOWN.value) if port is None else port.view()

    def shut(self, port_name: str) -> None:
        """Take a port down, as ``shutdown`` does. Raises `KeyError`."""
        if (port := self._cables[port_name].port) is not None:
            port.shut()

    def no_shut(self, port_name: str) -> None:
        """Allow a port again, as ``no shutdown`` does, also after a CoA has disabled it. Raises `KeyError`."""
        if (port := self._cables[port_name].port) is not None:
            port.no_shut()

    def reauthenticate(self, port_name: str) -> None:
        """Authenticate the session of a port again under its id, as a timer of the switch does.

        Raises `KeyError` for the port, `NoSessionError`.
        """
        self._find_powered(port_name).repeat_authentication()

    def change_session_id(self, port_name: str, *, sends_stop: bool = True) -> None:
        """Let the session of a port authenticate again under a new id, a stop ending the old one in accounting or not.

        Misbehaviour of posture.md 11 number 10. Raises `KeyError` for the port, `NoSessionError`.
        """
        self._find_powered(port_name).change_session_id(sends_stop=sends_stop)

    def misdirect(self, port_name: str, record: StrayRecord, *, server: str) -> None:
        """Send one accounting record of a port's session to one server alone: an interim now, the stop when it is due.

        Raises `KeyError` for the port, `NoSessionError`, `UnknownServerError`.
        """
        self._find_powered(port_name).misdirect(record, server=server)

    async def _tell_port_links(self) -> None:
        for cable in self._cables.values():
            await cable.tell()

    def _find_powered(self, port_name: str) -> AccessPort:
        """Find a port of the running switch; without power there is no session anywhere."""
        port = self._cables[port_name].port
        if port is None:
            raise NoSessionError(port_name)
        return port


class _PoweredSwitch:
    """Everything that lives from power-up to power-down."""

    def __init__(
        self,
        config: SwitchConfig,
        access_lists: Mapping[str, Acl],
        cables: Mapping[str, PortCable],
        runtime: Runtime,
    ) -> None:
        self.bound: dict[str, int] = {}
        self._config = config
        self._runtime = runtime
        self._tasks = OwnedTasks()
        self._client = FailOverClient(config, runtime)
        services = SwitchServices(
            config=config,
            runtime=runtime,
            client=self._client,
            authenticator=Authenticator(config=config, client=self._client, access_lists=access_lists, runtime=runtime),
            identifiers=Identifiers(config.address, now=runtime.clock.now(), random=runtime.random),
            tasks=self._tasks,
        )
        self._proxies: dict[str, HttpProxy] = {}
        self.access_ports = {
            port.name: AccessPort(
                port,
                switch=services,
                on_change=partial(self._recheck, port.name),
                on_port_link=partial(self._tell_port_link, cables[port.name]),
            )
            for port in config.ports
        }
        self._coa_server: CoaServer | None = None

    async def start(self, proxy_ports: Mapping[str, int]) -> None:
        """Bind everything, then begin to serve."""
        config = self._config
        with ExitStack() as unwind:
            wanted = {"coa": config.coa_port, "coa-rfc5176": config.coa_rfc_port}
            coa = {name: unwind.enter_context(bind_udp(config.address, port)) for name, port in wanted.items()}
            proxies = {name: unwind.enter_context(bind_tcp(config.address, port)) for name, port in proxy_ports.items()}
            unwind.pop_all()
        self.bound = {name: _find_port(sock) for name, sock in coa.items()}
        self.bound |= {f"proxy {name}": _find_port(sock) for name, sock in proxies.items()}
        self._coa_server = CoaServer(
            coa.values(), config=config, ports=self.access_ports.values(), tasks=self._tasks, runtime=self._runtime
        )
        self._coa_server.start()
        plane = DataPlane(gateway=config.address, hosts=config.hosts, http_port=config.http_port)
        for name, sock in proxies.items():
            port = self.access_ports[name]
            forwarder = PortForwarder(name, plane=plane, find_session=port.find_session, runtime=self._runtime)
            self._proxies[name] = HttpProxy(sock, forwarder, gateway=config.address)
        for proxy in self._proxies.values():
            await proxy.start()

    async def fall_silent(self) -> None:
        """End every task and close what requests are sent or taken by; connections of endpoints are as they were."""
        if self._coa_server is not None:
            await self._coa_server.stop()
        await self._tasks.cancel()
        self._client.close()

    async def close(self) -> None:
        """Close the data planes."""
        for proxy in self._proxies.values():
            await proxy.stop()

    def _tell_port_link(self, cable: PortCable) -> None:
        self._tasks.spawn(cable.tell(), name="link of an access port")

    def _recheck(self, port: str) -> None:
        self._proxies[port].recheck()


def _find_port(sock: socket.socket) -> int:
    port: int = sock.getsockname()[1]
    return port
