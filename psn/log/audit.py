"""The records a policy service node ships to MNT: which attributes each carries, in the order of real lines.

Source: aaa-mnt.md 4.2 to 4.4. What is the same for every record of one device or one decision is rendered once.
RequestLatency is always 0: a request is answered in the turn of the loop that received it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from nac.identity import render_mac_hyphens
from nac.node.runtime import Runtime
from nac.syslog import escape, render_attributes
from nac.syslog_catalogue import (
    AUTHENTICATION_FAILED,
    AUTHENTICATION_SUCCEEDED,
    DACL_DOWNLOAD_FAILED,
    DACL_DOWNLOAD_SUCCEEDED,
    CatalogueEntry,
)
from psn.config import PsnConfig
from psn.identity_stores import ENDPOINTS, Authentication, Failure
from psn.log.request_log import RequestLog
from psn.log.sender import LogSender
from psn.posture.record import show_posture
from psn.session import Session
from radius import attribute
from radius.dictionary import Dictionary
from radius.packet import integer
from radius.server import Request

_PROFILE_ID = "b0699505-3150-4215-a80e-6753d45bf56c"
"""Id of the network device profile named Cisco, in this lab."""

_DEVICE_PROFILE = (
    f"NetworkDeviceProfileName=Cisco, NetworkDeviceProfileId={_PROFILE_ID}, IsThirdPartyDeviceFlow=false, "
)
_PLACES_REMEMBERED = 4_096
_Place = tuple[str, str, tuple[str, int]]
"""Client name, source address, and our own address and port."""
_Decision = tuple[str, str, str, tuple[str, ...], str, str]
"""Origin of the session; method, steps and groups of the authentication; rule and profile of the authorization."""
_FLOWS: Mapping[bytes | None, str] = MappingProxyType(
    {
        integer(attribute.NAS_PORT_TYPE_ETHERNET): "RadiusFlowType=WiredMAB, ",
        integer(attribute.NAS_PORT_TYPE_WIRELESS): "RadiusFlowType=WirelessMAB, ",
    }
)


class Origin(StrEnum):
    """How an authentication found its session; the value is its steps."""

    KNOWN = "Step=11018, "
    GIVEN = "Step=11017, "
    MADE = "Step=11017, Step=11117, "


class Audit:
    """Renders and ships the records of one node."""

    def __init__(self, *, config: PsnConfig, runtime: Runtime, sender: LogSender, dictionary: Dictionary) -> None:
        """Render the constant parts."""
        self._runtime = runtime
        self._sender = sender
        self._requests = RequestLog(dictionary)
        self._policy_set = f"ISEPolicySetName={escape(config.policy_set)}, "
        self._places: dict[_Place, tuple[str, str, str]] = {}
        self._with_dacl = {name for name, profile in config.profiles.items() if profile.dacl is not None}
        self._decisions: dict[_Decision, tuple[str, str]] = {}

    def passed(
        self,
        request: Request,
        session: Session,
        outcome: Authentication,
        origin: Origin,
        response: str,
        now: datetime,
    ) -> None:
        """Ship 5200, authentication succeeded."""
        user = escape(session.user_name)
        mac = render_mac_hyphens(session.mac)
        key = (origin, outcome.method, outcome.steps, outcome.groups, session.rule, session.profile)
        identity, policy = self._decisions.get(key) or self._render_decision(key, outcome.store)
        flow = _FLOWS.get(request.packet.index.get(attribute.NAS_PORT_TYPE), "") if outcome.store == ENDPOINTS else ""
        assessment, status = show_posture(session)
        head, device, device_groups = self._describe(request)
        self._sender.send(
            AUTHENTICATION_SUCCEEDED,
            now,
            f"{head}UserName={mac if outcome.store == ENDPOINTS else user}, Protocol=Radius, RequestLatency=0, "
            f"{device}{self._requests.render(request.packet.attributes)}OriginalUserName={user}, {_DEVICE_PROFILE}"
            f"{flow}AcsSessionID={session.acs_session_id}, {identity}{device_groups}{policy}"
            f"CPMSessionID={escape(session.session_id)}, EndPointMACAddress={mac}, "
            f"PostureAssessmentStatus={assessment}, {self._policy_set}"
            f"PostureStatus={status}, Response={{{response}}}, ",
        )

    def failed(self, request: Request, user_name: str, method: str, failure: Failure, *, rule: str = "") -> None:
        """Ship 5400, authentication failed."""
        pairs = [("AuthenticationMethod", method), ("AuthorizationPolicyMatchedRule", rule)]
        pairs.append(("FailureReason", f"{failure[0]} {failure[1]}"))
        self._ship_outcome(AUTHENTICATION_FAILED, request, user_name, pairs)

    def downloaded(self, request: Request, name: str, failure: Failure | None) -> None:
        """Ship 5232 or 5419: a dACL was downloaded, or not. Its identity is the ACL's name, it has no endpoint."""
        entry = DACL_DOWNLOAD_SUCCEEDED if failure is None else DACL_DOWNLOAD_FAILED
        reason = [] if failure is None else [("FailureReason", f"{failure[0]} {failure[1]}")]
        self._ship_outcome(entry, request, name, reason)

    def accounted(self, entry: CatalogueEntry, request: Request, session_id: str, acs_session_id: str) -> None:
        """Ship an accounting record, 3000 to 3004."""
        packet = request.packet
        user = escape(packet.text(attribute.USER_NAME) or "")
        head, device, device_groups = self._describe(request)
        self._sender.send(
            entry,
            self._runtime.clock.now(),
            f"{head}RequestLatency=0, {device}UserName={user}, "
            f"{self._requests.render(packet.attributes)}{_DEVICE_PROFILE}AcsSessionID={acs_session_id}, "
            "SelectedAccessService=Default Network Access, Step=11004, Step=11017, Step=15049, Step=15008, "
            f"Step=22094, Step=11005, {device_groups}CPMSessionID={escape(session_id)}, {self._policy_set}",
        )

    def ship(self, entry: CatalogueEntry, pairs: list[tuple[str, str]]) -> None:
        """Ship a record that answers no request, without the attributes that have no value."""
        self._sender.send(entry, self._runtime.clock.now(), _render_known(pairs))

    def _ship_outcome(
        self, entry: CatalogueEntry, request: Request, user_name: str, pairs: list[tuple[str, str]]
    ) -> None:
        head, device, device_groups = self._describe(request)
        self._sender.send(
            entry,
            self._runtime.clock.now(),
            f"{head}UserName={escape(user_name)}, Protocol=Radius, RequestLatency=0, "
            f"{device}{self._requests.render(request.packet.attributes)}{_DEVICE_PROFILE}{device_groups}"
            f"{_render_known(pairs)}",
        )

    def _describe(self, request: Request) -> tuple[str, str, str]:
        """Render where a request came from and arrived, and whose it is; the same for every request of a device."""
        key = (request.client.name, request.source[0], request.received_on)
        return self._places.get(key) or self._describe_new(key, request.client.groups)

    def _describe_new(self, key: _Place, groups: tuple[str, ...]) -> tuple[str, str, str]:
        name, source, (address, port) = key
        head = [("ConfigVersionId", "1"), ("Device IP Address", source)]
        head += [("DestinationIPAddress", address), ("DestinationPort", str(port))]
        parts = (head, [("NetworkDeviceName", name)], [("NetworkDeviceGroups", group) for group in groups])
        if len(self._places) >= _PLACES_REMEMBERED:
            self._places.clear()
        head_text, device, device_groups = map(render_attributes, parts)
        rendered = self._places[key] = (head_text, device, device_groups)
        return rendered

    def _render_decision(self, key: _Decision, store: str) -> tuple[str, str]:
        """Render what every like authentication under one rule shares: before the device's groups, and behind them."""
        origin, method, found, groups, rule, profile = key
        identity = [
            ("AuthenticationIdentityStore", store),
            ("AuthenticationMethod", method),
            ("SelectedAccessService", "Default Network Access"),
            ("SelectedAuthorizationProfiles", profile),
            *([("UseCase", "Host Lookup")] if store == ENDPOINTS else []),
            *(("IdentityGroup", group) for group in groups),
        ]
        dacl = "Step=11022, " if profile in self._with_dacl else ""
        steps = f"Step=11001, {origin}Step=15049, Step=15008, {found}Step=15036, Step=15016, {dacl}Step=11002, "
        status = [("SelectedAuthenticationIdentityStores", store), ("AuthenticationStatus", "AuthenticationPassed")]
        policy = [("IdentityPolicyMatchedRule", "Default"), ("AuthorizationPolicyMatchedRule", rule)]
        before = render_attributes(identity) + steps + render_attributes(status)
        rendered = self._decisions[key] = (before, render_attributes(policy))
        return rendered


def _render_known(pairs: list[tuple[str, str]]) -> str:
    """Render the attributes that have a value."""
    return render_attributes([pair for pair in pairs if pair[1]])
