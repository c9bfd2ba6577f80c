"""The control API: what it shows, what it does, whom it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from posturelab.control.lab import LabControl
from posturelab.control.server import ControlServer
from posturelab.lab import Lab
from posturelab.topology.model import Topology


def serve(lab: Lab) -> ControlServer:
    return ControlServer(lab.topology.control, routes=LabControl(lab).list_routes(), observe=lab.journal.writer("lab"))


class Api:
    """The API of a running lab, as a program uses it."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def get(self, path: str, **options: Any) -> tuple[int, Any]:
        async with self._session.get(self.url + path, **options) as response:
            return response.status, await response.json()

    async def post(self, path: str, **options: Any) -> tuple[int, Any]:
        async with self._session.post(self.url + path, **options) as response:
            return response.status, await response.json()


@pytest_asyncio.fixture
async def api(lab: Lab) -> AsyncIterator[Api]:
    server = serve(lab)
    await server.start()
    async with aiohttp.ClientSession() as session:
        yield Api(server.url, session)
    await server.stop()
    await server.stop()


async def test_it_is_ready_once_everything_is_up(api: Api) -> None:
    up = {"state": "up", "reason": "", "last_loss": ""}
    assert await api.get("/ready") == (
        200,
        {
            "ready": True,
            "topology": "campus",
            "seed": 1,
            "now": "2026-01-05T08:00:00+00:00",
            "bus": "embedded",
            "links": {"mnt1": up, "psn1": up, "psn2": up},
        },
    )


async def test_it_tells_which_link_is_degraded_and_why(api: Api, lab: Lab) -> None:
    assert lab.broker is not None
    lab.broker.cut("psn2", reason="somebody has cut it")
    _, told = await api.get("/ready")
    assert (told["ready"], told["links"]["psn1"]["state"]) == (True, "up")
    assert told["links"]["psn2"] == {"state": "degraded", "reason": "somebody has cut it", "last_loss": ""}


async def test_it_lists_nodes_with_their_ports_and_the_certificate(api: Api, lab: Lab) -> None:
    _, told = await api.get("/nodes")
    assert told["ca_certificate"] == str(lab.authority.certificate_path)
    assert told["nodes"]["psn1"] == {
        "kind": "psn",
        "address": lab.psns["psn1"].address,
        "ports": lab.psns["psn1"].ports,
    }
    assert list(told["nodes"]) == list(lab.nodes)


async def test_an_endpoint_is_plugged_scanned_and_unplugged(api: Api) -> None:
    assert await api.post("/endpoints/laptop1/plug") == (
        200,
        {"endpoint": "laptop1", "agent": "Searching for policy server"},
    )
    await asyncio.sleep(10)
    _, told = await api.get("/sessions")
    assert [(facts["endpoint"], facts["agent"], facts["psn"]) for facts in told["sessions"]] == [
        ("laptop1", "Compliant", "Compliant"),
        ("laptop2", "Not connected", "no session"),
    ]
    assert (await api.post("/endpoints/laptop1/rescan"))[0] == 200
    assert (await api.post("/endpoints/laptop1/unplug"))[1]["agent"] == "Not connected"


async def test_the_clock_advances_and_timers_run(api: Api, lab: Lab) -> None:
    await api.post("/endpoints/laptop1/plug")
    status, told = await api.post("/clock/advance", json={"by": "2m"})
    assert status == 200
    assert datetime.fromisoformat(told["now"]) == lab.clock.now()
    assert lab.clock.now().minute == 2
    assert lab.get_endpoint("laptop1").view().status == "Compliant"


async def test_the_journal_is_read_in_parts(api: Api) -> None:
    await api.post("/endpoints/laptop1/plug")
    await asyncio.sleep(10)
    _, first = await api.get("/journal?since=0")
    assert [record["number"] for record in first["records"]] == list(range(first["next"]))
    events = [record["event"] for record in first["records"]]
    assert events.index("log-transport") < events.index("endpoint-plugged") < events.index("access-accept")
    assert (await api.get(f"/journal?since={first['next']}"))[1] == {"records": [], "next": first["next"]}
    _, scans = await api.get("/journal?node=laptop1&event=posture-scan")
    assert [record["reason"] for record in scans["records"]] == ["all 3 requirements are met"]


