"""The look-up at MNT: real TLS towards a scripted monitoring node, and any octets as its answer."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import trustme
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from nac.posture_message import MalformedMessageError
from psn.config import MntApi
from psn.internode import mnt_client
from psn.internode.call import MAXIMUM_BODY
from psn.internode.mnt_client import MntClient, MntLookupError, MntSession, parse_session

if TYPE_CHECKING:
    from tests.psn.internode import BuildTls
    from tests.psn.scripted_mnt import ScriptedMnt

MAC = "02:00:00:00:10:01"
OTHER_MAC = "02:00:00:00:10:02"
SESSION_ID = "7F000301000000010000ABCD"


class Desk:
    """A client of MNT, and what it has journalled."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self.tls = tls
        self.said: list[str] = []

    async def ask(self, *apis: MntApi, macs: tuple[str, ...] = (MAC,)) -> MntSession:
        client = MntClient(apis, tls=self.tls, address="127.0.1.1", observe=lambda *record: self.said.append(record[1]))
        return await client.get_session(macs)


@pytest.fixture
def desk(build_tls: BuildTls) -> Desk:
    return Desk(build_tls("127.0.1.1").client)


async def test_the_node_of_the_last_authentication_is_named(desk: Desk, mnt: ScriptedMnt) -> None:
    mnt.name_owner("psn1")
    found = await desk.ask(mnt.api)
    assert found == MntSession(session_id=SESSION_ID, mac=MAC, server="psn1", told_by="mnt1")
    assert mnt.asked == [f"/admin/API/mnt/Session/MACAddress/{MAC}"]
    assert desk.said == []


async def test_macs_are_asked_for_in_turn(desk: Desk, mnt: ScriptedMnt) -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        if not request.path.endswith(OTHER_MAC):
            return await mnt.know_nothing(request)
        body = b"<sessionParameters><acs_server>psn1</acs_server><cpmsession_id>A</cpmsession_id></sessionParameters>"
        return web.Response(body=body)

    mnt.answer = answer
    found = await desk.ask(mnt.api, macs=(MAC, OTHER_MAC))
    assert (found.mac, found.session_id) == (OTHER_MAC, "A")


async def test_a_user_that_http_cannot_name_is_a_failure_of_the_look_up(desk: Desk, mnt: ScriptedMnt) -> None:
    """RFC 7617 section 2: a user-id with a colon cannot be told from its password."""
    with pytest.raises(MntLookupError, match=r"^mnt1: user 'a:b' cannot be named: "):
        await desk.ask(replace(mnt.api, user="a:b"))
    assert len(desk.said) == 1


async def test_no_session_is_no_failure(desk: Desk, mnt: ScriptedMnt) -> None:
    with pytest.raises(MntLookupError, match=r"^mnt1: Session data is not available\.$"):
        await desk.ask(mnt.api)
    assert desk.said == []


async def test_a_session_that_has_ended_has_no_owner(desk: Desk, mnt: ScriptedMnt) -> None:
    mnt.name_owner("psn1", stopped="true")
    with pytest.raises(MntLookupError, match=f"^mnt1: the session of {MAC} has ended$"):
        await desk.ask(mnt.api)
    assert desk.said == []


async def test_a_list_of_macs_is_cut(desk: Desk, mnt: ScriptedMnt) -> None:
    with pytest.raises(MntLookupError):
        await desk.ask(mnt.api, macs=(MAC,) * 1000)
    assert len(mnt.asked) == mnt_client.MAXIMUM_MACS


async def test_a_wrong_password_says_so(desk: Desk, mnt: ScriptedMnt) -> None:
    with pytest.raises(MntLookupError, match=r"^mnt1: it refuses user 'admin' or the password$"):
        await desk.ask(replace(mnt.api, password="wrong"))
    assert desk.said == ["the look-up at mnt1 failed: it refuses user 'admin' or the password"]


