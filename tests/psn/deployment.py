"""A small deployment as one of its policy service nodes is told of it: three rules, three users, one device."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Network
from typing import Any

from psn.config import (
    AuthorizationProfile,
    AuthorizationRule,
    Condition,
    Dacl,
    KnownEndpoint,
    PsnConfig,
    PsnPorts,
    Redirect,
    User,
)
from psn.posture.policy import PostureSettings
from radius.client_table import Client
from radius.secret import Secret
from tests.psn.collector import Collector

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
SECRET = Secret("testing123")
SWITCH = Client(name="switch1", network=IPv4Network("127.0.0.0/8"), secret=SECRET, groups=("Location#Vienna",))
MAC = "02:00:00:00:10:01"
SESSION_ID = "7F000301000000010000ABCD"
PORTAL_ID = "0ce17ad0-6d90-11e5-978e-005056bf2f0a"

RULES = (("Compliant", "Compliant"), ("NonCompliant", "NonCompliant"), ("Posture pending", "Unknown"))
LINES = {"Compliant": "permit ip any any", "NonCompliant": "deny ip any any", "Unknown": "permit udp any any eq domain"}
NAMES = {"Compliant": "Full-Access", "NonCompliant": "Quarantine", "Unknown": "Posture-Redirect"}
REDIRECT = Redirect(acl="ACL-POSTURE-REDIRECT", portal=PORTAL_ID)
POLICY = tuple(
    AuthorizationRule(name=rule, profile=NAMES[status], conditions=(Condition(attribute="posture", values=(status,)),))
    for rule, status in RULES
)
PROFILES = tuple(
    AuthorizationProfile(name=name, dacl=name, redirect=REDIRECT if status == "Unknown" else None)
    for status, name in NAMES.items()
)
DACLS = tuple(Dacl(name=NAMES[status], lines=(line,), version=0x65B4F5CB) for status, line in LINES.items())
USERS = (
    User(name="alice", password="lab-alice", groups=("Employees",)),
    User(name="bob", password="lab-bob", groups=("Contractors",)),
    User(name="eve", password="lab-eve", enabled=False),
)


def make_config(collector: Collector, **changes: Any) -> PsnConfig:
    config = PsnConfig(
        name="psn1",
        fqdn="psn1.lab.test",
        address="127.0.0.1",
        ports=PsnPorts(authentication=(0, 0), accounting=(0, 0), portal=0, posture=0),
        clients=(SWITCH,),
        users={user.name: user for user in USERS},
        endpoints={MAC: KnownEndpoint(mac=MAC, groups=("Workstations",))},
        profiles={profile.name: profile for profile in PROFILES},
        dacls={dacl.name: dacl for dacl in DACLS},
        rules=POLICY,
        posture=PostureSettings(),
        tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
        log_targets=(collector.make_target(),),
    )
    return replace(config, **changes)