async def test_a_long_journal_comes_in_several_answers(api: Api, lab: Lab) -> None:
    following, reasons = lab.journal.written, []
    for number in range(2500):
        lab.journal.write("lab", "tick", str(number))
    for _ in range(3):
        _, told = await api.get(f"/journal?since={following}")
        following = told["next"]
        reasons += [record["reason"] for record in told["records"]]
    assert reasons == [str(number) for number in range(2500)]


async def test_a_snapshot_has_every_cache_and_directory(api: Api) -> None:
    await api.post("/endpoints/laptop1/plug")
    await asyncio.sleep(10)
    _, told = await api.get("/snapshot")
    (session,) = told["psns"]["psn1"]
    assert (session["posture_status"], session["mac"]) == ("Compliant", "02:00:00:00:10:01")
    assert told["psns"]["psn2"] == []
    (monitored,) = told["mnts"]["mnt1"]["sessions"]
    assert monitored["state"] == "Started"
    assert [row["posture_status"] for row in told["mnts"]["mnt1"]["live_log"]][:1] == ["Pending"]
    assert told["mnts"]["mnt1"]["accounting"][0]["acct_status_type"] == "Start"
    assert [port["summary"] for port in told["switches"]["switch1"]] == ["open", "closed"]
    assert told["endpoints"]["laptop1"]["latest_scan_at"] == "2026-01-05T08:00:03+00:00"
    assert told["facts"][0]["access"] == "open"


async def test_the_session_directory_is_shown_as_every_node_holds_it(api: Api, lab: Lab) -> None:
    await api.post("/endpoints/laptop1/plug")
    await asyncio.sleep(10)
    _, told = await api.get("/directory")
    (session,) = told["sessions"]
    assert (told["ldd"], session["mac"], session["differing"]) == ("posture-sharing", "02:00:00:00:10:01", [])
    assert list(session["nodes"]) == ["psn1", "psn2", "mnt1"]
    assert {(view["owner"], view["posture"]) for view in session["nodes"].values()} == {("psn1", "Compliant")}


async def test_the_session_directory_is_shown_of_one_endpoint(api: Api) -> None:
    for name in ("laptop1", "laptop2"):
        await api.post(f"/endpoints/{name}/plug")
    await asyncio.sleep(10)
    for endpoint in ("laptop2", "0200.0000.1002"):
        _, told = await api.get(f"/directory?endpoint={endpoint}")
        assert [session["mac"] for session in told["sessions"]] == ["02:00:00:00:10:02"]
    assert (await api.get("/directory?endpoint=02-00-00-00-99-99"))[1]["sessions"] == []
    sentence = "'laptop9' is neither a MAC address nor an endpoint of this lab: laptop1, laptop2"
    assert await api.get("/directory?endpoint=laptop9") == (400, {"error": sentence})


@pytest.mark.parametrize("name", ["psn2", "mnt1"])
async def test_a_node_that_does_not_run_holds_no_replica(api: Api, lab: Lab, name: str) -> None:
    """Its object in this process still has what it held, which is nobody's view any more."""
    await lab.stop_node(name)
    await api.post("/endpoints/laptop1/plug")
    await asyncio.sleep(10)
    _, told = await api.get("/directory")
    (session,) = told["sessions"]
    assert (session["differing"], told["not_running"]) == ([], [name])
    assert name not in session["nodes"]
    await lab.start_node(name)
    await asyncio.sleep(5)
    _, told = await api.get("/directory")
    assert (told["sessions"][0]["differing"], told["not_running"]) == ([], [])
    assert name in told["sessions"][0]["nodes"]


@pytest.mark.parametrize("endpoint", ["laptop1", "0200.0000.1001"])
@pytest.mark.parametrize("psn", ["", "psn2"])
async def test_a_coa_is_sent_by_the_owner_whoever_is_asked(api: Api, lab: Lab, endpoint: str, psn: str) -> None:
    await api.post("/endpoints/laptop1/plug")
    await asyncio.sleep(10)
    asked = {"endpoint": endpoint, "command": "bounce"} | ({"psn": psn} if psn else {})
    status, told = await api.post("/coa", json=asked)
    assert (status, told["acknowledged"], told["code"], told["psn"]) == (200, True, 11223, psn or "psn1")
    assert told["node"] == "psn1"
    assert {record.node for record in lab.journal if record.event == "coa-sent"} == {"psn1"}


