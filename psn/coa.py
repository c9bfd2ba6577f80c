"""CoA towards the NAD of a session: what is sent, and what MNT is told of its outcome.

A posture result reauthenticates the session with its last method (aaa-mnt.md 2.3, 2.4): the NAD keeps the session id
and asks again, and the rules then see the new status. Records 5205 and 5417 with the steps of 2.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from nac.identity import AUDIT_SESSION_ID, render_mac_hyphens
from nac.journal import Fact
from nac.posture import PostureStatus
from nac.runtime import Runtime
from nac.syslog_catalogue import DYNAMIC_AUTHORIZATION_FAILED, DYNAMIC_AUTHORIZATION_SUCCEEDED
from psn.audit import Audit
from psn.session import Session
from radius import attribute
from radius.client import NoResponseError, Peer, RadiusClient
from radius.client_table import Client, ClientTable
from radius.dynamic_authorization import ErrorCause, build_request
from radius.packet import Attribute, Code, Packet, address, text
from radius.retransmission import Retransmission


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


_ASKED_AND_PREPARED: Mapping[CoaCommand, tuple[int, int]] = MappingProxyType(
    {
        CoaCommand.REAUTHENTICATE_LAST: (11204, 11220),
        CoaCommand.REAUTHENTICATE_RERUN: (11204, 11220),
        CoaCommand.BOUNCE_HOST_PORT: (11203, 11219),
        CoaCommand.DISABLE_HOST_PORT: (11202, 11218),
        CoaCommand.DISCONNECT: (11201, 11217),
    }
)
"""The steps before the request leaves: what was asked for, what was made of it."""
_NO_DEVICE, _NO_REPLY = 11205, 11213
_SENT, _ANSWERED, _NOT_ANSWERED = 11100, 11101, 11104


@dataclass(frozen=True, slots=True, kw_only=True)
class CoaOutcome:
    """How a CoA ended. `code` is a catalogue step: 11223 ACK, 11224 NAK, 11213 no answer, 11205 no such NAD."""

    acknowledged: bool
    code: int
    reason: str


class CoaSender:
    """Sends CoA and Disconnect requests for the sessions this node owns."""

    def __init__(
        self,
        *,
        runtime: Runtime,
        client: RadiusClient,
        devices: ClientTable,
        audit: Audit,
        retransmission: Retransmission,
    ) -> None:
        """Use a RADIUS client bound to the node's own address, which is the one NADs know."""
        self._runtime = runtime
        self._client = client
        self._devices = devices
        self._audit = audit
        self._retransmission = retransmission

    async def send(self, session: Session, command: CoaCommand, *, cause: str) -> CoaOutcome:
        """Send one command for one session and report the outcome; never raises for what the NAD or the data is."""
        learned = self._devices.find(session.device_ip) if session.device_ip else None
        if learned is None:
            why = "no network device is known for this session"
            outcome = CoaOutcome(acknowledged=False, code=_NO_DEVICE, reason=why)
            port = 0
        else:
            port = learned.client.coa_port
            outcome = await self._exchange(learned.client, session, command)
        self._report(session, command, outcome, cause=cause, port=port)
        return outcome

    async def _exchange(self, device: Client, session: Session, command: CoaCommand) -> CoaOutcome:
        host = session.device_ip
        code = Code.DISCONNECT_REQUEST if command is CoaCommand.DISCONNECT else Code.COA_REQUEST
        facts = {"session_id": session.session_id, "mac": session.mac, "nad": session.nad, "command": command.name}
        try:
            peer = Peer(host=host, port=device.coa_port, secret=device.secret)
            attributes = build_request(code, list_attributes(session, command), self._runtime.clock.now())
            self._runtime.write("coa-sent", f"{command.name.lower()} asked of {host}", facts)
            reply = await self._client.exchange(peer, code, attributes, retransmission=self._retransmission)
        except NoResponseError as error:
            why = f"no answer from {host} to {error.attempts} requests"
            return CoaOutcome(acknowledged=False, code=_NO_REPLY, reason=why)
        except (ValueError, OSError) as error:
            why = f"no request could be sent to {host}: {error}"
            return CoaOutcome(acknowledged=False, code=_NO_REPLY, reason=why)
        return judge_reply(reply)

    def _report(self, session: Session, command: CoaCommand, outcome: CoaOutcome, *, cause: str, port: int) -> None:
        """Journal the outcome and ship 5205 or 5417."""
        event = "coa-acknowledged" if outcome.acknowledged else "coa-failed"
        facts: dict[str, Fact] = {
            "session_id": session.session_id,
            "mac": session.mac,
            "nad": session.nad,
            "command": command.name,
            "code": outcome.code,
        }
        self._runtime.write(event, outcome.reason, facts)
        entry = DYNAMIC_AUTHORIZATION_SUCCEEDED if outcome.acknowledged else DYNAMIC_AUTHORIZATION_FAILED
        self._audit.ship(entry, list_record(session, command, outcome, cause=cause, port=port))


