"""The words for what a CoA can ask of a device, in scenarios, tests, the control API and commands alike."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from psn.coa.order import CoaCommand

COMMANDS: Mapping[str, CoaCommand] = MappingProxyType(
    {
        "reauthenticate": CoaCommand.REAUTHENTICATE_LAST,
        "reauth": CoaCommand.REAUTHENTICATE_LAST,
        "rerun": CoaCommand.REAUTHENTICATE_RERUN,
        "bounce": CoaCommand.BOUNCE_HOST_PORT,
        "disable": CoaCommand.DISABLE_HOST_PORT,
        "disconnect": CoaCommand.DISCONNECT,
    }
)
"""What each word asks for; one has a short form."""
