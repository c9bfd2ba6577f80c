"""What one part of a topology says of another: names that must exist, and addresses and ports that must differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from nac.posture import PostureStatus
from posturelab.reading.document import suggest
from posturelab.reading.input_error import Location
from posturelab.topology.endpoint import EndpointNode
from posturelab.topology.model import ClientEntry, Topology
from posturelab.topology.nodes import MntNode, PsnNode, SwitchNode, WebNode
from posturelab.topology.policy import ProfileEntry, RuleEntry, encode_attribute_values
from posturelab.topology.posture import NO_AGENT, AudienceEntry
from posturelab.topology.values import WILDCARD_CLIENT
from psn.accept import AcceptTemplate
from psn.authorization import RADIUS_PREFIX
from psn.config import DENY_ACCESS, PERMIT_ACCESS, Dacl
from psn.session import Session
from radius.dictionary import Dictionary, load_default

_LONGEST_SESSION_ID = 51
"""Characters of the session id that a policy service node makes where a device sends none; a device's has 24."""

Objection = tuple[Location, str]
"""Where something is wrong, and what; `posturelab.reading.document.Document.fault` adds file and line."""


def list_faults(topology: Topology) -> Iterator[Objection]:
    """List every place where a topology contradicts itself."""
    yield from _check_addresses(topology)
    yield from _check_clients(topology)
    yield from _check_ports(topology)
    yield from _check_node_port(topology)
    yield from _check_switches(topology)
    yield from _check_endpoints(topology)
    yield from _check_policy(topology)
    yield from _check_rules(topology)
    yield from _check_posture(topology)


def _check_addresses(topology: Topology) -> Iterator[Objection]:
    addresses: dict[str, str] = {}
    macs: dict[str, str] = {}
    for name, node in topology.nodes.items():
        holder = addresses.setdefault(node.address, name)
        if holder != name:
            yield ("nodes", name, "address"), f"{node.address} belongs to {holder} already"
        if isinstance(node, EndpointNode) and (holder := macs.setdefault(node.mac, name)) != name:
            yield ("nodes", name, "mac"), f"{node.mac} belongs to {holder} already"
    for name in topology.hosts:
        if name.removesuffix(f".{topology.domain}") in topology.nodes:
            yield ("hosts", name), "a node has this name"


def _check_clients(topology: Topology) -> Iterator[Objection]:
    """Look for RADIUS clients of which no packet tells one from the other, or that have the name of another."""
    switches, radius = topology.select(SwitchNode), topology.radius
    claims: dict[tuple[str, str | None, str | None], str] = {
        (f"{switch.address}/32", None, None): name for name, switch in switches.items()
    }
    if radius.wildcard_client:
        claims[radius.wildcard_network, None, None] = "the wildcard client"
    for name, client in radius.clients.items():
        place = ("radius", "clients", name)
        if name in switches or (radius.wildcard_client and name == WILDCARD_CLIENT):
            yield place, f"{'a switch' if name in switches else 'the wildcard client'} has this name"
        holder = claims.setdefault((client.network, client.nas_identifier, client.nas_ip), name)
        if holder != name:
            yield from _explain_claim(place, client, holder)


def _explain_claim(place: Location, client: ClientEntry, holder: str) -> Iterator[Objection]:
    """Say what of a client is another's already."""
    if client.nas_identifier is not None:
        yield (*place, "nas_identifier"), f"{client.nas_identifier!r} in {client.network} belongs to {holder} already"
    elif client.nas_ip is not None:
        yield (*place, "nas_ip"), f"{client.nas_ip} in {client.network} belongs to {holder} already"
    else:
        yield (*place, "network"), f"{client.network} belongs to {holder} already"


def _check_ports(topology: Topology) -> Iterator[Objection]:
    """Look for two uses of one port on one address."""
    for name, node in topology.nodes.items():
        if isinstance(node, PsnNode):
            yield from _differ(("nodes", name, "ports"), (*node.ports.authentication, *node.ports.accounting))
            yield from _differ(("nodes", name, "ports"), (node.ports.portal, node.ports.posture, node.ports.internode))
        if isinstance(node, SwitchNode):
            yield from _differ(("nodes", name, "coa_rfc_port"), (node.coa_port, node.coa_rfc_port))
            proxies = [port.proxy_port for port in node.access_ports.values()]
            yield from _differ(("nodes", name, "access_ports"), proxies)