async def test_the_next_monitoring_node_is_asked_where_one_fails(desk: Desk, mnt: ScriptedMnt) -> None:
    mnt.name_owner("psn1")
    dead = MntApi(name="mnt0", host="127.0.2.9", port=9, user="admin", password="x")
    assert (await desk.ask(dead, mnt.api)).told_by == "mnt1"
    assert desk.said == ["the look-up at mnt0 failed: no connection could be made: Connection refused"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 404, "HTTP status 404"),
        (b"Internal Server Error", 500, "it is not plain XML"),
        (b"", 200, "it is not plain XML"),
        (b"<html><body>Sign in</body></html>", 200, "its root element is 'html'"),
        (b"<sessionParameters/>", 200, "it has no usable 'audit_session_id'"),
        (
            b"<sessionParameters><audit_session_id>A</audit_session_id></sessionParameters>",
            200,
            "it has no usable 'acs_server'",
        ),
        (
            b'<!DOCTYPE x [<!ENTITY e "psn1">]><sessionParameters><acs_server>&e;</acs_server></sessionParameters>',
            200,
            "it is not plain XML",
        ),
        (b"x" * (MAXIMUM_BODY + 1), 200, "exceeds 65536 octets"),
    ],
)
async def test_a_damaged_answer_is_told_and_never_raised_as_it_is(
    desk: Desk, mnt: ScriptedMnt, body: bytes, status: int, words: str
) -> None:
    mnt.say(body, status=status)
    with pytest.raises(MntLookupError) as caught:
        await desk.ask(mnt.api)
    assert words in caught.value.why
    assert len(desk.said) == 1


async def test_a_silent_monitoring_node_is_given_up(
    desk: Desk, mnt: ScriptedMnt, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_: web.BaseRequest) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(mnt_client, "CALL_TIMEOUT", timedelta(milliseconds=80))
    mnt.answer = hang
    with pytest.raises(MntLookupError, match=r"^mnt1: no answer within 0\.08 s$"):
        await desk.ask(mnt.api)


async def test_the_whole_look_up_is_bounded_too(desk: Desk, mnt: ScriptedMnt, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(_: web.BaseRequest) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(mnt_client, "LOOKUP_TIMEOUT", timedelta(milliseconds=80))
    mnt.answer = hang
    with pytest.raises(MntLookupError, match=r"^MNT was given 0\.08 s$"):
        await desk.ask(mnt.api)


async def test_more_look_ups_than_may_run_at_once_wait_in_line(desk: Desk, mnt: ScriptedMnt) -> None:
    running = most = 0
    release = asyncio.Event()

    async def answer(request: web.BaseRequest) -> web.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == mnt_client.MAXIMUM_LOOKUPS:
            release.set()
        await release.wait()
        running -= 1
        return await mnt.know_nothing(request)

    mnt.answer = answer
    client = MntClient([mnt.api], tls=desk.tls, address="127.0.1.1", observe=lambda *_: None)
    asked = [client.get_session((MAC,)) for _ in range(2 * mnt_client.MAXIMUM_LOOKUPS)]
    ends = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(end) for end in ends} == {MntLookupError}
    assert len(ends) == len(mnt.asked)
    assert most == mnt_client.MAXIMUM_LOOKUPS


async def test_a_monitoring_node_of_another_authority_is_not_believed(mnt: ScriptedMnt) -> None:
    strangers = ssl.create_default_context()
    trustme.CA().configure_trust(strangers)
    desk = Desk(strangers)
    with pytest.raises(MntLookupError, match="its certificate is not trusted"):
        await desk.ask(mnt.api)
    assert mnt.asked == []


async def test_an_address_that_is_not_in_the_certificate_is_not_believed(
    desk: Desk, mnt: ScriptedMnt, lab_authority: trustme.CA
) -> None:
    await mnt.stop()
    mnt.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    lab_authority.issue_cert("127.0.2.2").configure_cert(mnt.tls)
    await mnt.start()
    with pytest.raises(MntLookupError, match="IP address mismatch"):
        await desk.ask(mnt.api)


async def test_nobody_is_asked_without_a_mac_an_api_or_an_authority(desk: Desk, mnt: ScriptedMnt) -> None:
    for ask in (desk.ask(mnt.api, macs=()), desk.ask(), Desk(None).ask(mnt.api)):
        with pytest.raises(MntLookupError):
            await ask
    assert mnt.asked == []


VALUES = st.text(max_size=300)


@given(st.binary())
def test_any_octets_are_a_session_or_malformed(data: bytes) -> None:
    with suppress(MalformedMessageError):
        parse_session(data, mac=MAC, told_by="mnt1")


@given(server=VALUES, session_id=VALUES)
def test_any_values_are_a_session_or_malformed(server: str, session_id: str) -> None:
    body = f"<acs_server>{server}</acs_server><audit_session_id>{session_id}</audit_session_id>"
    with suppress(MalformedMessageError):
        found = parse_session(f"<sessionParameters>{body}</sessionParameters>".encode(), mac=MAC, told_by="mnt1")
        assert found is not None
        assert 0 < len(found.server) <= 253
        assert found.session_id.isprintable()
