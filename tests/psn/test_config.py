"""What a node is told: defaults that scripts rely on, and passwords that no representation shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psn.config import PsnPorts, User

if TYPE_CHECKING:
    from tests.psn.bench import Bench


def test_both_historic_pairs_and_the_portal_ports_are_the_default() -> None:
    ports = PsnPorts()
    assert (ports.authentication, ports.accounting) == ((1812, 1645), (1813, 1646))
    assert (ports.portal, ports.posture) == (8443, 8905)


def test_neither_passwords_nor_shared_secrets_are_in_a_representation(bench: Bench) -> None:
    assert "lab-alice" not in repr(User(name="alice", password="lab-alice"))
    shown = repr(bench.config)
    assert "alice" in shown
    for secret in ("lab-alice", "lab-bob", "testing123"):
        assert secret not in shown
