"""Asking one server after the other over real sockets, on virtual time."""

from __future__ import annotations

import asyncio
import errno
import socket
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from nad_emulator.fail_over import FailOverClient, NoAnswerError
from nad_emulator.server_group import DeadCriteria
from radius import attribute
from radius.packet import Attribute, Code, integer

if TYPE_CHECKING:
    from tests.nad_emulator.conftest import Bench

LOGIN: list[Attribute] = [(attribute.USER_NAME, b"alice")]
QUICK = {"dead_criteria": DeadCriteria(time=timedelta(seconds=5), tries=3), "deadtime": timedelta(minutes=10)}


@pytest.fixture
async def client(bench: Bench) -> FailOverClient:
    """A client of two servers, the first of which is silent."""
    bench.add_server(lambda _: None, host="127.0.1.1").answers_accounting = False
    bench.add_server(host="127.0.1.2")
    client = FailOverClient(bench.build_config(**QUICK), bench.runtime)
    bench.add_closer(client.close)
    return client


def clock() -> float:
    return asyncio.get_running_loop().time()


async def test_a_silent_server_is_asked_four_times_five_seconds_apart_then_the_next(
    bench: Bench, client: FailOverClient
) -> None:
    answer = await client.exchange(Code.ACCESS_REQUEST, LOGIN)
    assert answer.server == "127.0.1.2"
    assert [len(server.requests) for server in bench.servers] == [4, 1]
    assert clock() == 20.0
    assert [record.facts["server"] for record in bench.list_records("server-silent")] == ["127.0.1.1"]


async def test_only_retransmissions_count_towards_the_dead_criteria(bench: Bench, client: FailOverClient) -> None:
    await client.exchange(Code.ACCESS_REQUEST, LOGIN)
    [dead] = bench.list_records("server-dead")
    assert (dead.facts["server"], (dead.at - bench.began_at).total_seconds()) == ("127.0.1.1", 20.0)


async def test_a_server_that_alone_is_to_be_asked_is_asked_also_when_dead(bench: Bench, client: FailOverClient) -> None:
    await client.exchange(Code.ACCESS_REQUEST, LOGIN)
    with pytest.raises(NoAnswerError, match=r"no answer from 127\.0\.1\.1$"):
        await client.exchange(Code.ACCESS_REQUEST, LOGIN, only="127.0.1.1")
    assert [len(server.requests) for server in bench.servers] == [8, 1]


async def test_a_dead_server_is_not_asked_during_its_deadtime(bench: Bench, client: FailOverClient) -> None:
    await client.exchange(Code.ACCESS_REQUEST, LOGIN)
    await client.exchange(Code.ACCESS_REQUEST, LOGIN)
    assert [len(server.requests) for server in bench.servers] == [4, 2]
    assert clock() == 20.0


async def test_after_its_deadtime_a_server_is_the_first_again(bench: Bench, client: FailOverClient) -> None:
    await client.exchange(Code.ACCESS_REQUEST, LOGIN)
    bench.servers[0].script = bench.servers[1].script
    await asyncio.sleep(600)
    assert (await client.exchange(Code.ACCESS_REQUEST, LOGIN)).server == "127.0.1.1"
    assert len(bench.list_records("server-alive")) == 1


async def test_authentication_and_accounting_share_the_health_of_a_server(bench: Bench, client: FailOverClient) -> None:
    await client.exchange(Code.ACCOUNTING_REQUEST, [(attribute.ACCT_STATUS_TYPE, integer(1))])
    await client.exchange(Code.ACCESS_REQUEST, LOGIN)
    assert bench.servers[0].list_requests(Code.ACCESS_REQUEST) == []


async def test_where_no_server_answers_the_error_names_those_asked(bench: Bench, client: FailOverClient) -> None:
    bench.servers[1].script = bench.servers[0].script
    with pytest.raises(NoAnswerError, match=r"^no answer from 127\.0\.1\.1, 127\.0\.1\.2$"):
        await client.exchange(Code.ACCESS_REQUEST, LOGIN)


async def test_where_all_servers_are_dead_all_are_asked_and_one_that_answers_lives_again(
    bench: Bench, client: FailOverClient
) -> None:
    answer, bench.servers[1].script = bench.servers[1].script, bench.servers[0].script
    with pytest.raises(NoAnswerError):
        await client.exchange(Code.ACCESS_REQUEST, LOGIN)
    assert len(bench.list_records("server-dead")) == 2
    bench.servers[1].script = answer
    assert (await client.exchange(Code.ACCESS_REQUEST, LOGIN)).server == "127.0.1.2"
    assert [len(server.requests) for server in bench.servers] == [8, 5]
    assert (await client.exchange(Code.ACCESS_REQUEST, LOGIN)).server == "127.0.1.2"
    assert [len(server.requests) for server in bench.servers] == [8, 6]
    assert [record.facts["server"] for record in bench.list_records("server-alive")] == ["127.0.1.2"]


async def test_a_source_port_that_cannot_be_opened_is_an_error_not_a_crash(
    bench: Bench, client: FailOverClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("radius.client.socket.socket", refuse)
    with pytest.raises(NoAnswerError, match=r"the request cannot be sent: Too many open files"):
        await client.exchange(Code.ACCESS_REQUEST, LOGIN)
    monkeypatch.undo()
    assert (await client.exchange(Code.ACCESS_REQUEST, LOGIN)).server == "127.0.1.2"


async def test_a_preferred_server_is_asked_first(bench: Bench, client: FailOverClient) -> None:
    assert (await client.exchange(Code.ACCESS_REQUEST, LOGIN, first="127.0.1.2")).server == "127.0.1.2"
    assert bench.servers[0].requests == []


async def test_acct_delay_time_grows_while_servers_are_silent(bench: Bench, client: FailOverClient) -> None:
    attributes = [(attribute.ACCT_STATUS_TYPE, integer(2)), (attribute.ACCT_DELAY_TIME, integer(0))]
    await asyncio.sleep(10)
    await client.exchange(Code.ACCOUNTING_REQUEST, attributes, happened_at=clock() - 7)
    delays = [[packet.integer(attribute.ACCT_DELAY_TIME) for packet in server.requests] for server in bench.servers]
    assert delays == [[7, 12, 17, 22], [27]]


async def test_a_request_that_does_not_fit_into_a_packet_is_an_error_not_a_crash(
    bench: Bench, client: FailOverClient
) -> None:
    with pytest.raises(NoAnswerError, match="the request cannot be sent"):
        await client.exchange(Code.ACCESS_REQUEST, [(attribute.CLASS, bytes(253))] * 20)