async def test_a_node_that_does_not_run_sends_no_coa(api: Api, lab: Lab) -> None:
    await lab.stop_node("psn2")
    asked = {"endpoint": "laptop1", "psn": "psn2"}
    assert await api.post("/coa", json=asked) == (409, {"error": "psn2 does not run"})


async def test_a_session_of_mnt_is_found_by_what_is_known_of_it(api: Api, lab: Lab) -> None:
    await api.post("/endpoints/laptop1/plug")
    await asyncio.sleep(10)
    (session,) = lab.mnts["mnt1"].directory
    wanted = {"mac": "0200.0000.1001", "ip": session.address, "user": "alice", "session_id": session.session_id}
    for key, value in wanted.items():
        answer = await api.get("/mnt/sessions", params={key: value})
        assert answer == (200, {"mnt": "mnt1", "session": session.snapshot()})


@pytest.mark.parametrize(
    ("query", "status", "sentence"),
    [
        ("", 400, "ask by exactly one of mac, ip, user, session_id"),
        ("?mac=020000001001&user=alice", 400, "ask by exactly one of mac, ip, user, session_id"),
        ("?name=alice", 400, "ask by exactly one of mac, ip, user, session_id"),
        ("?mac=laptop1", 400, "'laptop1' is not a MAC address"),
        ("?ip=laptop1", 400, "'laptop1' is not an IP address"),
        ("?user=mallory", 404, "mnt1 has no session with user 'mallory'"),
    ],
)
async def test_a_look_up_that_finds_nothing_says_why(api: Api, query: str, status: int, sentence: str) -> None:
    assert await api.get(f"/mnt/sessions{query}") == (status, {"error": sentence})


async def test_a_lab_without_mnt_has_no_sessions_to_look_up(api: Api, lab: Lab) -> None:
    lab.mnts.clear()
    assert await api.get("/mnt/sessions?user=alice") == (404, {"error": "this lab has no monitoring node"})


