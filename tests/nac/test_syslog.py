"""Remote syslog: the shape of lines, escapes, segments, and what anything else is answered with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nac.syslog import (
    LONGEST_HOST,
    LONGEST_LENGTH,
    SHORTEST_LENGTH,
    MalformedSyslogError,
    SyslogEncoder,
    SyslogRecord,
    escape,
    parse_attributes,
    parse_record,
    parse_segment,
    render_attributes,
)
from nac.syslog_catalogue import (
    ACCOUNTING_START,
    AUTHENTICATION_SUCCEEDED,
    CATALOGUE,
    POSTURE_REPORT,
    CatalogueEntry,
)

NOW = datetime(2026, 1, 5, 8, 0, 7, 89_000, tzinfo=UTC)
NO_CONTROLS = st.characters(exclude_categories=("Cc", "Cs"))
KEYS = st.text(st.characters(categories=("L", "N"), include_characters=" -_."), min_size=1, max_size=30).map(
    lambda key: f"K{key}"
)
PAIRS = st.lists(st.tuples(KEYS, st.text(NO_CONTROLS, max_size=400)), max_size=40)


def join(datagrams: list[bytes]) -> SyslogRecord:
    segments = [parse_segment(datagram) for datagram in datagrams]
    text = "".join(segment.payload for segment in segments)
    return parse_record(host=segments[0].host, category=segments[0].category, text=text)


def test_a_short_record_is_one_line_of_the_documented_shape() -> None:
    encoder = SyslogEncoder("psn1")
    body = render_attributes([("Device IP Address", "127.0.3.1"), ("Step", "11004"), ("Step", "11005")])
    assert encoder.encode(ACCOUNTING_START, NOW, body) == [
        b"<181>Jan  5 08:00:07 psn1 CISE_RADIUS_Accounting 0000000001 1 0 2026-01-05 08:00:07.089 +00:00 0000000001"
        b" 3000 NOTICE Radius-Accounting: RADIUS Accounting start request,"
        b" Device IP Address=127.0.3.1, Step=11004, Step=11005,"
    ]


def test_a_record_without_attributes_ends_after_its_text() -> None:
    (line,) = SyslogEncoder("psn1").encode(AUTHENTICATION_SUCCEEDED, NOW, "")
    assert line.endswith(b" 5200 NOTICE Passed-Authentication: Authentication succeeded,")
    assert join([line]).attributes == ()


def test_records_are_numbered_and_carry_the_time_they_were_written_at() -> None:
    encoder = SyslogEncoder("psn1")
    instants = [NOW, NOW + timedelta(milliseconds=911), NOW + timedelta(days=30), NOW - timedelta(hours=1)]
    records = [join(encoder.encode(AUTHENTICATION_SUCCEEDED, now, "")) for now in instants]
    assert [record.sequence for record in records] == [1, 2, 3, 4]
    assert [record.at for record in records] == instants


def test_the_zone_is_that_of_the_instant_given() -> None:
    zone = timezone(timedelta(hours=-8))
    (line,) = SyslogEncoder("psn1").encode(AUTHENTICATION_SUCCEEDED, NOW.astimezone(zone), "")
    assert b"Jan  5 00:00:07 psn1" in line
    assert b"2026-01-05 00:00:07.089 -08:00" in line
    assert join([line]).at == NOW


@pytest.mark.parametrize(("severity", "priority"), [("NOTICE", b"<181>"), ("INFO", b"<182>"), ("ERROR", b"<179>")])
def test_the_priority_is_local6_and_the_severity_of_the_record(severity: str, priority: bytes) -> None:
    entry = CatalogueEntry(5200, "CISE_Passed_Authentications", "Passed-Authentication", "Done", severity)
    (line,) = SyslogEncoder("psn1").encode(entry, NOW, "")
    assert line.startswith(priority)


@pytest.mark.parametrize("host", ["", "two words", "x" * (LONGEST_HOST + 1), "ümlaut", "a\nb"])
def test_a_host_name_that_would_break_the_frame_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="host name"):
        SyslogEncoder(host)


@pytest.mark.parametrize("length", [0, SHORTEST_LENGTH - 1, LONGEST_LENGTH + 1])
def test_a_maximum_length_out_of_range_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="200 to 8192"):
        SyslogEncoder("psn1", maximum_length=length)


def test_a_long_record_is_cut_behind_commas_and_later_segments_begin_with_two_blanks() -> None:
    body = render_attributes([(f"Key{number}", "x" * 90) for number in range(30)])
    datagrams = SyslogEncoder("psn1", maximum_length=1024).encode(AUTHENTICATION_SUCCEEDED, NOW, body)
    assert len(datagrams) == 4
    assert all(len(datagram) <= 1024 for datagram in datagrams)
    assert all(datagram.endswith(b",") for datagram in datagrams)
    for index, datagram in enumerate(datagrams):
        assert f" 0000000001 4 {index} ".encode() in datagram
    assert all(f" 4 {index}  Key".encode() in datagrams[index] for index in (1, 2, 3))


def test_a_record_exactly_as_long_as_allowed_stays_whole() -> None:
    lengths = [
        len(SyslogEncoder("psn1", maximum_length=300).encode(AUTHENTICATION_SUCCEEDED, NOW, f"K={'x' * size}, "))
        for size in range(100, 180)
    ]
    assert lengths == sorted(lengths)
    assert set(lengths) == {1, 2}
    fitting = lengths.count(1) + 99
    (line,) = SyslogEncoder("psn1", maximum_length=300).encode(AUTHENTICATION_SUCCEEDED, NOW, f"K={'x' * fitting}, ")
    assert len(line) == 300


def test_an_escaped_comma_is_no_place_to_cut_while_an_attribute_ends_before_it() -> None:
    pairs = [("First", "f" * 50), ("List", ", ".join(["item"] * 12)), ("Last", "l" * 50)]
    datagrams = SyslogEncoder("p", maximum_length=300).encode(AUTHENTICATION_SUCCEEDED, NOW, render_attributes(pairs))
    assert parse_segment(datagrams[0]).payload.endswith("f,")
    assert join(datagrams).attributes == tuple(pairs)


@pytest.mark.parametrize(
    "value",
    ["x" * 3000, "word " * 600, "ü" * 1500, "\\" * 1500, "a,b;c{d}" * 300, "\N{GRINNING FACE}" * 800, "," * 2000],
    ids=["letters", "words", "two octets", "backslashes", "specials", "four octets", "commas"],
)
@pytest.mark.parametrize("length", [SHORTEST_LENGTH, 201, 202, 203, 1024])
def test_an_attribute_longer_than_a_segment_survives(value: str, length: int) -> None:
    pairs = (("Before", "1"), ("Long", value), ("After", "2"))
    datagrams = SyslogEncoder("psn1", maximum_length=length).encode(POSTURE_REPORT, NOW, render_attributes(pairs))
    assert all(len(datagram) <= length for datagram in datagrams)
    assert join(datagrams).attributes == pairs


def test_a_segment_never_parts_a_character() -> None:
    body = render_attributes([("Long", "ü" * 2000)])
    for length in range(SHORTEST_LENGTH, SHORTEST_LENGTH + 5):
        for datagram in SyslogEncoder("psn1", maximum_length=length).encode(POSTURE_REPORT, NOW, body):
            assert datagram.decode("utf-8", "strict")


@given(pairs=PAIRS, length=st.integers(SHORTEST_LENGTH, LONGEST_LENGTH), host_length=st.integers(1, LONGEST_HOST))
@settings(max_examples=150)
def test_any_attributes_come_back_in_order_from_segments_of_any_length(
    pairs: list[tuple[str, str]], length: int, host_length: int
) -> None:
    encoder = SyslogEncoder("h" * host_length, maximum_length=length)
    datagrams = encoder.encode(POSTURE_REPORT, NOW, render_attributes(pairs))
    assert all(len(datagram) <= length for datagram in datagrams)
    record = join(datagrams)
    assert record.attributes == tuple(pairs)
    assert (record.host, record.category, record.at) == ("h" * host_length, POSTURE_REPORT.category, NOW)
    assert (record.code, record.severity, record.message_class) == (87000, "NOTICE", POSTURE_REPORT.message_class)
    assert record.text == POSTURE_REPORT.text


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=lambda entry: str(entry.code))
def test_every_record_of_the_catalogue_can_be_read_back(entry: CatalogueEntry) -> None:
    record = join(SyslogEncoder("psn1").encode(entry, NOW, render_attributes([("UserName", "alice")])))
    assert (record.code, record.text, record.first("UserName")) == (entry.code, entry.text, "alice")


@pytest.mark.parametrize(
    ("value", "rendered"),
    [
        ("VMware, Inc.", r"VMware\, Inc."),
        ("1=0;2=1", r"1=0\;2=1"),
        (r"DOMAIN\alice", r"DOMAIN\\alice"),
        ('{"a": [1]}', r'\{"a": [1]\}'),
        ("mdm-tlv=device-platform=win", "mdm-tlv=device-platform=win"),
        ("", ""),
    ],
)
def test_values_are_escaped_as_in_real_lines(value: str, rendered: str) -> None:
    assert escape(value) == rendered
    assert render_attributes([("key", value)]) == f"key={rendered}, "
    assert parse_attributes(f"key={rendered}, ") == [("key", value)]


def test_control_characters_never_enter_a_line() -> None:
    value = "a\r\n<181>b\0\x1b[2Jc\x7f"
    assert escape(value) == "a??<181>b??[2Jc?"
    assert render_attributes([("User-Name", value)]) == "User-Name=a??<181>b??[2Jc?, "


@pytest.mark.parametrize("character", [*map(chr, (*range(0x20), *range(0x7F, 0xA0))), "\u2028", "\u2029"], ids=ascii)
def test_no_control_character_and_no_line_separator_enters_a_line(character: str) -> None:
    assert escape(f"a{character}b") == "a?b"
    assert render_attributes([("User-Name", f"a{character}b")]) == "User-Name=a?b, "


def test_private_and_foreign_characters_stay() -> None:
    assert escape("\ue000 \u00e4 \u65e5") == "\ue000 \u00e4 \u65e5"


def test_a_lone_surrogate_does_not_stop_the_encoder() -> None:
    (line,) = SyslogEncoder("psn1").encode(AUTHENTICATION_SUCCEEDED, NOW, render_attributes([("User-Name", "\udcff")]))
    assert line.endswith(b"User-Name=?,")


def test_renderings_of_parts_may_be_joined() -> None:
    parts = [render_attributes([("a", "1")]), render_attributes([]), "Response={b=2; }, "]
    assert parse_attributes("".join(parts)) == [("a", "1"), ("Response", "{b=2; }")]


def test_the_reply_is_one_key_in_braces() -> None:
    reply = "{Class=CACS:0A01:psn1/1/2; cisco-av-pair=url-redirect=https://psn1/?a=1&b=\\{x\\;y\\}\\,z; E=; }"
    record = join(SyslogEncoder("psn1").encode(AUTHENTICATION_SUCCEEDED, NOW, f"a=1, Response={reply}, z=2, "))
    assert record.attributes == (("a", "1"), ("Response", reply), ("z", "2"))


@given(st.lists(st.tuples(KEYS, st.text(NO_CONTROLS, max_size=60)), max_size=10))
def test_any_reply_stays_one_key_and_keeps_its_escapes(pairs: list[tuple[str, str]]) -> None:
    reply = "{" + "".join(f"{key}={escape(value)}; " for key, value in pairs) + "}"
    assert parse_attributes(f"Response={reply}, ") == [("Response", reply)]


def test_an_item_without_equals_sign_is_a_key_without_value() -> None:
    assert parse_attributes(" EAP-Key-Name=, IPSEC,a=b,,  ,") == [("EAP-Key-Name", ""), ("IPSEC", ""), ("a", "b")]


@pytest.mark.parametrize(
    "header",
    [
        b"<181>Mar 3 11:37:34 psn1 ",
        b"<181>Mar  3 11:37:34 psn1 ",
        b"<181>Mar 13 11:37:34.123 psn1 ",
        b"<181>Mar 13 11:37:34 UTC psn1 ",
        b"<181>Mar 13 11:37:34 +01:00 psn1 ",
        b"<181>Mar 13 2026 11:37:34 UTC: psn1 ",
        b"<184>Apr 27 11:16:44 172.16.0.10 Apr 27 11:16:44 psn1 ",
        b"<184>Apr 27 11:16:44 relay.lab.test <181>Apr 27 11:16:44 psn1 ",
    ],
)
def test_headers_that_relays_make_of_it_are_understood(header: bytes) -> None:
    segment = parse_segment(header + b"CISE_Passed_Authentications 0000983328 5 4  PostureStatus=Unknown,\r\n")
    assert (segment.host, segment.category) == ("psn1", "CISE_Passed_Authentications")
    assert (segment.message_id, segment.total, segment.index) == (983328, 5, 4)
    assert segment.payload == " PostureStatus=Unknown,"


def test_a_record_in_the_shape_of_a_vpn_gateway_is_understood() -> None:
    record = parse_record(
        host="psn1",
        category="CISE_Passed_Authentications",
        text="2026-01-05 12:50:16.963075 -05:00 1706721103 5205 NOTICE Dynamic-Authorization: "
        "Dynamic Authorization succeeded, Device IP Address=192.0.2.25, cisco-av-pair=mdm-tlv=device-type=VM\\, Inc., "
        "cisco-av-pair=audit-session-id=0a700e191cff70005fbbf63f, Device CoA type=Cisco CoA, PostureStatus=Compliant",
    )
    assert record.at == datetime(2026, 1, 5, 17, 50, 16, 963075, tzinfo=UTC)
    assert (record.sequence, record.code, record.message_class) == (1706721103, 5205, "Dynamic-Authorization")
    assert record.all("cisco-av-pair") == [
        "mdm-tlv=device-type=VM, Inc.",
        "audit-session-id=0a700e191cff70005fbbf63f",
    ]
    assert record.first("PostureStatus") == "Compliant"


def test_keys_are_found_in_any_case_and_the_first_with_a_value_wins() -> None:
    (line,) = SyslogEncoder("p").encode(ACCOUNTING_START, NOW, "A=, Calling-Station-Id=x, a=1, A=2, ")
    record = join([line])
    assert record.first("Calling-Station-ID") == "x"
    assert record.all("a") == ["", "1", "2"]
    assert record.first("absent", "A") == "1"
    assert record.first("absent") == ""
    assert record.all("absent") == []


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "frame"),
        (b"<181>hello", "frame"),
        (b"<14>Jan  5 08:00:07 host sshd[12]: Accepted password", "frame"),
        (b"<192>Jan  5 08:00:07 psn1 CISE_Guest 0000000001 1 0 x", "priority 192"),
        (b"<181>Jan  5 08:00:07 psn1 CISE_Guest 0000000001 1 1 x", "segment 1 of 1"),
        (b"<181>Jan  5 08:00:07 psn1 CISE_Guest 0000000001 0 0 x", "segment 0 of 0"),
        (b"<181>Jan  5 08:00:07 psn1 CISE_Guest 0000000001 2 -1 x", "frame"),
        ("<181>Jan  5 08:00:07 psn1 CISE_Guest \N{ARABIC-INDIC DIGIT ONE} 1 0 x".encode(), "frame"),
    ],
)
def test_a_datagram_of_another_form_is_refused_with_its_problem(data: bytes, problem: str) -> None:
    with pytest.raises(MalformedSyslogError, match=problem) as caught:
        parse_segment(data)
    assert caught.value.problem in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "head"),
        ("x=1, y=2,", "head"),
        ("2026-13-05 08:00:07.089 +00:00 0000000001 5200 NOTICE A: B, x=1,", "time"),
        ("2026-01-05 08:00:61.089 +00:00 0000000001 5200 NOTICE A: B, x=1,", "time"),
        ("0000-01-05 08:00:07.089 +00:00 0000000001 5200 NOTICE A: B, x=1,", "time"),
        ("2026-01-05 08:00:07.089 +99:00 0000000001 5200 NOTICE A: B, x=1,", "time"),
    ],
)
def test_a_text_of_another_form_is_refused_with_its_problem(text: str, problem: str) -> None:
    with pytest.raises(MalformedSyslogError, match=problem):
        parse_record(host="psn1", category="CISE_Guest", text=text)


FRAME = b"<181>Jan  5 08:00:07 psn1 CISE_Passed_Authentications 0000000001 1 0 "
HEAD = "2026-01-05 08:00:07.089 +00:00 0000000001 5200 NOTICE A: B,"


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda tail: FRAME + tail))
def test_any_bytes_are_a_segment_or_the_one_error(data: bytes) -> None:
    try:
        segment = parse_segment(data)
    except MalformedSyslogError:
        return
    assert 0 <= segment.index < segment.total


@given(st.text(max_size=300) | st.text(max_size=200).map(lambda tail: HEAD + tail))
def test_any_text_is_a_record_or_the_one_error(text: str) -> None:
    try:
        record = parse_record(host="psn1", category="CISE_Guest", text=text)
    except MalformedSyslogError:
        return
    assert all(isinstance(record.first(key), str) for key, _ in record.attributes)


@given(st.data())
@settings(max_examples=200)
def test_a_damaged_line_is_a_segment_or_the_one_error(data: st.DataObject) -> None:
    body = render_attributes([("UserName", "alice"), ("Step", "11001")]) + "Response={Class=x; }, "
    line = bytearray(SyslogEncoder("psn1").encode(AUTHENTICATION_SUCCEEDED, NOW, body)[0])
    for _ in range(data.draw(st.integers(1, 5))):
        line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
    try:
        segment = parse_segment(bytes(line))
        parse_record(host=segment.host, category=segment.category, text=segment.payload)
    except MalformedSyslogError:
        pass
