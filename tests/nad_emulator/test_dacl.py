"""Downloading access lists (aaa-mnt 1.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nad_emulator.dacl import DaclDownloadError, DaclStore, decode_lines
from nad_emulator.fail_over import FailOverClient
from radius import attribute
from radius.packet import Attribute, Code, Packet, text
from tests.radius.packets import packet_of

if TYPE_CHECKING:
    from tests.nad_emulator.conftest import Bench, Script

NAME = "#ACSACL#-IP-POSTURE-PENDING-65b4f5cb"
SERVER = "127.0.1.1"


def avpair(value: str) -> Attribute:
    return attribute.CISCO_AVPAIR, text(value)


def build_store(bench: Bench, script: Script) -> DaclStore:
    bench.add_server(script)
    config = bench.build_config()
    client = FailOverClient(config, bench.runtime)
    bench.add_closer(client.close)
    return DaclStore(config=config, client=client, runtime=bench.runtime)


async def test_a_download_asks_by_the_full_name_with_a_null_password(bench: Bench) -> None:
    store = build_store(bench, lambda _: (Code.ACCESS_ACCEPT, [avpair("ip:inacl#1=permit ip any any")]))
    acl = await store.get(NAME, SERVER)
    assert (acl.name, [entry.text for entry in acl.entries]) == (NAME, ["10 permit ip any any"])
    [request] = bench.servers[0].requests
    assert request.text(attribute.USER_NAME) == NAME
    assert request.address(attribute.NAS_IP_ADDRESS) == "127.0.3.1"
    assert request.list_text(attribute.CISCO_AVPAIR) == ["aaa:service=ip_admission", "aaa:event=acl-download"]


async def test_a_list_is_downloaded_once_for_its_full_name(bench: Bench) -> None:
    store = build_store(bench, lambda _: (Code.ACCESS_ACCEPT, [avpair("ip:inacl#1=permit ip any any")]))
    first = await store.get(NAME, SERVER)
    assert await store.get(NAME, SERVER) is first
    await store.get(NAME.replace("65b4f5cb", "65b4f5cc"), SERVER)
    assert len(bench.servers[0].requests) == 2
    assert len(bench.list_records("dacl-cached")) == 1


async def test_a_long_list_comes_in_parts_and_the_numbers_order_the_lines(bench: Bench) -> None:
    def answer(packet: Packet) -> tuple[int, list[Attribute]]:
        match packet.octets(attribute.STATE):
            case None:
                return Code.ACCESS_CHALLENGE, [(attribute.STATE, b"a"), avpair("ip:inacl#10=deny ip any any")]
            case b"a":
                return Code.ACCESS_CHALLENGE, [(attribute.STATE, b"b"), avpair("ip:inacl#9=permit udp any any")]
            case _:
                return Code.ACCESS_ACCEPT, [avpair("ip:inacl#1=remark all"), avpair("ip:inacl#2=permit tcp any any")]

    acl = await build_store(bench, answer).get(NAME, SERVER)
    assert [entry.text for entry in acl.entries] == [
        "10 permit tcp any any",
        "20 permit udp any any",
        "30 deny ip any any",
    ]
    assert [packet.octets(attribute.STATE) for packet in bench.servers[0].requests] == [None, b"a", b"b"]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ((Code.ACCESS_REJECT, []), "the server rejects the download"),
        ((Code.ACCESS_ACCEPT, []), "the server sent no lines"),
        ((Code.ACCESS_CHALLENGE, []), "the server announces more lines without State"),
        ((Code.ACCESS_CHALLENGE, [(attribute.STATE, b"a")]), "the server has not ended after 64 rounds"),
        (
            (Code.ACCESS_ACCEPT, [avpair("ip:inacl#1=permit ip any any"), avpair("ip:inacl#2=permit all")]),
            "line 2 ('permit all'): 'all' is not a protocol",
        ),
    ],
)
async def test_a_download_that_fails_says_why(bench: Bench, answer: tuple[int, list[Attribute]], fault: str) -> None:
    store = build_store(bench, lambda _: answer)
    with pytest.raises(DaclDownloadError) as caught:
        await store.get(NAME, SERVER)
    assert caught.value.name == NAME
    assert fault in caught.value.fault


async def test_a_download_nobody_answers_fails(bench: Bench) -> None:
    with pytest.raises(DaclDownloadError, match=r"no answer from 127\.0\.1\.1"):
        await build_store(bench, lambda _: None).get(NAME, SERVER)


def test_pairs_that_are_no_lines_are_ignored() -> None:
    pairs = ["ip:inacl#2=permit ip any any", "ip:inacl#x=deny", "ipv6:inacl#1=permit ipv6 any any", "profile-name=x"]
    packet = packet_of(Code.ACCESS_ACCEPT, [avpair(pair) for pair in pairs])
    assert decode_lines(packet) == {2: "permit ip any any"}
