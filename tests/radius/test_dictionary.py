"""The dictionary files: complete, equal to the constants, and equal to FreeRADIUS's own where those are installed."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrad.dictionary import Dictionary as PyradDictionary

from radius import attribute, dictionary
from radius.dictionary import DataType, Dictionary, DictionaryError, UnknownAttributeError

FREERADIUS = Path("/usr/share/freeradius")
FREERADIUS_FILES = (
    *(f"rfc{number}" for number in (2865, 2866, 2867, 2868, 2869, 3162, 3576, 3580, 4072, 4372, 4818, 5176, 6911)),
    "microsoft",
    "cisco",
    "airespace",
    "cisco.asa",
)
VENDORS = ("CISCO", "MICROSOFT", "ASA", "AIRESPACE")
VALUE_CONSTANTS = (
    ("SERVICE_FRAMED", "Service-Type", "Framed"),
    ("SERVICE_CALL_CHECK", "Service-Type", "Call-Check"),
    ("SERVICE_AUTHORIZE_ONLY", "Service-Type", "Authorize-Only"),
    ("ACCT_START", "Acct-Status-Type", "Start"),
    ("ACCT_STOP", "Acct-Status-Type", "Stop"),
    ("ACCT_INTERIM_UPDATE", "Acct-Status-Type", "Interim-Update"),
    ("ACCT_ON", "Acct-Status-Type", "Accounting-On"),
    ("ACCT_OFF", "Acct-Status-Type", "Accounting-Off"),
    ("TERMINATION_RADIUS_REQUEST", "Termination-Action", "RADIUS-Request"),
    ("NAS_PORT_TYPE_VIRTUAL", "NAS-Port-Type", "Virtual"),
    ("NAS_PORT_TYPE_ETHERNET", "NAS-Port-Type", "Ethernet"),
    ("NAS_PORT_TYPE_WIRELESS", "NAS-Port-Type", "Wireless-802.11"),
    ("ACCT_AUTHENTIC_RADIUS", "Acct-Authentic", "RADIUS"),
)


@pytest.fixture(scope="module")
def known() -> Dictionary:
    return dictionary.load_default()


@pytest.fixture(scope="module")
def freeradius(tmp_path_factory: pytest.TempPathFactory) -> PyradDictionary:
    """FreeRADIUS's own files; the data types that pyrad cannot read are left out."""
    if not FREERADIUS.is_dir():
        pytest.skip("freeradius-common is not installed")
    return PyradDictionary(*(str(FREERADIUS / f"dictionary.{name}") for name in FREERADIUS_FILES))


def test_dictionaries_of_the_package_are_loaded_once_and_nobody_can_change_them(known: Dictionary) -> None:
    assert dictionary.load_default() is known
    for mapping in (known.by_type, known.by_name, *(definition.values for definition in known.by_type.values())):
        assert isinstance(mapping, MappingProxyType)
    with pytest.raises(FrozenInstanceError):
        known.by_type = {}  # type: ignore[misc]


def test_every_constant_is_in_the_dictionary(known: Dictionary) -> None:
    values = {constant for constant, _, _ in VALUE_CONSTANTS}
    constants = {
        name: number
        for name, number in vars(attribute).items()
        if name.isupper() and isinstance(number, int) and name not in VENDORS and name not in values
    }
    assert len(constants) > 50
    for name, number in constants.items():
        assert known.get(name.replace("_", "-")).type == number


@pytest.mark.parametrize(("constant", "name", "value"), VALUE_CONSTANTS)
def test_value_constants_are_in_the_dictionary(known: Dictionary, constant: str, name: str, value: str) -> None:
    assert known.get(name).values[value] == getattr(attribute, constant)


def test_every_number_and_name_is_defined_once(known: Dictionary) -> None:
    folder = Path(dictionary.__file__).parent / "dictionaries"
    lines = [line.split() for file in folder.iterdir() for line in file.read_text().splitlines()]
    assert len(known.by_type) == len(known.by_name) == sum(line[:1] == ["ATTRIBUTE"] for line in lines)


def test_every_file_is_included(known: Dictionary) -> None:
    folder = Path(dictionary.__file__).parent / "dictionaries"
    included = {line.split()[1] for line in (folder / "dictionary").read_text().splitlines() if line.startswith("$")}
    assert included == {file.name for file in folder.iterdir()} - {"dictionary"}


def test_numbers_and_types_are_those_of_freeradius(known: Dictionary, freeradius: PyradDictionary) -> None:
    theirs = {
        (freeradius.vendors.GetForward(found.vendor) << 8 | found.code): found
        for found in freeradius.attributes.values()
    }
    missing = []
    for type_, ours in known.by_type.items():
        if type_ not in theirs:
            missing.append(ours.name)
            continue
        found = theirs[type_]
        assert (ours.data_type, ours.tagged) == (found.type, found.has_tag), ours.name
        if type_ >> 8 != attribute.ASA:
            assert any(
                ours.name.lower() == other.name.lower()
                for other in freeradius.attributes.values()
                if (freeradius.vendors.GetForward(other.vendor) << 8 | other.code) == type_
            ), ours.name
        for name, number in found.values.forward.items():
            if name in ours.values:
                assert ours.values[name] == int.from_bytes(number, "big"), (ours.name, name)
    assert missing == ["Vendor-Specific", "ASA-Access-Hours"]


def test_error_causes_have_the_numbers_of_freeradius(known: Dictionary, freeradius: PyradDictionary) -> None:
    theirs = freeradius.attributes["Error-Cause"].values.forward.values()
    assert sorted(known.get("Error-Cause").value_names) == sorted(int.from_bytes(value, "big") for value in theirs)


