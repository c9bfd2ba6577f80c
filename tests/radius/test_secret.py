"""The shared secret: RFC 2202 and RFC 2865 vectors, and pyrad as oracle for hidden passwords."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrad.packet import AuthPacket

from radius.secret import Secret

AUTHENTICATOR = bytes.fromhex("0f403f9473978057bd83d5cb98f4227a")
SECRET = Secret("xyzzy5461")

passwords = st.text(max_size=32).map(str.encode).filter(lambda password: not password.endswith(b"\0"))


@pytest.mark.parametrize(
    ("key", "data", "digest"),
    [
        (b"\x0b" * 16, b"Hi There", "9294727a3638bb1c13f48ef8158bfc9d"),
        (b"Jefe", b"what do ya want for nothing?", "750c783e6ab0b503eaa86e310a5db738"),
        (b"\xaa" * 16, b"\xdd" * 50, "56be34521d144c88dbb8c733f0e8b3f6"),
        (
            b"\xaa" * 80,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd",
        ),
    ],
)
def test_rfc_2202_hmac_md5(key: bytes, data: bytes, digest: str) -> None:
    secret = Secret(key)
    assert secret.hmac(data).hex() == digest
    assert secret.hmac(data).hex() == digest


def test_rfc_2865_section_7_1_password_is_hidden_and_revealed() -> None:
    hidden = bytes.fromhex("0dbe708d93d413ce3196e43f782a0aee")
    assert SECRET.hide_password(b"arctangent", AUTHENTICATOR) == hidden
    assert SECRET.reveal_password(hidden, AUTHENTICATOR) == b"arctangent"


def theirs() -> AuthPacket:
    return AuthPacket(id=0, secret=b"xyzzy5461", authenticator=AUTHENTICATOR)


@given(password=passwords)
def test_pyrad_reveals_what_we_hide(password: bytes) -> None:
    assert theirs().PwDecrypt(SECRET.hide_password(password, AUTHENTICATOR)).encode() == password


@given(password=passwords)
def test_we_reveal_what_pyrad_hides(password: bytes) -> None:
    assert SECRET.reveal_password(theirs().PwCrypt(password), AUTHENTICATOR) == password


@pytest.mark.parametrize("size", [0, 1, 16, 17, 32, 127, 128])
def test_password_of_any_length_survives(size: int) -> None:
    hidden = SECRET.hide_password(b"p" * size, AUTHENTICATOR)
    assert len(hidden) == max(16, -(-size // 16) * 16)
    assert SECRET.reveal_password(hidden, AUTHENTICATOR) == b"p" * size


def test_password_above_128_octets_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 128 octets, not 129"):
        SECRET.hide_password(b"p" * 129, AUTHENTICATOR)


@pytest.mark.parametrize("size", [0, 15, 17, 33, 144])
def test_hidden_password_of_another_length_is_none(size: int) -> None:
    assert SECRET.reveal_password(bytes(size), AUTHENTICATOR) is None


def test_empty_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        Secret("")


def test_secret_does_not_show_itself() -> None:
    assert repr(SECRET) == "Secret(****)"
    assert "xyzzy" not in f"{SECRET}"


def test_secrets_are_equal_by_their_octets() -> None:
    assert Secret("xyzzy5461") == Secret(b"xyzzy5461") != Secret("xyzzy")
    assert len({Secret("a"), Secret(b"a"), Secret("b")}) == 2
    assert Secret("a") != "a"
