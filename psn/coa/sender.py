"""CoA from this node to the NAD of a session, with what the entry held here knows, be it right or wrong.

A posture result reauthenticates the session with its last method (aaa-mnt.md 2.3, 2.4): the NAD keeps the session id
and asks again, and the rules then see the new status. Whose session it is decides `psn.coa.dispatch`.
"""

from __future__ import annotations

from nac.identity import AUDIT_SESSION_ID
from nac.node.journal import Fact
from nac.node.runtime import Runtime
from nac.syslog_catalogue import DYNAMIC_AUTHORIZATION_FAILED, DYNAMIC_AUTHORIZATION_SUCCEEDED
from psn.coa.order import CoaCommand, CoaEnd, CoaOrder, CoaOutcome, list_steps
from psn.coa.record import list_record
from psn.log.audit import Audit
from psn.session import Session
from radius import attribute
from radius.client import NoResponseError, Peer, RadiusClient
from radius.client_table import Client, ClientTable
from radius.dynamic_authorization import ErrorCause, build_request
from radius.packet import Attribute, Code, Packet, address, text
from radius.remedy import for_silent_device
from radius.retransmission import Retransmission


class CoaSender:
    """Sends CoA and Disconnect requests, and tells journal and MNT how they ended."""

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

    async def send(self, session: Session, order: CoaOrder) -> CoaOutcome:
        """Send one command for one session and report the outcome; never raises for what the NAD or the data is."""
        device = self._devices.find_named(session.nad, session.device_ip) if session.device_ip else None
        if device is None:
            return self.fail(session, order, CoaEnd.NO_DEVICE, "no network device is known for this session")
        end, reason = await self._exchange(device, session, order)
        return self._report(session, order, end, reason, port=device.coa_port)

    def fail(self, session: Session, order: CoaOrder, end: CoaEnd, reason: str) -> CoaOutcome:
        """Report that no request could be made."""
        return self._report(session, order, end, reason, port=0)

    async def _exchange(self, device: Client, session: Session, order: CoaOrder) -> tuple[CoaEnd, str]:
        host, command = device.coa_host or session.device_ip, order.command
        code = Code.DISCONNECT_REQUEST if command is CoaCommand.DISCONNECT else Code.COA_REQUEST
        facts = {"session_id": session.session_id, "mac": session.mac, "nad": session.nad, "command": command.name}
        try:
            peer = Peer(host=host, port=device.coa_port, secret=device.secret)
            attributes = build_request(code, list_attributes(session, command), self._runtime.clock.now())
            self._runtime.write("coa-sent", f"{command.name.lower()} asked of {host}", facts)
            reply = await self._client.exchange(peer, code, attributes, retransmission=self._retransmission)
        except NoResponseError as error:
            if error.fault is not None:
                return CoaEnd.INVALID_REPLY, f"no valid answer from {host}: {error.fault}"
            hint = "" if device.coa_host else for_silent_device(host)
            return CoaEnd.NO_REPLY, f"no answer from {host} to {error.attempts} requests{hint}"
        except (ValueError, OSError) as error:
            why = getattr(error, "strerror", None) or error
            return CoaEnd.NO_REPLY, f"no request could be sent to {host}: {why}"
        return judge_reply(reply)

    def _report(self, session: Session, order: CoaOrder, end: CoaEnd, reason: str, *, port: int) -> CoaOutcome:
        """Journal the outcome and ship 5205 or 5417."""
        outcome = CoaOutcome(code=end, reason=reason, steps=list_steps(order, end), node=self._runtime.node)
        event = "coa-acknowledged" if outcome.acknowledged else "coa-failed"
        facts: dict[str, Fact] = {
            "session_id": session.session_id,
            "mac": session.mac,
            "nad": session.nad,
            "command": order.command.name,
            "code": end.value,
        }
        self._runtime.write(event, reason, facts)
        entry = DYNAMIC_AUTHORIZATION_SUCCEEDED if outcome.acknowledged else DYNAMIC_AUTHORIZATION_FAILED
        self._audit.ship(entry, list_record(session, order, outcome, port=port))
        return outcome


def list_attributes(session: Session, command: CoaCommand) -> list[Attribute]:
    """List what identifies device and session, then the command."""
    attributes: list[Attribute] = [(attribute.NAS_IP_ADDRESS, address(session.nas_ip))]
    if session.calling_station_id:
        attributes.append((attribute.CALLING_STATION_ID, text(session.calling_station_id)))
    pairs = (f"{AUDIT_SESSION_ID}{session.session_id}", *command.pairs)
    return attributes + [(attribute.CISCO_AVPAIR, text(pair)) for pair in pairs]


def judge_reply(reply: Packet) -> tuple[CoaEnd, str]:
    """Turn a NAD's reply into an end and a sentence."""
    is_disconnect = reply.code in (Code.DISCONNECT_ACK, Code.DISCONNECT_NAK)
    if reply.code in (Code.COA_ACK, Code.DISCONNECT_ACK):
        end = CoaEnd.DISCONNECT_ACKNOWLEDGED if is_disconnect else CoaEnd.ACKNOWLEDGED
        return end, "the device acknowledged"
    number = reply.integer(attribute.ERROR_CAUSE)
    try:
        cause = f"{number} {ErrorCause(number or 0).name.lower().replace('_', ' ')}"
    except ValueError:
        cause = str(number) if number is not None else "none given"
    end = CoaEnd.DISCONNECT_REFUSED if is_disconnect else CoaEnd.REFUSED
    return end, f"the device refused; Error-Cause {cause}"
