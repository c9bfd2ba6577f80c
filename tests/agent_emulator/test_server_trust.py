"""Server name rules: whom the agent talks to."""

from __future__ import annotations

import pytest

from agent_emulator.server_trust import ServerTrust
from agent_emulator.web_client import UnreachableError


@pytest.mark.parametrize("rules", [("*",), ("*.lab.test",), ("other", "PSN1.lab.test")])
def test_a_server_that_a_rule_names_is_talked_to(rules: tuple[str, ...]) -> None:
    ServerTrust(rules).verify("psn1.LAB.test")


@pytest.mark.parametrize("rules", [(), ("*.example.com",), ("lab.test",)])
def test_a_server_that_no_rule_names_is_blocked(rules: tuple[str, ...]) -> None:
    with pytest.raises(UnreachableError, match="untrusted server blocked"):
        ServerTrust(rules).verify("psn1.lab.test")
