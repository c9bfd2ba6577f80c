"""Who passes: each method with right, wrong and damaged credentials, and both ways of recognizing a host lookup."""

from __future__ import annotations

import pytest

from nac.identity import find_mac
from psn.config import KnownEndpoint, User
from psn.identity_stores import (
    ENDPOINTS,
    NO_CALLING_STATION,
    NO_CREDENTIALS,
    SUBJECT_NOT_FOUND,
    USER_DISABLED,
    USERS,
    WRONG_PASSWORD,
    Authentication,
    Failure,
    IdentityStores,
    is_typed,
)
from radius import attribute, chap, mschap
from radius.packet import Attribute, Code, integer, text
from radius.secret import Secret
from tests.radius.packets import packet_of

SECRET, OTHER_SECRET = Secret("testing123"), Secret("another")
AUTHENTICATOR = bytes(range(16))
MAC, PLAIN, HYPHENS = "02:00:00:00:10:01", "020000001001", "02-00-00-00-10-01"
UNKNOWN_HYPHENS = "02-00-00-00-10-99"
CHALLENGE_8, CHALLENGE_16 = bytes(range(8)), bytes(range(16))
EVERYBODY = {
    user.name: user
    for user in (
        User(name="alice", password="lab-alice", groups=("Employees",)),
        User(name="zo\u00eb", password="p\u00e4sswort und mehr als sechzehn Octets"),
        User(name="eve", password="lab-eve", enabled=False),
    )
}
CALL_CHECK: Attribute = (attribute.SERVICE_TYPE, integer(attribute.SERVICE_CALL_CHECK))


def make_stores(*, unknown_endpoints_continue: bool = True) -> IdentityStores:
    endpoints = {MAC: KnownEndpoint(mac=MAC, groups=("Workstations",))}
    return IdentityStores(users=EVERYBODY, endpoints=endpoints, unknown_endpoints_continue=unknown_endpoints_continue)


def authenticate(
    user: str, *attributes: Attribute, calling: str = "", stores: IdentityStores | None = None
) -> Authentication:
    pairs = [(attribute.USER_NAME, text(user)), *attributes]
    packet = packet_of(Code.ACCESS_REQUEST, pairs, authenticator=AUTHENTICATOR)
    return (stores or make_stores()).authenticate(packet, SECRET, user, find_mac(calling))


def pap(user: str, password: str, secret: Secret = SECRET) -> list[Attribute]:
    return [(attribute.USER_PASSWORD, secret.hide_password(password.encode(), AUTHENTICATOR))]


def chap_response(user: str, password: str) -> list[Attribute]:
    return [(attribute.CHAP_PASSWORD, chap.create_response(9, password.encode(), AUTHENTICATOR))]


def chap_with_challenge(user: str, password: str) -> list[Attribute]:
    response = chap.create_response(9, password.encode(), b"a challenge")
    return [(attribute.CHAP_PASSWORD, response), (attribute.CHAP_CHALLENGE, b"a challenge")]


def mschap_2(user: str, password: str) -> list[Attribute]:
    proper = mschap.hash_challenges(peer=CHALLENGE_16, authenticator=CHALLENGE_16, user_name=user.encode())
    answer = mschap.compute_nt_response(proper, mschap.hash_password(password))
    response = mschap.Response(identifier=3, peer_challenge=CHALLENGE_16, nt_response=answer)
    return [(attribute.MS_CHAP_CHALLENGE, CHALLENGE_16), (attribute.MS_CHAP2_RESPONSE, response.encode())]


def mschap_1(user: str, password: str) -> list[Attribute]:
    answer = mschap.compute_nt_response(CHALLENGE_8, mschap.hash_password(password))
    return [
        (attribute.MS_CHAP_CHALLENGE, CHALLENGE_8),
        (attribute.MS_CHAP_RESPONSE, bytes((3, 1)) + bytes(24) + answer),
    ]


METHODS = {
    "PAP_ASCII": pap,
    "CHAP/MD5": chap_response,
    "CHAP/MD5 with CHAP-Challenge": chap_with_challenge,
    "MSCHAPV1": mschap_1,
    "MSCHAPV2": mschap_2,
}


@pytest.mark.parametrize("user", ["alice", "zo\u00eb"])
@pytest.mark.parametrize("method", METHODS)
def test_right_password_passes_and_gives_the_groups(method: str, user: str) -> None:
    outcome = authenticate(user, *METHODS[method](user, EVERYBODY[user].password))
    assert outcome.failure is None
    assert outcome.method == method.split(" ")[0]
    assert outcome.store == USERS
    assert outcome.groups == EVERYBODY[user].groups
    assert "Step=24212, Step=22037, " in outcome.steps


