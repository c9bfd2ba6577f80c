"""From the campus to what each node is told."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from pydantic import BaseModel

from agent_emulator.config import EndpointConfig
from ldd.era import Era
from mnt.config import MntConfig
from nad_emulator.config import SwitchConfig
from posturelab.assembly import (
    build_endpoint_config,
    build_mnt_config,
    build_psn_config,
    build_switch_config,
    build_website_config,
)
from posturelab.authority import Authority
from posturelab.topology.endpoint import EndpointSettings
from posturelab.topology.file import open_topology, read_topology
from posturelab.topology.model import Topology
from posturelab.topology.nodes import MntSettings, PsnSettings, SwitchSettings
from psn.config import PsnConfig
from radius import attribute
from radius.client_table import ClientTable
from radius.packet import integer
from radius.secret import Secret
from tests.posturelab.documents import load_topology, parse_document


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, valid_at=[datetime.now(UTC)])


def change(overrides: str) -> Topology:
    return read_topology(open_topology("campus").merge(parse_document(overrides, file="test.yaml"), "over"))


@pytest.mark.parametrize(
    ("settings", "config"),
    [
        (PsnSettings, PsnConfig),
        (MntSettings, MntConfig),
        (SwitchSettings, SwitchConfig),
        (EndpointSettings, EndpointConfig),
    ],
)
def test_settings_have_the_names_of_the_rooms_fields(settings: type[BaseModel], config: type) -> None:
    assert set(settings.model_fields) <= {field.name for field in fields(config)}


def test_a_policy_service_node_knows_devices_users_policy_and_its_neighbours(authority: Authority) -> None:
    config = build_psn_config(load_topology(), "psn1", authority)
    assert (config.name, config.fqdn, config.address) == ("psn1", "psn1.lab.test", "127.0.1.1")
    assert config.backup_servers == ("psn2.lab.test",)
    assert [(target.name, target.host, target.port) for target in config.log_targets] == [("mnt1", "127.0.2.1", 20514)]
    assert [(client.name, client.network, client.secret) for client in config.clients] == [
        ("switch1", IPv4Network("127.0.3.1"), Secret("testing123")),
        ("wildcard", IPv4Network("127.0.0.0/8"), Secret("testing123")),
    ]
    assert config.endpoints.keys() == {"02:00:00:00:10:01", "02:00:00:00:10:02"}
    assert [rule.name for rule in config.rules] == ["Compliant", "NonCompliant", "Posture pending"]
    assert config.dacls["PERMIT-ALL"].full_name == "#ACSACL#-IP-PERMIT-ALL-6955b900"
    assert [policy.name for policy in config.posture.policies] == ["Workstations"]
    assert config.ca_certificate == authority.certificate_path.read_bytes()


def test_the_wildcard_client_can_be_off_and_other_devices_declared(authority: Authority) -> None:
    topology = change(
        "over:\n  radius:\n    wildcard_client: false\n    limit_proxy_state: auto\n"
        "    clients:\n      vpn: {network: 192.0.2.0/24, secret: other, groups: [VPN]}\n"
    )
    clients = build_psn_config(topology, "psn1", authority).clients
    assert [(client.name, client.secret, client.limit_proxy_state.value) for client in clients] == [
        ("switch1", Secret("testing123"), "auto"),
        ("vpn", Secret("other"), "no"),
    ]


def test_devices_behind_one_address_are_clients_of_their_own(authority: Authority) -> None:
    topology = change(
        "over:\n  radius:\n    wildcard_network: 172.18.0.1/32\n    clients:\n"
        "      sw1: {network: 172.18.0.1/32, secret: one, nas_identifier: SW-1, coa_host: 192.0.2.1}\n"
        "      sw2: {network: 172.18.0.1/32, secret: two, nas_ip: 192.0.2.2}\n"
    )
    clients = {client.name: client for client in build_psn_config(topology, "psn1", authority).clients}
    assert (clients["sw1"].hint, clients["sw1"].coa_host) == (("SW-1", ""), "192.0.2.1")
    assert (clients["sw2"].hint, clients["sw2"].coa_host) == (("", "192.0.2.2"), "")
    assert clients["sw1"].network == clients["sw2"].network == clients["wildcard"].network
    assert ClientTable(clients.values()).find_shared("172.18.0.1") == IPv4Network("172.18.0.1/32")


def test_further_attributes_of_a_profile_are_encoded_in_their_order(authority: Authority) -> None:
    topology = change(
        "over:\n  policy:\n    profiles:\n      Full-Access:\n        attributes:\n"
        "          Reply-Message: [Welcome, to the lab]\n          framed-mtu: '1400'\n"
    )
    profile = build_psn_config(topology, "psn1", authority).profiles["Full-Access"]
    assert profile.attributes == (
        (attribute.REPLY_MESSAGE, b"Welcome"),
        (attribute.REPLY_MESSAGE, b"to the lab"),
        (attribute.FRAMED_MTU, integer(1400)),
    )


def test_a_switch_asks_all_policy_service_nodes_unless_told(authority: Authority) -> None:
    config = build_switch_config(load_topology(), "switch1")
    assert [(server.name, server.host, server.auth_port, server.acct_port) for server in config.servers] == [
        ("psn1", "127.0.1.1", 1812, 1813),
        ("psn2", "127.0.1.2", 1812, 1813),
    ]
    assert [client.name for client in config.dynamic_author_clients] == ["psn1", "psn2", "wildcard"]
    assert config.hosts["enroll.cisco.com"] == "127.0.4.1"
    one = build_switch_config(change("over:\n  nodes:\n    switch1: {servers: [psn2], secret: mine}\n"), "switch1")
    assert [(server.name, server.secret) for server in one.servers] == [("psn2", Secret("mine"))]


def test_a_node_knows_its_peers_and_where_monitoring_nodes_are_asked(authority: Authority, tmp_path: Path) -> None:
    topology = change(
        "over:\n  nodes:\n    psn2: {ports: {internode: 9444, portal: 8444}}\n    mnt1: {api_user: lab}\n"
    )
    config = build_psn_config(topology, "psn1", authority, state_dir=tmp_path)
    (peer,) = config.peers
    assert (peer.name, peer.fqdn, peer.address) == ("psn2", "psn2.lab.test", "127.0.1.2")
    assert (peer.port, peer.portal_port) == (9444, 8444)
    (api,) = config.mnt_apis
    assert (api.name, api.host, api.port, api.user, api.password) == ("mnt1", "127.0.2.1", 9443, "lab", "lab-admin")
    assert config.internode_tls is not None
    assert config.state_dir == tmp_path
    mnt = build_mnt_config(topology, "mnt1", authority, state_dir=tmp_path)
    assert (mnt.api_user, mnt.state_dir, mnt.tls is not None) == ("lab", tmp_path, True)


@pytest.mark.parametrize("era", Era)
def test_every_node_behaves_like_one_era(authority: Authority, era: Era) -> None:
    topology = change(f"over:\n  ldd: {era}\n")
    assert build_psn_config(topology, "psn1", authority).era is era
    assert build_mnt_config(topology, "mnt1", authority).era is era


def test_an_endpoint_has_its_software_and_a_monitoring_node_its_timers(authority: Authority) -> None:
    endpoint = build_endpoint_config(load_topology(), "laptop1")
    assert (endpoint.user, endpoint.mac) == ("alice", "02:00:00:00:10:01")
    assert [product.name for product in endpoint.inventory.products] == ["Lab Defender", "Lab Firewall", "Lab Vault"]
    topology = change("over:\n  nodes:\n    mnt1: {retention: {after_stop: 1m}, session_limit: 3}\n")
    assert build_mnt_config(topology, "mnt1", authority).retention.after_stop.total_seconds() == 60
    assert build_mnt_config(topology, "mnt1", authority).session_limit == 3
    assert build_website_config(topology, "web1").http_port == 8080
