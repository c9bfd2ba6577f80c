"""The words of CoA: what is asked of a session, how that may end, and by which steps of the catalogue it got there.

Knows neither devices nor nodes. Commands: aaa-mnt.md 2.2. Codes: aaa-mnt.md 2.5; of those of a CoA between nodes the
catalogue tells little more than the names, and where the lab uses which is said in ``docs/fidelity.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from types import MappingProxyType


class CoaCommand(Enum):
    """What a NAD is asked to do with a session; the value is its Cisco-AVPairs, one a line (aaa-mnt.md 2.2)."""

    REAUTHENTICATE_LAST = "subscriber:command=reauthenticate\nsubscriber:reauthenticate-type=last"
    REAUTHENTICATE_RERUN = "subscriber:command=reauthenticate\nsubscriber:reauthenticate-type=rerun"
    BOUNCE_HOST_PORT = "subscriber:command=bounce-host-port"
    DISABLE_HOST_PORT = "subscriber:command=disable-host-port"
    DISCONNECT = ""

    @property
    def pairs(self) -> list[str]:
        """The Cisco-AVPairs of the command; none for a Disconnect-Request, whose code says it."""
        return self.value.splitlines()


class CoaEnd(IntEnum):
    """How a CoA may end; the value is the step of the catalogue."""

    NO_DEVICE = 11205
    """The session's NAD is not known, or not any more."""
    NO_OWNER = 11206
    """It is not known which node must send it, or how to reach that."""
    NO_REPLY = 11213
    INVALID_REPLY = 11214
    """Whatever came from the NAD was no answer."""
    OWNER_SILENT = 11215
    DISCONNECT_ACKNOWLEDGED = 11221
    DISCONNECT_REFUSED = 11222
    ACKNOWLEDGED = 11223
    REFUSED = 11224
    OWNER_DEREGISTERED = 11226
    """What answers at the owner's address cannot prove that it belongs to the deployment."""
    OWNER_INACTIVE = 11227
    """The owner answers, and does not do it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoaOrder:
    """What is asked, why, by which component of ISE, and by which other node, if by one."""

    command: CoaCommand
    cause: str
    source_component: str
    asked_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoaOutcome:
    """How a CoA ended, with all its steps; `node` is the one whose outcome it is."""

    code: CoaEnd
    reason: str
    steps: tuple[int, ...]
    node: str

    @property
    def acknowledged(self) -> bool:
        """Whether the device has agreed."""
        return self.code in (CoaEnd.ACKNOWLEDGED, CoaEnd.DISCONNECT_ACKNOWLEDGED)


_ASKED_AND_PREPARED: Mapping[CoaCommand, tuple[int, int]] = MappingProxyType(
    {
        CoaCommand.REAUTHENTICATE_LAST: (11204, 11220),
        CoaCommand.REAUTHENTICATE_RERUN: (11204, 11220),
        CoaCommand.BOUNCE_HOST_PORT: (11203, 11219),
        CoaCommand.DISABLE_HOST_PORT: (11202, 11218),
        CoaCommand.DISCONNECT: (11201, 11217),
    }
)
"""The steps before a request leaves: what was asked for, what was made of it."""
_HANDED_OVER = 11211
_FORWARDED = 11212
_SENT, _ANSWERED, _ANSWERED_BADLY, _NOT_ANSWERED = 11100, 11101, 11102, 11104

_WAYS: Mapping[CoaEnd, tuple[int, ...]] = MappingProxyType(
    {
        CoaEnd.NO_DEVICE: (),
        CoaEnd.NO_OWNER: (),
        CoaEnd.NO_REPLY: (_SENT, _NOT_ANSWERED),
        CoaEnd.INVALID_REPLY: (_SENT, _ANSWERED_BADLY),
        CoaEnd.OWNER_SILENT: (_HANDED_OVER,),
        CoaEnd.DISCONNECT_ACKNOWLEDGED: (_SENT, _ANSWERED),
        CoaEnd.DISCONNECT_REFUSED: (_SENT, _ANSWERED),
        CoaEnd.ACKNOWLEDGED: (_SENT, _ANSWERED),
        CoaEnd.REFUSED: (_SENT, _ANSWERED),
        CoaEnd.OWNER_DEREGISTERED: (_HANDED_OVER,),
        CoaEnd.OWNER_INACTIVE: (_HANDED_OVER,),
    }
)
"""What lies between the question and each end of it."""


def list_steps(order: CoaOrder, end: CoaEnd) -> tuple[int, ...]:
    """List the steps of a CoA at the node where it ended (aaa-mnt.md 2.5): asked for, prepared, exchanged, ended."""
    asked, prepared = _ASKED_AND_PREPARED[order.command]
    way = _WAYS[end]
    if _SENT in way:
        forwarded = (_FORWARDED,) if order.asked_by else ()
        way = (prepared, *forwarded, *way)
    return asked, *way, end.value


def list_steps_of_proxy(order: CoaOrder, steps: tuple[int, ...]) -> tuple[int, ...]:
    """List the steps of a CoA at the node that handed it to the owner: its own, then those of the owner."""
    return _ASKED_AND_PREPARED[order.command][0], _HANDED_OVER, *steps