ROUND_TRIPS = [
    ("User-Name", "alice", b"alice"),
    ("User-Name", "Zoë", "Zoë".encode()),
    ("NAS-IP-Address", "127.0.3.1", bytes((127, 0, 3, 1))),
    ("NAS-Port", "50101", (50101).to_bytes(4, "big")),
    ("Service-Type", "Call-Check", b"\0\0\0\x0a"),
    ("Service-Type", "4711", (4711).to_bytes(4, "big")),
    ("Event-Timestamp", "1700000000", (1_700_000_000).to_bytes(4, "big")),
    ("Class", "CACS:7F000301000000010000ABCD:psn1/1/1", b"CACS:7F000301000000010000ABCD:psn1/1/1"),
    ("State", "0x00ff", b"\x00\xff"),
    ("State", "0x307831", b"0x1"),
    ("Error-Cause", "Session-Context-Not-Found", (503).to_bytes(4, "big")),
    ("Cisco-AVPair", "subscriber:command=reauthenticate", b"subscriber:command=reauthenticate"),
    ("NAS-IPv6-Address", "2001:db8::1", bytes.fromhex("20010db8000000000000000000000001")),
    ("Framed-IPv6-Prefix", "2001:db8:1::/48", bytes.fromhex("003020010db8000100000000000000000000")),
    ("Framed-Interface-Id", "0200:00ff:fe00:1001", bytes.fromhex("020000fffe001001")),
    ("Tunnel-Type", "(tag=1) VLAN", b"\x01\0\0\x0d"),
    ("Tunnel-Medium-Type", "(tag=0) 802", b"\0\0\0\x06"),
    ("Tunnel-Private-Group-ID", "(tag=1) 10", b"\x0110"),
    ("Tunnel-Client-Endpoint", "(tag=0) 192.0.2.7", b"192.0.2.7"),
    ("ASA-Session-Subtype", "Client-Only", b"\0\0\0\x03"),
]


@pytest.mark.parametrize(("name", "text", "octets"), ROUND_TRIPS)
def test_text_and_octets_are_the_same_value(known: Dictionary, name: str, text: str, octets: bytes) -> None:
    assert known.encode_value(name, text) == (known.get(name).type, octets)
    assert known.render(known.get(name).type, octets) == text


def test_tag_may_be_left_out_of_text(known: Dictionary) -> None:
    assert known.encode_value("Tunnel-Type", "VLAN")[1] == b"\0\0\0\x0d"
    assert known.encode_value("tunnel-private-group-id", "10")[1] == b"10"


@pytest.mark.parametrize(
    "name", ["User-Password", "CHAP-Password", "Tunnel-Password", "MS-MPPE-Send-Key", "MS-CHAP2-Response"]
)
def test_secrets_are_masked(known: Dictionary, name: str) -> None:
    assert known.render(known.get(name).type, b"lab-alice") == "****"


@pytest.mark.parametrize(
    ("name", "octets"), [("NAS-Port", b"\1"), ("NAS-IP-Address", b"12345"), ("Framed-IPv6-Prefix", b"\0\xff\1")]
)
def test_octets_that_do_not_fit_their_type_are_hex(known: Dictionary, name: str, octets: bytes) -> None:
    assert known.render(known.get(name).type, octets) == f"0x{octets.hex()}"


def test_unknown_types_are_named_by_number_and_shown_as_hex(known: Dictionary) -> None:
    assert known.name(attribute.CISCO_AVPAIR) == "Cisco-AVPair"
    assert known.name(200) == "Attr-200"
    assert known.name(9 << 8 | 200) == "Attr-26.9.200"
    assert known.render(200, b"abc") == "0x616263"


def test_text_cannot_forge_a_second_log_line(known: Dictionary) -> None:
    assert known.render(attribute.USER_NAME, b"alice\nroot\x1b[0m") == "alice\\nroot\\x1b[0m"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("NAS-Port", "fifty"),
        ("NAS-Port", "-1"),
        ("NAS-IP-Address", "127.0.0"),
        ("State", "0xf"),
        ("Tunnel-Type", "(tag=32) VLAN"),
        ("Tunnel-Preference", "16777216"),
    ],
)
def test_text_that_does_not_fit_its_type_is_refused(known: Dictionary, name: str, text: str) -> None:
    with pytest.raises(ValueError, match=name):
        known.encode_value(name, text)


def test_unknown_name_is_refused(known: Dictionary) -> None:
    assert known.find("No-Such-Thing") is None
    with pytest.raises(UnknownAttributeError, match="No-Such-Thing"):
        known.encode_value("No-Such-Thing", "1")


@given(data=st.data(), octets=st.binary(max_size=253))
def test_any_octets_of_any_type_have_a_text(known: Dictionary, data: st.DataObject, octets: bytes) -> None:
    type_ = data.draw(st.integers(0, 255) | st.sampled_from(sorted(known.by_type)))
    assert known.render(type_, octets).isprintable()


def test_broken_file_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "dictionary").write_text("ATTRIBUTE User-Name 1 string\nATTRIBUTE User-Name\n")
    with pytest.raises(DictionaryError, match=r"dictionary\(2\)"):
        dictionary.load(tmp_path / "dictionary")


def test_data_type_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dictionary").write_text("ATTRIBUTE Something 1 ether\n")
    with pytest.raises(DictionaryError, match="ether"):
        dictionary.load(tmp_path / "dictionary")
    assert "ether" not in list(DataType)


def test_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        dictionary.load(tmp_path / "none")
