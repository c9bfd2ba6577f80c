"""What a lab that is ready tells: a table and commands for people, a JSON file for scripts."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from posturelab.control.client import DEFAULT_URL
from posturelab.journal.line import KIND_COLOURS
from posturelab.lab import Lab
from posturelab.node_maker import RunningNode, describe_places
from posturelab.port_assignment import render_ports
from posturelab.reading.whole_file import write_whole
from posturelab.topology.endpoint import EndpointNode
from posturelab.topology.model import Topology
from posturelab.topology.nodes import PsnNode, SwitchNode


@contextmanager
def leave_ready_file(
    path: Path | None, *, control: str, ca_certificate: Path, nodes: Mapping[str, RunningNode]
) -> Iterator[None]:
    """Leave the ready file, if one is wanted, while the nodes are up; who sees it sees all of it. Raises `OSError`."""
    if path is None:
        yield
        return
    certificate = str(ca_certificate.absolute())
    content = {"control": control, "ca_certificate": certificate, "nodes": describe_places(nodes)}
    try:
        write_whole(path, (json.dumps(content, indent=2) + "\n").encode())
        yield
    finally:
        path.unlink(missing_ok=True)


def print_ready(console: Console, lab: Lab, *, control: str, broker: str) -> None:
    """Print that the lab is ready, every node with its ports and secret, and three commands to try.

    `broker` is the URL of the message broker between the nodes, empty for the one in this process.
    """
    topology = lab.topology
    console.print("lab ready", style="bold green", highlight=False)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("node", "kind", "address", "ports", "secret"):
        table.add_column(heading, overflow="fold")
    for name, node in lab.nodes.items():
        kind = Text(node.kind, style=f"color({KIND_COLOURS[node.kind]})")
        table.add_row(name, kind, node.address, Text(render_ports(node.ports)), Text(_find_secret(topology, name)))
    table.add_row("control", "api", topology.control.address, control, "token" if topology.control.token else "")
    console.print(table)
    bus = f"rabbitmq {broker}" if broker else "embedded"
    console.print(f"bus between the nodes: {bus}, {_render_links(lab)}", highlight=False, soft_wrap=True)
    console.print("\nTry, in another terminal:", highlight=False)
    for command in list_commands(topology, control=control):
        console.print(f"  {command}", style="bold", highlight=False, soft_wrap=True)
    console.print("Ctrl-C ends the lab.\n", style="dim", highlight=False)


def _render_links(lab: Lab) -> str:
    """Render whether the nodes reach each other, with the reasons of those that do not."""
    reasons: dict[str, list[str]] = {}
    for name, watch in lab.links.items():
        if not watch.is_up:
            reasons.setdefault(watch.reason, []).append(name)
    return "; ".join(f"degraded ({', '.join(names)}): {reason}" for reason, names in reasons.items()) or "up"


def list_commands(topology: Topology, *, control: str) -> list[str]:
    """List commands worth trying in this lab, plugging the first endpoint in before all."""
    program = _find_program()
    option = "" if control == DEFAULT_URL else f" --control {control}"
    commands = [f"{program} endpoint {name} plug{option}" for name in list(topology.select(EndpointNode))[:1]]
    commands.append(f"{program} sessions{option}")
    user, psn = next(iter(topology.users.items()), None), next(iter(topology.select(PsnNode).values()), None)
    if user is not None and psn is not None and topology.radius.wildcard_client:
        server = f"{psn.address}:{psn.ports.authentication[0]}"
        commands.append(f"radtest {user[0]} {user[1].password} {server} 0 {topology.radius.secret}")
    return commands


def _find_program() -> str:
    """Find how this program can be called from here."""
    if shutil.which("posturelab"):
        return "posturelab"
    called = Path(sys.argv[0])
    return f"{sys.executable} -m posturelab" if called.stem == "__main__" else os.path.relpath(called)


def _find_secret(topology: Topology, name: str) -> str:
    node = topology.nodes[name]
    if isinstance(node, SwitchNode):
        return node.secret or topology.radius.secret
    return topology.radius.secret if isinstance(node, PsnNode) and topology.radius.wildcard_client else ""