def _check_node_port(topology: Topology) -> Iterator[Objection]:
    """Look for nodes that have a use of their own for the port of their control API."""
    for name, node in topology.nodes.items():
        match node:
            case PsnNode():
                ports = [node.ports.portal, node.ports.posture, node.ports.internode]
            case MntNode():
                ports = [node.api_port]
            case SwitchNode():
                ports = [port.proxy_port for port in node.access_ports.values()]
            case WebNode():
                ports = [topology.http_port]
            case _:
                continue
        if topology.control.node_port in ports:
            yield ("control", "node_port"), f"{name} uses port {topology.control.node_port} itself"


def _differ(location: Location, ports: Iterable[int]) -> Iterator[Objection]:
    for port, count in Counter(ports).items():
        if port and count > 1:
            yield location, f"port {port} stands here {count} times"


def _check_switches(topology: Topology) -> Iterator[Objection]:
    psns = topology.select(PsnNode)
    for name, switch in topology.select(SwitchNode).items():
        for at, server in enumerate(switch.servers):
            yield from check_name(("nodes", name, "servers", at), server, psns, "policy service node")
        if not psns:
            yield ("nodes", name), "there is no policy service node to serve this switch"
        if len(set(switch.servers)) < len(switch.servers):
            yield ("nodes", name, "servers"), "a server stands here twice"


def _check_endpoints(topology: Topology) -> Iterator[Objection]:
    switches = topology.select(SwitchNode)
    taken: dict[tuple[str, str], str] = {}
    for name, endpoint in topology.select(EndpointNode).items():
        cable = endpoint.attached_to
        place = ("nodes", name, "attached_to")
        switch = switches.get(cable.switch)
        if switch is None:
            yield from check_name((*place, "switch"), cable.switch, switches, "switch")
        else:
            yield from check_name((*place, "port"), cable.port, switch.access_ports, f"access port of {cable.switch}")
        holder = taken.setdefault((cable.switch, cable.port), name)
        if holder != name:
            yield (*place, "port"), f"{holder} is attached to {cable.switch} {cable.port} already"
        if endpoint.user:
            yield from check_name(("nodes", name, "user"), endpoint.user, topology.users, "user")


def _check_policy(topology: Topology) -> Iterator[Objection]:
    policy = topology.policy
    switches = topology.select(SwitchNode).values()
    access_lists = {acl for switch in switches for acl in switch.access_lists}
    dacls = policy.build_dacls()
    dictionary = load_default()
    for name, profile in policy.profiles.items():
        place = ("policy", "profiles", name)
        if profile.dacl is not None and profile.dacl not in dacls:
            yield from check_name((*place, "dacl"), profile.dacl, dacls, "downloadable ACL")
            continue
        if profile.redirect is not None and switches:
            acl = profile.redirect.acl
            yield from check_name((*place, "redirect", "acl"), acl, access_lists, "access list of a switch")
        faults = list(_check_attributes(place, profile))
        yield from faults
        if not faults:
            yield from _check_accept(topology, name, dacls.get(profile.dacl or ""), dictionary)


def _check_rules(topology: Topology) -> Iterator[Objection]:
    """Look for rules that ask for what nothing in this lab is or has."""
    profiles = {*topology.policy.profiles, PERMIT_ACCESS, DENY_ACCESS}
    known = _list_known_values(topology)
    dictionary = load_default()
    for at, rule in enumerate(topology.policy.rules):
        place: Location = ("policy", "rules", at)
        yield from check_name((*place, "profile"), rule.profile, profiles, "authorization profile")
        for key, word, index, value in _list_values(rule):
            location = (*place, key, word, index)
            if word in known:
                what, choices = known[word]
                yield from check_name(location, value, choices, what)
            elif word.startswith(RADIUS_PREFIX):
                try:
                    dictionary.encode_value(word.removeprefix(RADIUS_PREFIX), value)
                except ValueError as error:
                    yield location, str(error)


