"""Salt encryption: pyrad as oracle in both directions, and the rules for salts."""

from __future__ import annotations

from itertools import islice
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrad.packet import Packet as PyradPacket

from radius import salt
from radius.secret import Secret

AUTHENTICATOR = bytes(range(16))
SECRET = Secret("xyzzy5461")


def pyrad_packet() -> PyradPacket:
    return PyradPacket(code=1, id=0, secret=b"xyzzy5461", authenticator=AUTHENTICATOR)


@given(value=st.binary(max_size=239))
def test_pyrad_decrypts_what_we_encrypt(value: bytes) -> None:
    octets = salt.encrypt(value, salt=b"\x80\x01", secret=SECRET, authenticator=AUTHENTICATOR)
    assert octets.startswith(b"\x80\x01")
    assert len(octets) % 16 == 2
    assert pyrad_packet().SaltDecrypt(octets) == value


@given(value=st.binary(max_size=239))
def test_we_decrypt_what_pyrad_encrypts(value: bytes) -> None:
    octets = pyrad_packet().SaltCrypt(value)
    assert salt.decrypt(octets, secret=SECRET, authenticator=AUTHENTICATOR) == value


@given(octets=st.binary(max_size=253))
def test_any_octets_decrypt_to_something_or_nothing(octets: bytes) -> None:
    value = salt.decrypt(octets, secret=SECRET, authenticator=AUTHENTICATOR)
    if len(octets) < 18 or len(octets) % 16 != 2:
        assert value is None
    assert value is None or len(value) < len(octets) - 2


def test_value_that_cannot_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 239 octets, not 240"):
        salt.encrypt(bytes(240), salt=b"\x80\x01", secret=SECRET, authenticator=AUTHENTICATOR)


@given(seed=st.integers())
def test_salts_of_a_packet_differ_and_have_their_top_bit_set(seed: int) -> None:
    salts = list(islice(salt.choose_salts(Random(seed)), 100))
    assert len(set(salts)) == 100
    assert all(len(one) == 2 and one[0] & 0x80 for one in salts)