@pytest.mark.parametrize("octets", [b"GARBAGE\r\n\r\n", b"\x16\x03\x01\r\n", b"GET / HTTP/1.1\r\nX\x1b: a\r\n\r\n"])
async def test_what_is_no_http_is_refused_with_a_record(
    api: Api, lab: Lab, octets: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    website = lab.websites["web1"]
    servers = {
        "control-refused": api.url.removeprefix("http://").split(":"),
        "page-refused": (website.address, website.ports["http"]),
    }
    for event, (host, port) in servers.items():
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(octets)
        assert (await reader.read()).startswith(b"HTTP/1.0 400 ")
        writer.close()
        (record,) = [record for record in lab.journal if record.event == event]
        assert record.reason.startswith("not a whole HTTP request: ")
        assert record.facts == {"remote": "127.0.0.1"}
    assert capsys.readouterr().err == ""


async def test_a_reset_begins_anew(api: Api) -> None:
    await api.post("/endpoints/laptop1/plug")
    await asyncio.sleep(10)
    assert (await api.post("/reset"))[0] == 200
    _, told = await api.get("/snapshot")
    assert told["psns"] == {"psn1": [], "psn2": []}
    assert told["mnts"]["mnt1"] == {"sessions": [], "live_log": [], "accounting": [], "alarms": []}
    assert (await api.post("/endpoints/laptop1/plug"))[0] == 200


COA = (
    'the body must be like {"endpoint": "02:00:00:00:10:01", "command": "reauthenticate", "psn": "psn1", '
    '"direct": false}'
)
REFUSALS = [
    ("/endpoints/laptop9/plug", None, 404, "no endpoint is called 'laptop9'; there are: laptop1, laptop2"),
    ("/endpoints/laptop1/kick", None, 404, "POST /endpoints/laptop1/kick: Not Found"),
    ("/ready", None, 405, "POST /ready: Method Not Allowed"),
    ("/clock/advance", "8h", 400, "the body must be JSON"),
    ("/clock/advance", '{"for": "8h"}', 400, 'the body must be like {"by": "8h"}'),
    ("/clock/advance", '{"by": 8}', 400, 'the body must be like {"by": "8h"}'),
    ("/clock/advance", "[" * 20_000, 400, "the body must be JSON"),
    ("/clock/advance", "[]", 400, 'the body must be like {"by": "8h"}'),
    (
        "/clock/advance",
        '{"by": "8 hours"}',
        400,
        "'8 hours' is not a duration; write for example 500ms, 30s, 5m, 1h30m or 5d",
    ),
    ("/coa", "{}", 400, COA),
    ("/coa", '{"endpoint": "laptop1", "direct": 1}', 400, COA),
    (
        "/coa",
        '{"endpoint": "laptop1", "command": "kick"}',
        400,
        "'kick' is not one of reauthenticate, reauth, rerun, bounce, disable, disconnect",
    ),
    (
        "/coa",
        '{"endpoint": "laptop9"}',
        400,
        "'laptop9' is neither a MAC address nor an endpoint of this lab: laptop1, laptop2",
    ),
    ("/coa", '{"endpoint": "laptop1"}', 409, "no node is known to own a session of laptop1"),
    ("/coa", '{"endpoint": "02-00-00-00-99-99"}', 409, "no node is known to own a session of 02-00-00-00-99-99"),
    (
        "/coa",
        '{"endpoint": "laptop1", "psn": "psn9"}',
        404,
        "no policy service node is called 'psn9'; there are: psn1, psn2",
    ),
    ("/clock/advance", '{"by": "0s"}', 400, "the clock only goes forward"),
    ("/clock/advance", '{"by": "401d"}', 400, "the clock leaps 400 days at most"),
]


@pytest.mark.parametrize(("path", "body", "status", "sentence"), REFUSALS)
async def test_what_cannot_be_done_is_one_sentence(
    api: Api, path: str, body: str | None, status: int, sentence: str
) -> None:
    assert await api.post(path, data=body) == (status, {"error": sentence})


async def test_a_number_that_is_none_is_refused(api: Api) -> None:
    assert await api.get("/journal?since=-1") == (400, {"error": "since must be a number, not '-1'"})


async def test_a_web_page_cannot_reach_it(api: Api) -> None:
    status, told = await api.get("/ready", headers={"Host": "evil.test:8600"})
    assert (status, told) == (403, {"error": "this API has an IP address or is localhost, not 'evil.test:8600'"})
    status, told = await api.post("/reset", headers={"Origin": "http://evil.test"})
    assert (status, told) == (403, {"error": "no web page of another origin may use this API"})


async def test_a_lab_with_a_token_asks_for_it(campus: Topology, tmp_path: Path) -> None:
    control = campus.control.model_copy(update={"token": "lab-token"})
    async with Lab(campus.model_copy(update={"control": control}), seed=1, state_dir=tmp_path) as lab:
        server = serve(lab)
        await server.start()
        async with aiohttp.ClientSession() as session:
            api = Api(server.url, session)
            sentence = "this lab asks for its token: Authorization: Bearer <token>"
            assert await api.get("/ready") == (401, {"error": sentence})
            assert await api.get("/ready", headers={"Authorization": "Bearer lab-tokem"}) == (401, {"error": sentence})
            authorized = {"Authorization": "Bearer lab-token"}
            assert (await api.get("/ready", headers=authorized))[0] == 200
            # no web page knows the token, so the name by which it is reached does not matter
            assert (await api.get("/ready", headers=authorized | {"Host": "psn1:8600"}))[0] == 200
        await server.stop()


async def test_a_token_that_is_no_text_is_refused(campus: Topology, tmp_path: Path) -> None:
    control = campus.control.model_copy(update={"token": "lab-token"})
    async with Lab(campus.model_copy(update={"control": control}), seed=1, state_dir=tmp_path) as lab:
        server = serve(lab)
        await server.start()
        host, _, port = server.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /ready HTTP/1.1\r\nHost: lab\r\nAuthorization: Bearer \xff\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
        writer.close()
        await server.stop()