def _list_values(rule: RuleEntry) -> Iterator[tuple[str, str, int, str]]:
    """List the values of a rule: under which key and word they stand, and where in the list."""
    for key, conditions in (("when", rule.when), ("unless", rule.unless)):
        for word, values in conditions.items():
            for index, value in enumerate((values,) if isinstance(values, str) else values):
                yield key, word, index, value


def _list_known_values(topology: Topology) -> dict[str, tuple[str, list[str]]]:
    """List what the words of rules can be, where the topology knows it: what it is called, and which there are."""
    switches, clients = topology.select(SwitchNode), topology.radius.clients
    wildcard = [WILDCARD_CLIENT] if topology.radius.wildcard_client else []
    device_groups = [group for switch in switches.values() for group in switch.groups]
    device_groups += [group for client in clients.values() for group in client.groups]
    return {
        "posture": ("posture status", [status.value for status in PostureStatus]),
        "psn": ("policy service node", [*topology.select(PsnNode)]),
        "nad": ("switch or RADIUS client", [*switches, *clients, *wildcard]),
        "nad_group": ("device group", device_groups),
        "group": ("identity group", _list_identity_groups(topology)),
    }


def _list_identity_groups(topology: Topology) -> list[str]:
    users, endpoints = topology.users.values(), topology.select(EndpointNode).values()
    of_endpoints = [group for endpoint in endpoints for group in endpoint.identity_groups]
    return [group for user in users for group in user.groups] + of_endpoints


def _check_attributes(place: Location, profile: ProfileEntry) -> Iterator[Objection]:
    """Look for values that do not fit the data types of their attributes."""
    for name, values in profile.attributes.items():
        try:
            encode_attribute_values(name, values)
        except ValueError as error:
            yield (*place, "attributes", name), str(error)


def _check_accept(topology: Topology, name: str, dacl: Dacl | None, dictionary: Dictionary) -> Iterator[Objection]:
    """Build the Access-Accept of a profile for the longest session id there is, and see what does not fit."""
    place = ("policy", "profiles", name)
    portals = [f"{topology.fqdn(psn)}:{node.ports.portal}" for psn, node in topology.select(PsnNode).items()]
    profile = topology.policy.profiles[name].build(name)
    try:
        template = AcceptTemplate(profile, dictionary=dictionary, dacl=dacl, portal=max(portals, key=len, default=""))
    except (ValueError, OverflowError) as error:
        yield place, f"does not fit into an Access-Accept: {error}"
        return
    now = datetime.min.replace(tzinfo=UTC)
    session = Session(session_id="0" * _LONGEST_SESSION_ID, created_at=now, updated_at=now, token="0" * 32)
    try:
        template.build(session, b"")
    except ValueError as error:
        yield (*place, "redirect"), f"the redirect URL is too long: {error}"


def _check_posture(topology: Topology) -> Iterator[Objection]:
    posture = topology.posture
    for at, policy in enumerate(posture.policies):
        for index, requirement in enumerate(policy.requirements):
            location = ("posture", "policies", at, "requirements", index)
            yield from check_name(location, requirement, posture.requirements, "requirement")
        yield from _check_audience(("posture", "policies", at), policy.audience, topology)
    configurations = {*posture.configurations, NO_AGENT}
    for at, rule in enumerate(posture.provisioning):
        place = ("posture", "provisioning", at, "configuration")
        yield from check_name(place, rule.configuration, configurations, "agent configuration")
        yield from _check_audience(("posture", "provisioning", at), rule.audience, topology)


def _check_audience(place: Location, audience: AudienceEntry, topology: Topology) -> Iterator[Objection]:
    groups = _list_identity_groups(topology)
    for index, group in enumerate(audience.groups):
        yield from check_name((*place, "audience", "groups", index), group, groups, "identity group")


def check_name(location: Location, name: str, known: Iterable[str], what: str) -> Iterator[Objection]:
    """Find a fault where nothing of this name is known, with what may have been meant."""
    choices = list(known)
    if name not in choices:
        yield location, f"no {what} is called {name!r}{suggest(name, choices)}"
