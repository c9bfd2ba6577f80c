"""The order of decisions on a connection: port, dACL, redirect ACL, destination (posture.md section 9)."""

from __future__ import annotations

import pytest

from nad_emulator.acl import parse_acl
from nad_emulator.data_plane import Action, DataPlane, Enforcement, Redirect, Verdict

PLANE = DataPlane(
    gateway="127.0.3.1",
    hosts={"www.lab.test": "127.0.4.1", "psn1.lab.test": "127.0.1.1"},
    http_port=8080,
)
URL = "https://psn1.lab.test:8443/portal/gateway?sessionId=1"
PENDING = parse_acl("POSTURE-PENDING", ["permit tcp any host 127.0.1.1 eq 8443", "permit tcp any any eq www"])
REDIRECT = Redirect(
    URL, parse_acl("ACL-POSTURE-REDIRECT", ["deny tcp any host 127.0.1.1", "permit tcp any any eq www"])
)


def decide(enforcement: Enforcement | None, host: str, port: int) -> Verdict:
    return PLANE.decide(enforcement, source="127.0.10.1", host=host, port=port)


def test_a_closed_port_drops_everything_even_names_nobody_knows() -> None:
    assert decide(None, "www.lab.test", 80).action is Action.DROP
    assert decide(None, "www.example.com", 80).action is Action.DROP


def test_what_the_dacl_denies_is_dropped_with_the_line_that_says_so() -> None:
    verdict = decide(Enforcement(filter=PENDING, redirect=REDIRECT), "psn1.lab.test", 8905)
    assert verdict.action is Action.DROP
    assert (verdict.acl, verdict.line) == ("POSTURE-PENDING", "implicit deny ip any any")
    assert verdict.reason == "not permitted: POSTURE-PENDING says 'implicit deny ip any any'"


def test_the_dacl_goes_before_the_redirect() -> None:
    nothing = parse_acl("NOTHING", ["deny ip any any"])
    assert decide(Enforcement(filter=nothing, redirect=REDIRECT), "www.lab.test", 80).action is Action.DROP


def test_permit_in_the_redirect_acl_redirects() -> None:
    verdict = decide(Enforcement(filter=PENDING, redirect=REDIRECT), "www.lab.test", 80)
    assert verdict.action is Action.REDIRECT
    assert verdict.location == URL
    assert (verdict.acl, verdict.line) == ("ACL-POSTURE-REDIRECT", "20 permit tcp any any eq www")


def test_deny_in_the_redirect_acl_leaves_a_connection_alone() -> None:
    verdict = decide(Enforcement(redirect=REDIRECT), "psn1.lab.test", 80)
    assert verdict.action is Action.FORWARD
    assert "not redirected: ACL-POSTURE-REDIRECT says '10 deny tcp any host 127.0.1.1'" in verdict.reason


def test_what_passes_names_the_line_that_permits_it() -> None:
    verdict = decide(Enforcement(filter=PENDING, redirect=REDIRECT), "psn1.lab.test", 8443)
    assert verdict.action is Action.FORWARD
    assert (verdict.acl, verdict.line) == ("POSTURE-PENDING", "10 permit tcp any host 127.0.1.1 eq 8443")


def test_only_port_80_can_be_redirected() -> None:
    everything = Redirect(URL, parse_acl("R", ["permit ip any any"]))
    assert decide(Enforcement(redirect=everything), "www.lab.test", 8080).action is Action.FORWARD


def test_a_redirect_takes_any_address_also_one_outside_the_lab() -> None:
    for host in ("127.0.3.1", "192.0.2.1"):
        assert decide(Enforcement(redirect=REDIRECT), host, 80).action is Action.REDIRECT


def test_the_switch_itself_refuses_what_is_not_redirected() -> None:
    for port in (80, 443, 8101):
        assert decide(Enforcement(), "127.0.3.1", port).action is Action.REFUSE


@pytest.mark.parametrize(("port", "onward"), [(80, 8080), (8443, 8443)])
def test_what_is_left_goes_onward_and_port_80_stands_on_another(port: int, onward: int) -> None:
    verdict = decide(Enforcement(), "WWW.Lab.Test.", port)
    assert (verdict.action, verdict.address, verdict.port) == (Action.FORWARD, "127.0.4.1", onward)
    assert verdict.reason == "no dACL is applied"


@pytest.mark.parametrize("host", ["www.example.com", "192.0.2.1", "127.0.0.1", "::1", "localhost"])
def test_nothing_leaves_the_lab(host: str) -> None:
    assert decide(Enforcement(), host, 443).action is Action.UNKNOWN
