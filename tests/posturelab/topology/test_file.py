"""Topology files: the shipped one, and what every contradiction in one is called."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posturelab.reading.input_error import InputError
from posturelab.topology.endpoint import EndpointNode
from posturelab.topology.file import list_shipped, open_topology, read_topology, relocate
from posturelab.topology.nodes import PsnNode, SwitchNode
from tests.posturelab.documents import load_topology, parse_document


def refuse(overrides: str) -> str:
    """Read the campus with overrides, which stand in test.yaml under the key `over`."""
    document = open_topology("campus").merge(parse_document(overrides, file="test.yaml"), "over")
    with pytest.raises(InputError) as caught:
        read_topology(document)
    return str(caught.value)


def test_the_campus_is_what_scripts_rely_on() -> None:
    campus = load_topology()
    assert campus.name == "campus"
    assert campus.domain == "lab.test"
    assert campus.radius.secret == "testing123"
    assert (campus.control.address, campus.control.port) == ("127.0.0.1", 8600)
    assert {name: (node.kind, node.address) for name, node in campus.nodes.items()} == {
        "mnt1": ("mnt", "127.0.2.1"),
        "psn1": ("psn", "127.0.1.1"),
        "psn2": ("psn", "127.0.1.2"),
        "web1": ("web", "127.0.4.1"),
        "switch1": ("switch", "127.0.3.1"),
        "laptop1": ("endpoint", "127.0.10.1"),
        "laptop2": ("endpoint", "127.0.10.2"),
    }
    assert {name: (user.password, user.groups) for name, user in campus.users.items()} == {
        "alice": ("lab-alice", ("Employees",)),
        "bob": ("lab-bob", ("Employees",)),
    }
    endpoints = campus.select(EndpointNode)
    assert [(node.user, node.mac) for node in endpoints.values()] == [
        ("alice", "02:00:00:00:10:01"),
        ("bob", "02:00:00:00:10:02"),
    ]
    ports = campus.select(PsnNode)["psn1"].ports
    assert (ports.authentication, ports.accounting, ports.portal, ports.posture) == (
        (1812, 1645),
        (1813, 1646),
        8443,
        8905,
    )
    assert campus.select(SwitchNode)["switch1"].coa_port == 1700


def test_names_resolve_to_nodes_sites_and_declared_hosts() -> None:
    hosts = load_topology().resolve_hosts()
    assert hosts["psn1.lab.test"] == hosts["psn1"] == "127.0.1.1"
    assert hosts["enroll.cisco.com"] == hosts["www.lab.test"] == "127.0.4.1"


def test_shipped_topologies_are_listed_and_a_wrong_name_suggests_one() -> None:
    assert list_shipped() == ["campus", "no-redirect"]
    with pytest.raises(InputError, match=r"^campsu: no topology has this name \(did you mean 'campus'\?\)$"):
        load_topology("campsu")


def test_a_path_is_read_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: mine\nnodes:\n  mnt1: {kind: mnt, address: 127.0.2.1}\n")
    assert read_topology(open_topology("mine.yaml", folder=tmp_path)).name == "mine"
    assert load_topology(str(tmp_path / "mine.yaml")).name == "mine"


def test_a_topology_moves_to_other_addresses_with_its_access_lists() -> None:
    moved = read_topology(relocate(open_topology("campus"), 9))
    assert moved.nodes["psn1"].address == "127.9.1.1"
    assert "permit tcp any host 127.9.1.2" in moved.policy.dacls["POSTURE-PENDING"]
    assert moved.radius.wildcard_network == "127.0.0.0/8"


FAULTS = {
    "over:\n  nodes:\n    psn1:\n      adress: 127.0.1.9\n": (
        "test.yaml:4: nodes.psn1.adress: unknown key (did you mean 'address'?)"
    ),
    "over:\n  nodes:\n    psn1: {address: 127.0.1}\n": (
        "test.yaml:3: nodes.psn1.address: '127.0.1' is not an IPv4 address"
    ),
    "over:\n  nodes:\n    psn1: {address: 127.0.1.2}\n": "nodes.psn2.address: 127.0.1.2 belongs to psn1 already",
    "over:\n  nodes:\n    laptop2: {mac: 02-00-00-00-10-01}\n": (
        "test.yaml:3: nodes.laptop2.mac: 02:00:00:00:10:01 belongs to laptop1 already"
    ),
    "over:\n  nodes:\n    laptop1: {mac: 02:00}\n": "test.yaml:3: nodes.laptop1.mac: '02:00' is not a MAC address",
    "over:\n  nodes:\n    laptop1: {user: alize}\n": (
        "test.yaml:3: nodes.laptop1.user: no user is called 'alize' (did you mean 'alice'?)"
    ),
    "over:\n  nodes:\n    laptop1:\n      attached_to: {switch: switch2}\n": (
        "test.yaml:4: nodes.laptop1.attached_to.switch: no switch is called 'switch2' (did you mean 'switch1'?)"
    ),
    "over:\n  nodes:\n    laptop1:\n      attached_to: {port: GigabitEthernet1/0/9}\n": (
        "test.yaml:4: nodes.laptop1.attached_to.port: "
        "no access port of switch1 is called 'GigabitEthernet1/0/9' (did you mean 'GigabitEthernet1/0/2'?)"
    ),
    "over:\n  nodes:\n    laptop2:\n      attached_to: {port: GigabitEthernet1/0/1}\n": (
        "test.yaml:4: nodes.laptop2.attached_to.port: laptop1 is attached to switch1 GigabitEthernet1/0/1 already"
    ),
    "over:\n  nodes:\n    switch1: {servers: [psn1, psn3]}\n": (
        "test.yaml:3: nodes.switch1.servers[1]: no policy service node is called 'psn3' (did you mean 'psn2'?)"
    ),
    "over:\n  nodes:\n    switch1: {servers: [psn1, psn1]}\n": (
        "test.yaml:3: nodes.switch1.servers: a server stands here twice"
    ),
    "over:\n  nodes:\n    switch1: {timeout: 0s}\n": (
        "test.yaml:3: nodes.switch1.timeout: 0s is outside the range 100ms to 15m"
    ),
    "over:\n  nodes:\n    switch1: {deadtime: 10000d}\n": (
        "test.yaml:3: nodes.switch1.deadtime: 10000d is outside the range 0s to 1d"
    ),
    "over:\n  nodes:\n    switch1: {interim_interval: 1ms}\n": (
        "test.yaml:3: nodes.switch1.interim_interval: 1ms is outside the range 1s to 30d"
    ),
    "over:\n  nodes:\n    switch1:\n      access_ports:\n        GigabitEthernet1/0/1: {number: 1099511627776}\n": (
        "test.yaml:5: nodes.switch1.access_ports.GigabitEthernet1/0/1.number: "
        "1099511627776 is outside the range 0 to 4294967295"
    ),
    "over:\n  nodes:\n    psn1:\n      coa_timeout: 0s\n": (
        "test.yaml:4: nodes.psn1.coa_timeout: 0s is outside the range 100ms to 30s"
    ),
    "over:\n  nodes:\n    mnt1: {record_lifetime: 1ms}\n": (
        "test.yaml:3: nodes.mnt1.record_lifetime: 1ms is outside the range 1m to 3650d"
    ),
    "over:\n  nodes:\n    mnt1: {retention: {job_interval: 1ms}}\n": (
        "test.yaml:3: nodes.mnt1.retention.job_interval: 1ms is outside the range 1s to 1d"
    ),
    "over:\n  nodes:\n    mnt1: {api_user: 'a:b'}\n": (
        "test.yaml:3: nodes.mnt1.api_user: 'a:b' is no user name for HTTP: use printable characters, and no colon"
    ),
    "over:\n  nodes:\n    laptop1: {timers: {first_backoff: 0s}}\n": (
        "test.yaml:3: nodes.laptop1.timers.first_backoff: 0s is outside the range 100ms to 1h"
    ),
    "over:\n  policy:\n    profiles:\n      Full-Access: {session_timeout: 99999d}\n": (
        "test.yaml:4: policy.profiles.Full-Access.session_timeout: 99999d is outside the range 1s to 3650d"
    ),
    "over:\n  control: {node_port: 0}\n": "test.yaml:2: control.node_port: 0 is outside the range 1 to 65535",
    "over:\n  broker: {heartbeat: 0s}\n": "test.yaml:2: broker.heartbeat: 0s is outside the range 1s to 1h",
    "over:\n  nodes:\n    switch1: {timeout: 5}\n": (
        "test.yaml:3: nodes.switch1.timeout: 5 is not a duration; write for example 500ms, 30s, 5m, 1h30m or 5d"
    ),
    "over:\n  nodes:\n    switch1: {coa_port: 3799}\n": "nodes.switch1.coa_rfc_port: port 3799 stands here 2 times",
    "over:\n  nodes:\n    switch1: {coa_port: 70000}\n": (
        "test.yaml:3: nodes.switch1.coa_port: 70000 is outside the range 0 to 65535"
    ),
    "over:\n  nodes:\n    psn1: {ports: {authentication: [1812, 1812]}}\n": (
        "test.yaml:3: nodes.psn1.ports: port 1812 stands here 2 times"
    ),
    "over:\n  nodes:\n    mnt1: {retention: {after_stop: 0s}}\n": (
        "test.yaml:3: nodes.mnt1.retention.after_stop: 0s is outside the range 1s to 3650d"
    ),
    "over:\n  nodes:\n    PSN9: {kind: psn, address: 127.0.1.9}\n": (
        "test.yaml:3: nodes.PSN9: 'PSN9' is not a name; use lower-case letters, digits and hyphens"
    ),
    "over:\n  nodes:\n    psn9: {kind: pns, address: 127.0.1.9}\n": (
        "test.yaml:3: nodes.psn9.kind: must be one of 'psn', 'mnt', 'switch', 'endpoint', 'web'"
    ),
    "over:\n  policy:\n    profiles:\n      Full-Access: {dacl: PERMIT-AL}\n": (
        "test.yaml:4: policy.profiles.Full-Access.dacl: "
        "no downloadable ACL is called 'PERMIT-AL' (did you mean 'PERMIT-ALL'?)"
    ),
    "over:\n  policy:\n    profiles:\n      Posture-Redirect: {redirect: {acl: ACL-POSTURE-REDIRCT}}\n": (
        "test.yaml:4: policy.profiles.Posture-Redirect.redirect.acl: "
        "no access list of a switch is called 'ACL-POSTURE-REDIRCT' (did you mean 'ACL-POSTURE-REDIRECT'?)"
    ),
    "over:\n  policy:\n    profiles:\n      Posture-Redirect: {redirect: {host: " + "a" * 120 + "}}\n": (
        "test.yaml:4: policy.profiles.Posture-Redirect.redirect: "
        "the redirect URL is too long: attribute 1 of vendor 9: 312 octets exceed 247"
    ),
    "over:\n  policy:\n    profiles:\n      Full-Access: {filter_id: " + "a" * 260 + "}\n": (
        "test.yaml:4: policy.profiles.Full-Access: "
        "does not fit into an Access-Accept: attribute 11: 263 octets exceed 253"
    ),
    "over:\n  policy:\n    dacls:\n      PERMIT-ALL: [permit ip any]\n": (
        "test.yaml:4: policy.dacls.PERMIT-ALL[0]: "
        "'permit ip any' is not an access list entry: a destination address is missing at the end"
    ),
    "over:\n  policy:\n    rules:\n    - {name: A, profile: Full-Acces}\n": (
        "test.yaml:4: policy.rules[0].profile: "
        "no authorization profile is called 'Full-Acces' (did you mean 'Full-Access'?)"
    ),
    "over:\n  policy:\n    rules:\n    - {name: A, profile: Full-Access, when: {postur: Unknown}}\n": (
        "test.yaml:4: policy.rules[0].when.postur: unknown condition 'postur': use one of "
        "posture, group, user, mac, method, nad, nad_group, psn, session:id, session:state, session:nas_ip, "
        "session:nas_port_id, session:device_ip, session:calling_station_id, session:acct_session_id, "
        "session:profile, session:rule, session:agent_version, radius:<Name>"
    ),
    "over:\n  policy:\n    rules:\n    - {name: A, profile: Full-Access, when: {posture: Complaint}}\n": (
        "test.yaml:4: policy.rules[0].when.posture: no posture status is called 'Complaint' (did you mean 'Compliant'?)"
    ),
    "over:\n  policy:\n    rules:\n    - {name: A, profile: Full-Access, when: {psn: [psn1, psn9]}}\n": (
        "test.yaml:4: policy.rules[0].when.psn[1]: no policy service node is called 'psn9' (did you mean 'psn2'?)"
    ),
    "over:\n  policy:\n    rules:\n    - {name: A, profile: Full-Access, when: {nad: swich1}}\n": (
        "test.yaml:4: policy.rules[0].when.nad: no switch or RADIUS client is called 'swich1' (did you mean 'switch1'?)"
    ),
    "over:\n  policy:\n    rules:\n    - {name: A, profile: Full-Access, when: {group: Emploees}}\n": (
        "test.yaml:4: policy.rules[0].when.group: no identity group is called 'Emploees' (did you mean 'Employees'?)"
    ),
    "over:\n  policy:\n    rules:\n    - {name: A, profile: Full-Access, when: {nad_group: Vienna}}\n": (
        "test.yaml:4: policy.rules[0].when.nad_group: no device group is called 'Vienna'"
    ),
    "over:\n  policy:\n    rules:\n    - {name: A, profile: Full-Access, when: {radius:NAS-Prt: x}}\n": (
        "test.yaml:4: policy.rules[0].when.radius:NAS-Prt: "
        "no dictionary knows the attribute 'NAS-Prt' (did you mean 'NAS-Port'?)"
    ),
    "over:\n  policy:\n    rules:\n    - {name: A, profile: Full-Access, when: {radius:NAS-Port: x}}\n": (
        "test.yaml:4: policy.rules[0].when.radius:NAS-Port: NAS-Port: 'x' is not a value of type integer"
    ),
    "over:\n  policy:\n    rules:\n    - {name: A, profile: Full-Access, when: {user: 5}}\n": (
        "test.yaml:4: policy.rules[0].when.user: 5 is not text; put it in quotes"
    ),
    "over:\n  policy:\n    rules:\n    - {name: A, profile: Full-Access, when: {radius:NAS-Port: true}}\n": (
        "test.yaml:4: policy.rules[0].when.radius:NAS-Port: true is not text; put it in quotes"
    ),
    "over:\n  posture:\n    provisioning:\n    - {name: A, configuration: none, audience: {groups: [Emploees]}}\n": (
        "test.yaml:4: posture.provisioning[0].audience.groups[0]: "
        "no identity group is called 'Emploees' (did you mean 'Employees'?)"
    ),
    "over:\n  policy:\n    rules:\n    - {name: A, profile: Full-Access, unless: {session:site: x}}\n": (
        "session:agent_version, radius:<Name>"
    ),
    "over:\n  policy:\n    profiles:\n      Full-Access: {attributes: {Reply-Mesage: Welcome}}\n": (
        "test.yaml:4: policy.profiles.Full-Access.attributes.Reply-Mesage: "
        "no dictionary knows the attribute 'Reply-Mesage' (did you mean 'Reply-Message'?)"
    ),
    'over:\n  policy:\n    profiles:\n      Full-Access:\n        attributes: {Session-Timeout: ["60", soon]}\n': (
        "test.yaml:5: policy.profiles.Full-Access.attributes.Session-Timeout: "
        "Session-Timeout: 'soon' is not a value of type integer"
    ),
    "over:\n  policy:\n    profiles:\n      Full-Access: {attributes: {Reply-Message: 7}}\n": (
        "test.yaml:4: policy.profiles.Full-Access.attributes.Reply-Message: 7 is not text; put it in quotes"
    ),
    "over:\n  policy:\n    profiles:\n      Full-Access: {attributes: {Message-Authenticator: x}}\n": (
        "test.yaml:4: policy.profiles.Full-Access.attributes.Message-Authenticator: "
        "Message-Authenticator is not for profiles: the policy service node itself sets or encrypts it"
    ),
    "over:\n  policy:\n    profiles:\n      Full-Access: {attributes: {Tunnel-Password: x}}\n": (
        "Tunnel-Password is not for profiles: the policy service node itself sets or encrypts it"
    ),
    "over:\n  policy:\n    profiles:\n      Full-Access: {attributes: {Reply-Message: " + "a" * 260 + "}}\n": (
        "test.yaml:4: policy.profiles.Full-Access: "
        "does not fit into an Access-Accept: attribute 18: 260 octets exceed 253"
    ),
    "over:\n  radius:\n    clients:\n      vpn: {network: 192.0.2.7/32, secret: x, coa_port: 0}\n": (
        "test.yaml:4: radius.clients.vpn.coa_port: 0 is outside the range 1 to 65535"
    ),
    "over:\n  posture:\n    policies:\n    - {name: A, requirements: [B]}\n": (
        "test.yaml:4: posture.policies[0].requirements[0]: no requirement is called 'B' "
        "(known here: Antivirus-Installed, Antivirus-Up-To-Date, Disk-Encryption)"
    ),
    "over:\n  posture:\n    provisioning:\n    - {name: A, configuration: B}\n": (
        "test.yaml:4: posture.provisioning[0].configuration: no agent configuration is called 'B' "
        "(known here: Lab-Agent, none)"
    ),
    "over:\n  posture:\n    requirements:\n      A: {checks: [{name: B, category: file}]}\n": (
        "test.yaml:4: posture.requirements.A.checks[0]: check 'B': say which file"
    ),
    "over:\n  posture:\n    configurations:\n      A: {profile: {backoff_timer_limit: 5s}}\n": (
        "test.yaml:4: posture.configurations.A.profile.backoff_timer_limit: 5s is outside the range 10s to 10m"
    ),
    "over:\n  posture: {lease_days: 366}\n": "test.yaml:2: posture.lease_days: 366 is outside the range 0 to 365",
    "over:\n  radius:\n    clients:\n      vpn: {network: 127.0.3.1/32, secret: x}\n": (
        "test.yaml:4: radius.clients.vpn.network: 127.0.3.1/32 belongs to switch1 already"
    ),
    "over:\n  radius:\n    clients:\n      sw1: {network: 10.0.0.1/32, secret: x, nas_identifier: a}\n"
    "      sw2: {network: 10.0.0.1/32, secret: y, nas_identifier: a}\n": (
        "test.yaml:5: radius.clients.sw2.nas_identifier: 'a' in 10.0.0.1/32 belongs to sw1 already"
    ),
    "over:\n  radius:\n    clients:\n      sw1: {network: 10.0.0.1/32, secret: x, nas_ip: 10.9.0.1}\n"
    "      sw2: {network: 10.0.0.1/32, secret: y, nas_ip: 10.9.0.1}\n": (
        "test.yaml:5: radius.clients.sw2.nas_ip: 10.9.0.1 in 10.0.0.1/32 belongs to sw1 already"
    ),
    "over:\n  radius:\n    clients:\n      switch1: {network: 10.0.0.1/32, secret: x}\n": (
        "test.yaml:4: radius.clients.switch1: a switch has this name"
    ),
    "over:\n  radius:\n    clients:\n      wildcard: {network: 10.0.0.1/32, secret: x}\n": (
        "test.yaml:4: radius.clients.wildcard: the wildcard client has this name"
    ),
    "over:\n  radius:\n    clients:\n      vpn: {network: 10.0.0.1/32, secret: x, coa_host: vpn.lab.test}\n": (
        "test.yaml:4: radius.clients.vpn.coa_host: 'vpn.lab.test' is not an IPv4 address"
    ),
    "over:\n  radius:\n    clients:\n      vpn: {network: 192.0.2.1/24, secret: x}\n": (
        "test.yaml:4: radius.clients.vpn.network: '192.0.2.1/24' is not an IPv4 network: 192.0.2.1/24 has host bits set"
    ),
    "over:\n  radius: {limit_proxy_state: maybe}\n": (
        "test.yaml:2: radius.limit_proxy_state: 'maybe' is not 'yes', 'no' or 'auto'"
    ),
    "over:\n  hosts: {psn1.lab.test: 127.0.1.9}\n": "test.yaml:2: hosts.psn1.lab.test: a node has this name",
    "over:\n  control: {node_port: 8102}\n": "test.yaml:2: control.node_port: switch1 uses port 8102 itself",
    "over:\n  ldd: no\n": "test.yaml:2: ldd: 'no' is not 'off', 'directory' or 'posture-sharing'",
    "over:\n  broker: {urls: [127.0.0.1]}\n": (
        "test.yaml:2: broker: a URL is not of the form amqp://user:password@host:port/vhost"
    ),
    "over:\n  broker: {certificate: a.pem}\n": (
        "test.yaml:2: broker: a certificate needs its key, and a key its certificate"
    ),
    "over:\n  broker: {urls: amqps://127.0.0.1, key: a.pem}\n": (
        "test.yaml:2: broker: a certificate needs its key, and a key its certificate"
    ),
    "over:\n  nodes:\n    psn1: {ports: {internode: 8443}}\n": (
        "test.yaml:3: nodes.psn1.ports: port 8443 stands here 2 times"
    ),
    "over:\n  users: {carol: {password: ''}}\n": "test.yaml:2: users.carol.password: must not be empty",
}


@pytest.mark.parametrize(("overrides", "sentence"), FAULTS.items())
def test_a_contradiction_names_file_line_and_key(overrides: str, sentence: str) -> None:
    assert refuse(overrides).endswith(sentence)


def test_rules_ask_for_numbers_of_attributes_and_for_what_is_declared() -> None:
    over = parse_document(
        "over:\n"
        "  nodes: {switch1: {groups: [Vienna]}, laptop1: {identity_groups: [Workstation]}}\n"
        "  policy:\n"
        "    rules:\n"
        "    - name: A\n"
        "      profile: PermitAccess\n"
        "      when: {radius:NAS-Port: 5, radius:NAS-Port-Type: [15, Virtual], nad: [switch1, wildcard],\n"
        "             nad_group: Vienna, group: [Workstation, Employees], psn: psn1}\n",
        file="test.yaml",
    )
    (rule,) = read_topology(open_topology("campus").merge(over, "over")).policy.rules
    assert (rule.when["radius:NAS-Port"], rule.when["radius:NAS-Port-Type"]) == ("5", ("15", "Virtual"))


def test_a_node_can_be_taken_out() -> None:
    over = parse_document("over:\n  nodes: {laptop2: null}\n", file="test.yaml")
    assert "laptop2" not in read_topology(open_topology("campus").merge(over, "over")).nodes


def test_the_words_of_switches_stay_words() -> None:
    over = parse_document("over:\n  radius: {require_message_authenticator: yes}\n", file="test.yaml")
    topology = read_topology(open_topology("campus").merge(over, "over"))
    assert topology.radius.require_message_authenticator.value == "yes"


CAMPUS_TEXT = (Path(__file__).parents[3] / "posturelab" / "topologies" / "campus.yaml").read_text()


@given(at=st.integers(0, len(CAMPUS_TEXT)), length=st.integers(0, 40), text=st.text(max_size=20))
def test_a_damaged_campus_is_a_topology_or_the_documented_error(at: int, length: int, text: str) -> None:
    damaged = CAMPUS_TEXT[:at] + text + CAMPUS_TEXT[at + length :]
    with suppress(InputError):
        read_topology(parse_document(damaged, file="campus.yaml"))


@given(st.text())
def test_any_text_is_a_topology_or_the_documented_error(text: str) -> None:
    with suppress(InputError):
        read_topology(parse_document(text, file="campus.yaml"))


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(key=st.sampled_from(["name", "radius", "control", "users", "policy", "posture", "nodes", "hosts"]), value=PLAIN)
def test_any_content_is_a_topology_or_the_documented_error(key: str, value: object) -> None:
    campus = open_topology("campus")
    over = parse_document("over: {}", file="test.yaml")
    over.content["over"] = {key: value}
    with suppress(InputError):
        read_topology(campus.merge(over, "over"))


def test_in_the_lab_without_redirection_no_profile_redirects_and_every_agent_knows_whom_to_call() -> None:
    topology = load_topology("no-redirect")
    assert [profile.redirect for profile in topology.policy.profiles.values()] == [None, None]
    servers = tuple(topology.fqdn(name) for name in topology.select(PsnNode))
    assert len(servers) == 3
    assert {endpoint.profile.call_home for endpoint in topology.select(EndpointNode).values()} == {servers}
