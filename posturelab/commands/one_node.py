"""`posturelab node`: one node of a topology in a process of its own, on uvloop and the machine's clock."""

from __future__ import annotations

import asyncio
import gc
import random
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial

import uvloop

from agent_emulator.endpoint import Endpoint
from ldd.broker_settings import BrokerSettings
from nac.node.clock import SystemClock
from nac.node.journal import Journal
from posturelab.authority import Authority
from posturelab.commands.foreground import run_until_told
from posturelab.commands.ready import leave_ready_file
from posturelab.commands.start_options import StartOptions
from posturelab.control.node import NodeControl
from posturelab.control.server import ControlServer
from posturelab.journal.log import JournalLog
from posturelab.lab_file import LabFile
from posturelab.link_watch import LinkWatch, wait_until_told
from posturelab.links import BrokerLinks, choose_broker, render_broker
from posturelab.mistake import MistakeWatch, end_on_mistake
from posturelab.node_maker import NodeMaker, RunningNode
from posturelab.port_assignment import render_ports
from posturelab.reading.input_error import InputError
from posturelab.state_folder import choose_folder
from posturelab.topology.endpoint import EndpointNode
from posturelab.topology.model import ControlEntry, Node
from posturelab.topology.nodes import MntNode, PsnNode, SwitchNode

_JOURNAL_LIMIT = 10_000


def run_node(
    lab_file: LabFile, name: str, *, options: StartOptions, control: str | None = None, plug: bool = False
) -> bool:
    """Run one node until SIGINT, SIGTERM or SIGHUP, with a control API of its own at `control`, ``ADDRESS:PORT``.

    Without `control` the topology says where that is, if anywhere. `plug` lets an endpoint begin with its cable in.
    False where a mistake of the lab has ended it. Raises `InputError` where the topology has no such node or its
    address or ports cannot be had, `OSError` where a file cannot be written or its database is in use.
    """
    lab_file.check_node(name)
    place = lab_file.place_control(name, control)
    _check_kind(lab_file, name, plug=plug)
    lab_file.check_addresses([name])
    broker = choose_broker(lab_file, options.brokers)
    process = _Process(lab_file, name, options=options, broker=broker)
    return run_until_told(partial(process.run, control=place, plug=plug), lab_file, loop_factory=uvloop.new_event_loop)


class _Process:
    """The life of one node."""

    def __init__(self, lab_file: LabFile, name: str, *, options: StartOptions, broker: BrokerSettings | None) -> None:
        self._topology = lab_file.topology
        self._name = name
        self._options = options
        self._broker = broker
        self._clock = SystemClock()
        self._journal = Journal(self._clock, limit=_JOURNAL_LIMIT)
        self._authority = Authority(options.state_dir, valid_at=[datetime.now(UTC)])

    async def run(self, ended: asyncio.Event, *, control: ControlEntry | None, plug: bool) -> MistakeWatch:
        """Run the node until somebody ends it."""
        name, options, journal = self._name, self._options, self._journal
        watch = end_on_mistake(journal, ended)
        node, link = self._make()
        async with AsyncExitStack() as stack:
            server = self._make_server(node, link, control) if control else None
            if server is not None:
                # it goes last: cables that are in it hang on it, and a switch says nothing of what goes with the power
                stack.push_async_callback(server.stop)
            stack.push_async_callback(node.stop)
            await node.start()
            if server is not None:
                await server.start()
            if isinstance(node, Endpoint):
                stack.push_async_callback(node.unplug)
            await wait_until_told([link] if link else [])
            url = server.url if server else ""
            certificate = self._authority.certificate_path
            stack.enter_context(
                leave_ready_file(options.ready_file, control=url, ca_certificate=certificate, nodes={name: node})
            )
            _calm_collector()
            uses = ", ".join(filter(None, [render_ports(node.ports), f"control {url}" if url else ""]))
            print(f"{name} ready: {node.kind} on {node.address}, {uses}{self._render_link(node, link)}", flush=True)
            if not options.quiet:
                JournalLog(sys.stdout, {name: node.kind}, colour=sys.stdout.isatty()).follow(journal)
            if isinstance(node, Endpoint) and plug:
                await node.plug()
            await ended.wait()
        print(f"{name} stopped")
        return watch

    def _make_server(self, node: RunningNode, link: LinkWatch | None, settings: ControlEntry) -> ControlServer:
        """Make the node's own control API."""
        routes = NodeControl(node, self._topology, clock=self._clock, journal=self._journal, link=link).list_routes()
        return ControlServer(settings, routes=routes, observe=self._journal.writer(node.name))

    def _make(self) -> tuple[RunningNode, LinkWatch | None]:
        seed = random.SystemRandom().getrandbits(32)
        topology, name = self._topology, self._name
        folder = choose_folder(self._options.state_dir, topology.name)
        links = BrokerLinks(self._broker, deployment=topology.name, folder=folder) if self._broker else None
        maker = NodeMaker(
            topology,
            self._authority,
            clock=self._clock,
            journal=self._journal,
            seed=seed,
            links=links,
            state_dir=folder,
        )
        return _make_kind(maker, topology.nodes[name], name), maker.links.get(name)

    def _render_link(self, node: RunningNode, link: LinkWatch | None) -> str:
        """Render how the node is linked to the others; nothing for a kind of node that never is."""
        if node.kind not in ("psn", "mnt"):
            return ""
        if link is None or self._broker is None:
            return "; it is alone and shares nothing with other nodes: no broker is named (--broker)"
        return f"; broker {render_broker(self._broker)}: {link.render()}"


def _check_kind(lab_file: LabFile, name: str, *, plug: bool) -> None:
    """Look whether a node of this kind can do what is asked; raises `InputError`."""
    is_endpoint = isinstance(lab_file.topology.nodes[name], EndpointNode)
    if is_endpoint and lab_file.topology.control.node_port is None:
        reason = "node_port is missing: an endpoint in a process of its own asks its switch there for a cable"
        raise InputError(lab_file.document.fault(("control",), reason))
    if plug and not is_endpoint:
        raise InputError(lab_file.document.fault(("nodes", name), "only an endpoint can be plugged in"))


def _calm_collector() -> None:
    """Let the collector look at long-lived objects less often.

    Sessions live for hours and refer to nothing that refers back, so a collection finds next to nothing among them;
    with Python's own thresholds each stalls every request meanwhile, the longer the more sessions there are.
    """
    gc.collect()
    gc.freeze()  # what was made until now lives as long as the node
    gc.set_threshold(50_000, 20, 100)


def _make_kind(maker: NodeMaker, entry: Node, name: str) -> RunningNode:
    match entry:
        case MntNode():
            return maker.make_mnt(name)
        case PsnNode():
            return maker.make_psn(name)
        case SwitchNode():
            return maker.make_switch(name)
        case EndpointNode():
            return maker.make_endpoint_apart(name)
        case _:
            return maker.make_website(name)
