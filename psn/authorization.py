"""The authorization policy: ordered rules over identity, device, node and posture; the first that holds decides.

The words a condition may use (its `attribute`):

=================  ======================================================================================
``posture``        posture status of the session: Unknown, Compliant, NonCompliant, NotApplicable
``group``          an identity group of the user or endpoint
``user``           User-Name as received
``mac``            endpoint MAC, ``02:00:00:00:10:01``
``method``         Lookup, PAP_ASCII, CHAP/MD5, MSCHAPV1, MSCHAPV2
``nad``            name of the network device
``nad_group``      a device group of it
``psn``            name of this node (Network Access:ISE Host Name)
``session:<name>`` what else the session holds, one of `SESSION_FIELDS`; profile and rule are the last ones given
``radius:<Name>``  an attribute of the request by dictionary name, its values as the dictionary writes them
=================  ======================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from types import MappingProxyType

from nac.posture import PostureStatus
from psn.config import DENY_ACCESS, PERMIT_ACCESS, AuthorizationProfile, AuthorizationRule, Condition
from psn.session import Session
from radius.dictionary import Dictionary
from radius.server import Request

Values = tuple[str, ...]
_Test = Callable[[Session, Request], bool]

DEFAULT_RULE = AuthorizationRule(name="Default", profile=DENY_ACCESS)
"""What applies where no rule holds."""


class UnknownConditionError(ValueError):
    """A condition speaks of an attribute that the policy, or for ``radius:<Name>`` the dictionary, does not know."""

    def __init__(self, attribute: str) -> None:
        known = (*WORDS, *(f"session:{name}" for name in SESSION_FIELDS), f"{RADIUS_PREFIX}<Name>")
        why = f"unknown condition {attribute!r}: use one of {', '.join(known)}"
        if attribute.startswith(RADIUS_PREFIX):
            why = f"no dictionary knows the attribute {attribute.removeprefix(RADIUS_PREFIX)!r}"
        super().__init__(why)
        self.attribute = attribute


@dataclass(frozen=True, slots=True)
class Decision:
    """The rule that held, its profile, and whether it lets the endpoint wait for posture."""

    rule: str
    profile: AuthorizationProfile
    awaits_posture: bool


class AuthorizationPolicy:
    """The rules of one node, compiled once."""

    def __init__(
        self,
        rules: Iterable[AuthorizationRule],
        *,
        profiles: Mapping[str, AuthorizationProfile],
        psn_name: str,
        dictionary: Dictionary,
    ) -> None:
        """Compile rules.

        Raises `UnknownConditionError`, `ValueError` for a value that does not fit the data type of its RADIUS
        attribute, and `KeyError` for a profile nobody declared.
        """
        known = {
            PERMIT_ACCESS: AuthorizationProfile(name=PERMIT_ACCESS),
            DENY_ACCESS: AuthorizationProfile(name=DENY_ACCESS, accept=False),
            **profiles,
        }
        self._rules = [
            (
                tuple(_compile(condition, psn_name, dictionary) for condition in rule.conditions),
                Decision(rule.name, known[rule.profile], _awaits_posture(rule, known[rule.profile])),
            )
            for rule in (*rules, DEFAULT_RULE)
        ]

    def decide(self, session: Session, request: Request) -> Decision:
        """Find the first rule that holds for a session and the request that concerns it."""
        for tests, decision in self._rules:
            for test in tests:
                if not test(session, request):
                    break
            else:
                return decision
        raise AssertionError("the default rule has no conditions")


def _awaits_posture(rule: AuthorizationRule, profile: AuthorizationProfile) -> bool:
    """Tell whether sessions under a rule are shown as Pending while their status is Unknown."""
    if profile.redirect is not None and profile.redirect.action == "cpp":
        return True
    unknown = PostureStatus.UNKNOWN.value
    return any(
        condition.attribute == "posture" and (unknown in condition.values) != condition.negated
        for condition in rule.conditions
    )


def _compile(condition: Condition, psn_name: str, dictionary: Dictionary) -> _Test:
    """Turn one condition into a test."""
    test = _compile_positive(condition.attribute, condition.values, psn_name, dictionary)
    return (lambda session, request: not test(session, request)) if condition.negated else test


def _compile_positive(name: str, values: Values, psn_name: str, dictionary: Dictionary) -> _Test:
    """Turn an attribute's name and wanted values into a test; raises as `AuthorizationPolicy` does."""
    wanted = frozenset(values)
    if name == "posture":
        statuses = tuple(status for status in PostureStatus if status in wanted)
        return lambda session, _: session.posture_status in statuses
    if name == "psn":
        holds = psn_name in wanted
        return lambda _session, _request: holds
    if name == "group":
        return lambda session, _: not wanted.isdisjoint(session.groups or ())
    if name == "nad_group":
        return lambda _, request: not wanted.isdisjoint(request.client.groups)
    if name == "nad":
        return lambda _, request: request.client.name in wanted
    kind, _, key = name.partition(":")
    field = SESSION_FIELDS.get(key) if kind == "session" else _IDENTITY_FIELDS.get(name)
    if field is not None:
        read = attrgetter(field)
        return lambda session, _: read(session) in wanted
    if kind != "radius" or dictionary.find(key) is None:
        raise UnknownConditionError(name)
    encoded = frozenset(dictionary.encode_value(key, value) for value in values)
    return lambda _, request: not encoded.isdisjoint(request.packet.attributes)


def verify_word(name: str, dictionary: Dictionary) -> str:
    """Return the word of a condition as it is; raises `UnknownConditionError`."""
    _compile_positive(name, (), "", dictionary)
    return name


_IDENTITY_FIELDS = {"user": "user_name", "mac": "mac", "method": "method"}
SESSION_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "id": "session_id",
        "state": "state",
        "nas_ip": "nas_ip",
        "nas_port_id": "nas_port_id",
        "device_ip": "device_ip",
        "calling_station_id": "calling_station_id",
        "acct_session_id": "acct_session_id",
        "profile": "profile",
        "rule": "rule",
        "agent_version": "agent_version",
    }
)
"""Fields of the session by the name that stands behind ``session:``."""
WORDS = ("posture", "group", "user", "mac", "method", "nad", "nad_group", "psn")
"""The condition words that are not a prefix."""
RADIUS_PREFIX = "radius:"
"""What stands before the name of a RADIUS attribute."""
