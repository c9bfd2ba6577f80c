"""The dACL exchange of aaa-mnt.md 1.8: its four failures in their order, and lists of several packets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from psn.config import Dacl
from psn.dacl_download import list_parts
from radius import attribute
from radius.packet import MAXIMUM_LENGTH, Attribute, Code, Packet, text

if TYPE_CHECKING:
    from tests.psn.bench import Bench, BuildBench

NAME = "#ACSACL#-IP-Full-Access-65b4f5cb"
SESSION_ID = "7F000301000000010000ABCD"
EVENT: Attribute = (attribute.CISCO_AVPAIR, b"aaa:event=acl-download")
SERVICE: Attribute = (attribute.CISCO_AVPAIR, b"aaa:service=ip_admission")
SESSION: Attribute = (attribute.CISCO_AVPAIR, f"audit-session-id={SESSION_ID}".encode())
LONG = Dacl(
    name="LONG", lines=tuple(f"permit tcp any host 10.0.{n // 256}.{n % 256} eq 443" for n in range(300)), version=1
)


def ask(bench: Bench, *attributes: Attribute, name: str = NAME, sign: bool = True) -> Packet:
    """Ask as IOS does: a null password, and two pairs."""
    packet = bench.ask((attribute.USER_NAME, text(name)), (attribute.USER_PASSWORD, b""), *attributes, sign=sign)
    assert packet is not None
    return packet


def list_lines(packet: Packet) -> list[str]:
    return [line for line in packet.list_text(attribute.CISCO_AVPAIR) if line.startswith("ip:inacl#")]


def test_accept_carries_the_numbered_lines(bench: Bench) -> None:
    packet = ask(bench, SERVICE, EVENT)
    assert packet.code == Code.ACCESS_ACCEPT
    assert list_lines(packet) == ["ip:inacl#1=permit ip any any"]


def test_success_is_recorded_under_the_name_of_the_list_without_an_endpoint(bench: Bench) -> None:
    ask(bench, SERVICE, EVENT)
    (line,) = bench.list_records()
    assert (line.code, line.text) == (5232, "DACL Download Succeeded")
    assert line.first("UserName") == NAME
    assert line.first("EndPointMACAddress", "Calling-Station-ID") == ""
    assert len(bench.sessions) == 0


UNKNOWN = "#ACSACL#-IP-Full-Access-65b4f5cc"


@pytest.mark.parametrize(
    ("name", "attributes", "sign", "failure"),
    [
        (NAME, [EVENT], False, 11024),
        (UNKNOWN, [], False, 11024),
        (NAME, [], True, 11025),
        (NAME, [SERVICE], True, 11025),
        (UNKNOWN, [SERVICE, SESSION], True, 11025),
        (UNKNOWN, [SERVICE, EVENT], True, 11026),
        ("#ACSACL#-IP-", [EVENT], True, 11026),
        (UNKNOWN, [SERVICE, EVENT, SESSION], True, 11026),
        (NAME, [SERVICE, EVENT, SESSION], True, 11035),
    ],
)
def test_failures_are_found_in_the_order_of_ise(
    bench: Bench, name: str, attributes: list[Attribute], *, sign: bool, failure: int
) -> None:
    packet = ask(bench, *attributes, name=name, sign=sign)
    assert packet.code == Code.ACCESS_REJECT
    assert list_lines(packet) == []
    (line,) = bench.list_records()
    assert line.code == 5419
    assert line.first("FailureReason").startswith(f"{failure} ")
    (record,) = bench.list_events("dacl-reject")
    assert record.facts == {"dacl": name, "failure": failure}


def test_session_that_is_alive_may_download(bench: Bench) -> None:
    bench.authenticate()
    assert ask(bench, SERVICE, EVENT, SESSION).code == Code.ACCESS_ACCEPT


def test_download_is_no_use_of_the_session(build_bench: BuildBench) -> None:
    bench = build_bench(session_limit=2)
    for session_id in (SESSION_ID, "B"):
        bench.authenticate(session_id=session_id)
    ask(bench, EVENT, SESSION)
    bench.authenticate(session_id="C")
    assert bench.sessions.peek(SESSION_ID) is None


def test_long_list_comes_in_challenges_until_the_accept(build_bench: BuildBench) -> None:
    bench = build_bench(dacls={"LONG": LONG}, profiles={}, rules=())
    lines: list[str] = []
    state: list[Attribute] = []
    codes = []
    for _ in range(10):
        packet = ask(bench, SERVICE, EVENT, *state, name=LONG.full_name)
        codes.append(packet.code)
        lines += list_lines(packet)
        if packet.code != Code.ACCESS_CHALLENGE:
            break
        state = [(attribute.STATE, packet.index[attribute.STATE])]
    assert set(codes[:-1]) == {Code.ACCESS_CHALLENGE}
    assert codes[-1] == Code.ACCESS_ACCEPT
    assert attribute.STATE not in packet.index
    assert lines == [f"ip:inacl#{number}={line}" for number, line in enumerate(LONG.lines, start=1)]
    assert [line.code for line in bench.list_records()] == [5232]


@pytest.mark.parametrize(
    "state", [b"", b"x", b"dacl-part=", b"dacl-part=-1", b"dacl-part=x", b"\xff", b"ReauthSession:1"]
)
def test_state_that_is_not_ours_begins_at_the_first_part(build_bench: BuildBench, state: bytes) -> None:
    bench = build_bench(dacls={"LONG": LONG}, profiles={}, rules=())
    packet = ask(bench, EVENT, (attribute.STATE, state), name=LONG.full_name)
    assert list_lines(packet)[0].startswith("ip:inacl#1=")


def test_state_beyond_the_last_part_gets_the_last(build_bench: BuildBench) -> None:
    bench = build_bench(dacls={"LONG": LONG}, profiles={}, rules=())
    packet = ask(bench, EVENT, (attribute.STATE, b"dacl-part=99"), name=LONG.full_name)
    assert packet.code == Code.ACCESS_ACCEPT
    assert list_lines(packet)[-1].startswith("ip:inacl#300=")


def test_parts_leave_room_for_what_else_a_packet_holds() -> None:
    parts = list_parts(LONG)
    assert len(parts) > 1
    assert all(len(part) <= MAXIMUM_LENGTH - 512 for part in parts)


def test_list_without_lines_is_one_empty_part() -> None:
    assert list_parts(Dacl(name="EMPTY", lines=(), version=1)) == [b""]


def test_line_longer_than_an_attribute_is_refused_when_the_node_is_built() -> None:
    with pytest.raises(ValueError, match="exceed 247"):
        list_parts(Dacl(name="X", lines=("x" * 240,), version=1))
