"""Who somebody is: PAP, CHAP, MS-CHAP of both versions and host lookup (MAB) against users and endpoints.

Decides whether credentials are right and which groups follow from them; knows nothing of sessions or access.
Method selection follows the request: Service-Type Call-Check, or User-Name equal to Calling-Station-Id, is a host
lookup (steps 11027, 11028 of the catalogue, aaa-mnt.md 1.2); otherwise the credential attribute decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest

from nac.identity import find_mac
from psn.config import KnownEndpoint, User
from radius import attribute, chap, mschap
from radius.packet import Attribute, Packet, integer
from radius.secret import Secret

USERS = "Internal Users"
ENDPOINTS = "Internal Endpoints"
_CALL_CHECK = integer(attribute.SERVICE_CALL_CHECK)

Failure = tuple[int, str]
"""A failure reason of the catalogue: code and text."""

EAP_NOT_SPOKEN: Failure = (11014, "EAP is not spoken by this node")
SEVERAL_CREDENTIALS: Failure = (11014, "RADIUS packet contains invalid attribute(s): more than one kind of credentials")
NO_CREDENTIALS: Failure = (11014, "RADIUS packet contains invalid attribute(s): no credentials were found")
SUBJECT_NOT_FOUND: Failure = (22056, "Subject not found in the applicable identity store(s)")
WRONG_PASSWORD: Failure = (22040, "Wrong password or invalid shared secret")
USER_DISABLED: Failure = (24206, "User disabled")
NO_CALLING_STATION: Failure = (11008, "Request for Host Lookup does not contain a valid Calling-Station-ID")


@dataclass(frozen=True, slots=True)
class Authentication:
    """The outcome of one attempt. `failure` is None where it passed; `extra` attributes belong into the reply."""

    method: str
    store: str
    steps: str
    failure: Failure | None = None
    groups: tuple[str, ...] = ()
    extra: tuple[Attribute, ...] = ()
    suspect_secret: bool = False
    """The password came out as octets nobody types: the shared secret is probably wrong."""


_BY_SERVICE_TYPE = "Step=11027, "
_BY_USER_NAME = "Step=11028, "
_LOOK_UP = "Step=15041, Step=15013, Step=24209, "
_STEPS_USER = "Step=15041, Step=15013, Step=24210, Step={}, "
_USER_PASSED = _STEPS_USER.format("24212") + "Step=22037, "
_CREDENTIALS = (
    attribute.USER_PASSWORD,
    attribute.CHAP_PASSWORD,
    attribute.MS_CHAP2_RESPONSE,
    attribute.MS_CHAP_RESPONSE,
)
"""What proves a user's identity; a request holds exactly one of them (RFC 3579 section 3.3)."""


class IdentityStores:
    """The internal users and endpoints of one deployment."""

    def __init__(
        self, *, users: Mapping[str, User], endpoints: Mapping[str, KnownEndpoint], unknown_endpoints_continue: bool
    ) -> None:
        """Keep the stores; `unknown_endpoints_continue` lets a host lookup pass that finds nothing."""
        self._users = users
        self._endpoints = endpoints
        self._continue = unknown_endpoints_continue
        self._passed_pap = {
            name: Authentication("PAP_ASCII", USERS, _USER_PASSED, groups=user.groups) for name, user in users.items()
        }

    def authenticate(self, packet: Packet, secret: Secret, user_name: str, mac: str | None) -> Authentication:
        """Authenticate one Access-Request whose `mac` is its Calling-Station-Id read as a MAC."""
        index = packet.index
        if attribute.EAP_MESSAGE in index:
            return Authentication("", "", "", EAP_NOT_SPOKEN)
        if index.get(attribute.SERVICE_TYPE) == _CALL_CHECK:
            return self._look_up_host(mac, _BY_SERVICE_TYPE)
        if mac is not None and find_mac(user_name) == mac:
            return self._look_up_host(mac, _BY_USER_NAME)
        kinds = [kind for kind in _CREDENTIALS if kind in index]
        if len(kinds) != 1:
            return Authentication("", "", "", SEVERAL_CREDENTIALS if kinds else NO_CREDENTIALS)
        match kinds[0]:
            case attribute.USER_PASSWORD:
                return self._check_pap(packet, secret, user_name)
            case attribute.CHAP_PASSWORD:
                return self._check_chap(packet, user_name)
            case attribute.MS_CHAP2_RESPONSE:
                return self._check_mschap(packet, user_name)
            case _:
                return self._check_mschap_version_1(packet, user_name)

    def _look_up_host(self, mac: str | None, recognised: str) -> Authentication:
        steps = f"{recognised}{_LOOK_UP}"
        if mac is None:
            return Authentication("Lookup", ENDPOINTS, steps, NO_CALLING_STATION)
        endpoint = self._endpoints.get(mac)
        if endpoint is not None:
            return Authentication("Lookup", ENDPOINTS, f"{steps}Step=24211, Step=22037, ", groups=endpoint.groups)
        failure = None if self._continue else SUBJECT_NOT_FOUND
        return Authentication("Lookup", ENDPOINTS, f"{steps}Step=24217, ", failure)

    def _check_pap(self, packet: Packet, secret: Secret, user_name: str) -> Authentication:
        password = secret.reveal_password(packet.index[attribute.USER_PASSWORD], packet.authenticator)
        user = self._users.get(user_name)
        if (
            user is not None
            and user.enabled
            and password is not None
            and compare_digest(user.password.encode(), password)
        ):
            return self._passed_pap[user_name]
        suspect = password is not None and not is_typed(password)
        return self._fail("PAP_ASCII", user, suspect_secret=suspect)

    def _check_chap(self, packet: Packet, user_name: str) -> Authentication:
        user = self._users.get(user_name)
        if user is not None and user.enabled and chap.verify(packet, user.password.encode()):
            return Authentication("CHAP/MD5", USERS, _USER_PASSED, groups=user.groups)
        return self._fail("CHAP/MD5", user)

    def _check_mschap(self, packet: Packet, user_name: str) -> Authentication:
        user = self._users.get(user_name)
        if user is not None and user.enabled:
            success = mschap.verify(packet, mschap.hash_password(user.password))
            if success is not None:
                extra = ((attribute.MS_CHAP2_SUCCESS, success),)
                return Authentication("MSCHAPV2", USERS, _USER_PASSED, groups=user.groups, extra=extra)
        return self._fail("MSCHAPV2", user)

    def _check_mschap_version_1(self, packet: Packet, user_name: str) -> Authentication:
        user = self._users.get(user_name)
        if user is not None and user.enabled and mschap.verify_version_1(packet, mschap.hash_password(user.password)):
            return Authentication("MSCHAPV1", USERS, _USER_PASSED, groups=user.groups)
        return self._fail("MSCHAPV1", user)

    def _fail(self, method: str, user: User | None, *, suspect_secret: bool = False) -> Authentication:
        """Build the outcome of a failed check of a user's credentials."""
        if user is None:
            failure, found = SUBJECT_NOT_FOUND, "24216"
        else:
            failure, found = (WRONG_PASSWORD if user.enabled else USER_DISABLED), "24212"
        return Authentication(method, USERS, _STEPS_USER.format(found), failure, suspect_secret=suspect_secret)


def is_typed(password: bytes) -> bool:
    """Tell whether octets could be a password that somebody typed: text without control characters."""
    try:
        return password.decode().isprintable()
    except UnicodeDecodeError:
        return False