def list_attributes(session: Session, command: CoaCommand) -> list[Attribute]:
    """List what identifies device and session, then the command."""
    attributes: list[Attribute] = [(attribute.NAS_IP_ADDRESS, address(session.nas_ip))]
    if session.calling_station_id:
        attributes.append((attribute.CALLING_STATION_ID, text(session.calling_station_id)))
    pairs = (f"{AUDIT_SESSION_ID}{session.session_id}", *command.pairs)
    return attributes + [(attribute.CISCO_AVPAIR, text(pair)) for pair in pairs]


def judge_reply(reply: Packet) -> CoaOutcome:
    """Turn a NAD's reply into an outcome."""
    if reply.code in (Code.COA_ACK, Code.DISCONNECT_ACK):
        step = 11223 if reply.code == Code.COA_ACK else 11221
        return CoaOutcome(acknowledged=True, code=step, reason="the device acknowledged")
    number = reply.integer(attribute.ERROR_CAUSE)
    try:
        cause = f"{number} {ErrorCause(number or 0).name.lower().replace('_', ' ')}"
    except ValueError:
        cause = str(number) if number is not None else "none given"
    step = 11224 if reply.code == Code.COA_NAK else 11222
    return CoaOutcome(acknowledged=False, code=step, reason=f"the device refused; Error-Cause {cause}")


def list_steps(command: CoaCommand, outcome: CoaOutcome) -> tuple[int, ...]:
    """List the steps of 5205 and 5417 (aaa-mnt.md 2.5): asked for, prepared, exchanged, ended."""
    asked, prepared = _ASKED_AND_PREPARED[command]
    if outcome.code == _NO_DEVICE:
        return asked, _NO_DEVICE
    exchanged = _NOT_ANSWERED if outcome.code == _NO_REPLY else _ANSWERED
    return asked, prepared, _SENT, exchanged, outcome.code


def list_record(
    session: Session, command: CoaCommand, outcome: CoaOutcome, *, cause: str, port: int
) -> list[tuple[str, str]]:
    """List the attributes of 5205 and 5417 in the order of real lines (aaa-mnt.md 2.3, 4.3)."""
    kind = "Disconnect" if command is CoaCommand.DISCONNECT else command.pairs[0].partition("=")[2].capitalize()
    pairs = [
        ("ConfigVersionId", "1"),
        ("Device IP Address", session.device_ip),
        ("UserName", session.user_name),
        ("NetworkDeviceName", session.nad),
        ("NAS-IP-Address", session.nas_ip),
        ("Calling-Station-ID", session.calling_station_id),
        ("cisco-av-pair", f"{AUDIT_SESSION_ID}{session.session_id}"),
        ("AcsSessionID", session.acs_session_id),
        ("SelectedAuthorizationProfiles", session.profile),
        *(("Step", str(step)) for step in list_steps(command, outcome)),
        ("AuthorizationPolicyMatchedRule", session.rule),
        ("CPMSessionID", session.session_id),
        ("EndPointMACAddress", render_mac_hyphens(session.mac)),
        ("Device CoA type", "Cisco CoA"),
        ("Device CoA port", str(port)),
        ("CoASourceComponent", "Posture"),
        ("CoAReason", cause),
        ("CoAType", kind),
        *_list_posture(session),
    ]
    if not outcome.acknowledged:
        pairs.append(("FailureReason", f"{outcome.code} {outcome.reason}"))
    return [pair for pair in pairs if pair[1]]


def _list_posture(session: Session) -> list[tuple[str, str]]:
    """List what 5200 says of posture too, so that a CoA does not change what MNT shows; nothing of a phantom."""
    status = session.posture_status
    if status is None:
        return []
    if status is PostureStatus.UNKNOWN and session.awaits_posture:
        return [("PostureAssessmentStatus", "Pending"), ("PostureStatus", status.shown)]
    return [("PostureAssessmentStatus", "NotApplicable"), ("PostureStatus", status.value)]
