"""A topology as a command uses it: with the file it was written in, so that what fails at start names its line too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nac.node.binding import AddressInUseError, has_address
from posturelab.reading.document import Document
from posturelab.reading.input_error import Fault, InputError, Location, Mark
from posturelab.reading.token import TOKEN_VARIABLE, check_token
from posturelab.topology.checks import check_name
from posturelab.topology.file import open_topology, read_topology
from posturelab.topology.model import UNPROTECTED, ControlEntry, Topology


@dataclass(frozen=True, slots=True)
class LabFile:
    """A topology and its document."""

    document: Document
    topology: Topology

    @property
    def folder(self) -> Path:
        """The folder of the file, to which its paths are relative."""
        return Path(self.document.file).parent

    def check_addresses(self, nodes: Iterable[str] | None = None) -> None:
        """Look whether this machine has the addresses of some nodes, by default all; raises `InputError`."""
        faults = []
        for name in self.topology.nodes if nodes is None else nodes:
            address = self.topology.nodes[name].address
            if not has_address(address):
                place = ("nodes", name, "address")
                faults.append(self.document.fault(place, f"this machine does not have the address {address}"))
        if faults:
            raise InputError(*faults)

    def check_node(self, name: str) -> None:
        """Look whether there is a node of this name; raises `InputError`."""
        findings = check_name(("nodes",), name, self.topology.nodes, "node")
        faults = [self.document.fault(place, text) for place, text in findings]
        if faults:
            raise InputError(*faults)

    def check_control(self) -> None:
        """Look whether only those come into the lab's control API who may; raises `InputError`."""
        if not self.topology.control.is_protected:
            raise InputError(self.document.fault(("control", "address"), UNPROTECTED))

    def place_control(self, name: str, place: str | None) -> ControlEntry | None:
        """Choose where a single node's control API listens, with the token of the lab's; None for one that has none.

        `place` is ``ADDRESS:PORT``; without it the topology decides. Raises `InputError`.
        """
        control = self.topology.control
        if place is None:
            if control.node_port is None:
                return None
            place = f"{self.topology.nodes[name].address}:{control.node_port}"
        address, _, port = place.rpartition(":")
        try:
            settings = ControlEntry(address=address, port=int(port), token=control.token)
        except ValueError:
            raise InputError(Fault(Mark("--control"), "", f"{place!r} is not ADDRESS:PORT")) from None
        if not settings.is_protected:
            raise InputError(self.document.fault(("control", "token"), UNPROTECTED))
        return settings

    def explain(self, error: AddressInUseError) -> InputError:
        """Turn a port in use into a fault of the node that wanted it."""
        return InputError(self.document.fault(self._find_user(error), str(error)))

    def _find_user(self, error: AddressInUseError) -> Location:
        control = self.topology.control
        if (error.address, error.port) == (control.address, control.port):
            return ("control", "port")
        users = [name for name, node in self.topology.nodes.items() if node.address == error.address]
        return ("nodes", users[0]) if users else ()


def load_lab_file(reference: str, *, token: str | None = None) -> LabFile:
    """Load a shipped topology by name, or one by path; raises `InputError`.

    `token`, which is that of the environment, goes before the one in the file, so that no secret need stand there.
    """
    document = open_topology(reference)
    topology = read_topology(document)
    if token:
        try:
            control = topology.control.model_copy(update={"token": check_token(token)})
        except ValueError as error:
            raise InputError(Fault(Mark(TOKEN_VARIABLE), "", str(error))) from None
        topology = topology.model_copy(update={"control": control})
    return LabFile(document, topology)