@pytest.mark.parametrize(
    ("user", "password", "failure"),
    [
        ("alice", "Lab-alice", WRONG_PASSWORD),
        ("alice", "", WRONG_PASSWORD),
        ("alice", "lab-alice\0x", WRONG_PASSWORD),
        ("Alice", "lab-alice", SUBJECT_NOT_FOUND),
        ("eve", "lab-eve", USER_DISABLED),
        ("eve", "wrong", USER_DISABLED),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_anything_else_fails_for_a_reason_of_the_catalogue(
    method: str, user: str, password: str, failure: Failure
) -> None:
    outcome = authenticate(user, *METHODS[method](user, password))
    assert outcome.failure == failure
    assert outcome.method == method.split(" ")[0]
    assert outcome.groups == ()


def test_mschap_v2_success_proves_that_the_server_knows_the_password_too() -> None:
    """RFC 2548 section 2.3.3: MS-CHAP2-Success holds the identifier and ``S=`` with forty digits."""
    ((type_, value),) = authenticate("alice", *mschap_2("alice", "lab-alice")).extra
    assert type_ == attribute.MS_CHAP2_SUCCESS
    assert value[:3] == b"\3S="
    assert len(value) == 43


def test_request_without_credentials_fails() -> None:
    assert authenticate("alice").failure == NO_CREDENTIALS


@pytest.mark.parametrize("octets", [b"", b"short", bytes(17), bytes(144)])
def test_password_attribute_of_an_impossible_length_is_a_wrong_password(octets: bytes) -> None:
    outcome = authenticate("alice", (attribute.USER_PASSWORD, octets))
    assert outcome.failure == WRONG_PASSWORD
    assert not outcome.suspect_secret


@pytest.mark.parametrize("user", ["alice", "nobody"])
def test_password_that_nobody_types_raises_suspicion_of_the_secret(user: str) -> None:
    assert authenticate(user, *pap(user, "lab-alice", OTHER_SECRET)).suspect_secret
    assert not authenticate(user, *pap(user, "wrong")).suspect_secret


@pytest.mark.parametrize(
    ("password", "typed"),
    [(b"", True), (b"lab-alice", True), ("p\u00e4sswort".encode(), True), (b"a\0b", False), (b"\x8f\xff", False)],
)
def test_typed_passwords_are_text_without_control_characters(password: bytes, *, typed: bool) -> None:
    assert is_typed(password) is typed


@pytest.mark.parametrize(
    ("user", "attributes", "calling"),
    [
        (PLAIN, [CALL_CHECK], HYPHENS),
        ("anything", [CALL_CHECK], HYPHENS),
        (PLAIN, [*pap(PLAIN, PLAIN)], HYPHENS),
        (HYPHENS, [], PLAIN),
        ("0200.0000.1001", [*chap_response(PLAIN, PLAIN)], MAC),
    ],
    ids=["Call-Check", "Call-Check with another name", "same MAC by PAP", "same MAC alone", "same MAC by CHAP"],
)
def test_host_lookup_is_recognized_by_call_check_or_by_the_name(
    user: str, attributes: list[Attribute], calling: str
) -> None:
    """Steps 11027 and 11028 (aaa-mnt.md 1.2); the password does not matter."""
    outcome = authenticate(user, *attributes, calling=calling)
    assert (outcome.failure, outcome.method, outcome.store) == (None, "Lookup", ENDPOINTS)
    assert outcome.groups == ("Workstations",)
    assert "Step=24211, Step=22037, " in outcome.steps


def test_name_that_is_a_mac_but_not_the_caller_is_a_user() -> None:
    outcome = authenticate(PLAIN, *pap(PLAIN, PLAIN), calling=UNKNOWN_HYPHENS)
    assert (outcome.failure, outcome.store) == (SUBJECT_NOT_FOUND, USERS)


@pytest.mark.parametrize("calling", ["", "192.0.2.1", "02-00-00-00-10"])
def test_call_check_without_a_mac_to_look_up_fails(calling: str) -> None:
    assert authenticate(PLAIN, CALL_CHECK, calling=calling).failure == NO_CALLING_STATION


def test_unknown_endpoint_goes_on_to_authorization_without_groups() -> None:
    outcome = authenticate(PLAIN, CALL_CHECK, calling=UNKNOWN_HYPHENS)
    assert (outcome.failure, outcome.groups) == (None, ())
    assert "Step=24217, " in outcome.steps


def test_unknown_endpoint_is_refused_where_the_setting_says_so() -> None:
    strict = make_stores(unknown_endpoints_continue=False)
    assert authenticate(PLAIN, CALL_CHECK, calling=UNKNOWN_HYPHENS, stores=strict).failure == SUBJECT_NOT_FOUND
    assert authenticate(PLAIN, CALL_CHECK, calling=HYPHENS, stores=strict).failure is None
