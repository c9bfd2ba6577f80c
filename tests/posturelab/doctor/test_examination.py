"""The doctor beside a lab in process, whole and half dead, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from nac.node.binding import bind_udp
from nac.node.clock import Clock, SystemClock
from posturelab.authority import Authority
from posturelab.control.lab import LabControl
from posturelab.control.node import NodeControl
from posturelab.control.server import ControlServer
from posturelab.doctor.examination import DoctorOptions, examine
from posturelab.doctor.finding import Finding, Verdict
from posturelab.lab import Lab
from posturelab.lab_file import LabFile
from posturelab.reading.document import Document
from posturelab.reading.input_error import InputError
from posturelab.topology.model import Topology
from posturelab.topology.nodes import PsnNode

Examine = Callable[..., Coroutine[Any, Any, list[Finding]]]


@pytest_asyncio.fixture
async def check(lab: Lab, tmp_path: Path) -> AsyncIterator[Examine]:
    """Examine the running lab by a topology, its own unless told."""
    async with AsyncExitStack() as stack:
        server = await serve(stack, lab, token=None)

        async def examine_lab(
            topology: Topology | None = None, *, clock: Clock = lab.clock, **options: Any
        ) -> list[Finding]:
            usual: dict[str, Any] = {"default_state_dir": tmp_path / "state", "controls": [f"{server.url}/"]}
            chosen = DoctorOptions(**(usual | options))
            return await examine(build_file(topology or lab.topology), "campus", options=chosen, clock=clock)

        yield examine_lab


async def serve(stack: AsyncExitStack, lab: Lab, *, token: str | None) -> ControlServer:
    settings = lab.topology.control.model_copy(update={"token": token})
    server = ControlServer(settings, routes=LabControl(lab).list_routes(), observe=lab.journal.writer("lab"))
    stack.push_async_callback(server.stop)
    await server.start()
    return server


async def serve_apart(
    stack: AsyncExitStack, lab: Lab, topology: Topology, clocks: Mapping[str, Clock] | None = None
) -> list[str]:
    """Serve a control API for every node, as each has in a process of its own; returns where."""
    urls = []
    for name, node in lab.nodes.items():
        clock = (clocks or {}).get(name, lab.clock)
        control = NodeControl(node, topology, clock=clock, journal=lab.journal, link=lab.links.get(name))
        server = ControlServer(lab.topology.control, routes=control.list_routes(), observe=lab.journal.writer(name))
        stack.push_async_callback(server.stop)
        await server.start()
        urls.append(server.url)
    return urls


def build_file(topology: Topology) -> LabFile:
    return LabFile(Document("campus.yaml", {}, {}), topology)


def list_wrong(findings: list[Finding]) -> list[tuple[tuple[str, ...], str]]:
    return [(finding.subjects, finding.text) for finding in findings if finding.verdict is Verdict.WRONG]


def change(topology: Topology, name: str, **update: Any) -> Topology:
    """Build the same topology with other settings of one node."""
    nodes = topology.nodes | {name: topology.nodes[name].model_copy(update=update)}
    return topology.model_copy(update={"nodes": nodes})


async def test_a_sound_lab_is_fine_in_a_line_for_each_node_at_most(check: Examine) -> None:
    findings = await check()
    assert {finding.verdict for finding in findings} == {Verdict.FINE}
    assert [finding.subjects for finding in findings if finding.check == "ports"] == [
        ("mnt1",),
        ("psn1",),
        ("psn2",),
        ("web1",),
        ("switch1",),
    ]


async def test_what_it_asks_changes_nothing(check: Examine, lab: Lab) -> None:
    await check()
    events = {record.event for record in lab.journal if record.node != "lab"}
    assert events <= {"rsd-resync-asked", "api-answered", "coa-refused", "internode-refused", "log-transport"}
    (refused, _) = [record for record in lab.journal if record.event == "coa-refused"]
    assert refused.facts["error_cause"] == 503


async def test_a_leapt_clock_is_told_and_is_no_error(check: Examine, lab: Lab) -> None:
    class Behind(SystemClock):
        def now(self) -> datetime:
            return lab.clock.now() - timedelta(days=2)

    (told,) = [finding for finding in await check(clock=Behind()) if finding.check == "clock"]
    assert told.verdict is Verdict.NOTE
    assert told.text.startswith("the lab's clock is 2 days, 0:00:00 ahead of this machine's: it has leapt")


async def test_a_dead_node_is_one_finding(check: Examine, lab: Lab) -> None:
    await lab.stop_node("psn2")
    assert list_wrong(await check()) == [(("psn2",), "it is not there: nothing listens on its ports")]


async def test_a_port_that_another_program_has_taken_is_named_with_its_holder(check: Examine, lab: Lab) -> None:
    await lab.stop_node("psn2")
    ports = lab.topology.nodes["psn2"].ports  # type: ignore[union-attr]
    with bind_udp(lab.psns["psn2"].address, ports.authentication[0]):
        ((subjects, text),) = list_wrong(await check())
    assert subjects == ("psn2",)
    assert text.startswith(f"udp {lab.psns['psn2'].address}:{ports.authentication[0]} held by ")
    assert text.endswith("), which does not answer as a node of this lab")


async def test_a_wrong_secret_is_explained_by_the_journal_of_the_node(check: Examine, lab: Lab) -> None:
    radius = lab.topology.radius.model_copy(update={"secret": "another"})
    wrong = list_wrong(await check(lab.topology.model_copy(update={"radius": radius})))
    assert [subjects for subjects, _ in wrong] == [("psn1",), ("psn2",), ("switch1",)]
    assert all("it discards what this machine sends: its " in text for _, text in wrong)
    sentence = "the shared secret of 127.0.0.1 is probably not the one of client 'wildcard'"
    assert all(sentence in text for _, text in wrong)


async def test_nobody_is_asked_by_radius_who_would_not_answer_this_machine(check: Examine, lab: Lab) -> None:
    radius = lab.topology.radius.model_copy(update={"wildcard_client": False})
    findings = await check(lab.topology.model_copy(update={"radius": radius}))
    assert list_wrong(findings) == []
    notes = [finding for finding in findings if finding.verdict is Verdict.NOTE]
    assert [finding.subjects for finding in notes] == [("psn1",), ("psn2",), ("switch1",)]
    assert notes[0].text.endswith("not asked: no client of the topology covers 127.0.0.1")


async def test_certificates_of_another_authority_are_one_finding(check: Examine, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other", valid_at=[datetime.now(UTC)]).certificate_path
    sentence = f"its certificate is not of the lab's authority in {other}"
    assert list_wrong(await check(ca=other)) == [(("mnt1", "psn1", "psn2"), sentence)]
    assert list_wrong(await check(state_dir=other.parent)) == [(("mnt1", "psn1", "psn2"), sentence)]


async def test_without_an_authority_certificates_are_not_verified_and_that_is_said(
    check: Examine, lab: Lab, tmp_path: Path
) -> None:
    findings = await check(state_dir=tmp_path / "empty")
    assert list_wrong(findings) == []
    (note,) = [finding for finding in findings if finding.verdict is Verdict.NOTE]
    assert note.text.startswith("certificates were not verified: the lab's own CA was not found; user and password ")
    assert "api-answered" not in {record.event for record in lab.journal}


@pytest.mark.parametrize("content", [None, "nothing of the kind"])
async def test_an_authority_that_is_none_is_unusable_input(check: Examine, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.crt"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=r"^--ca: "):
        await check(ca=path)


@pytest.mark.parametrize(
    ("age", "verdict", "start"),
    [
        (500, Verdict.WRONG, "its certificate is not valid now: certificate has expired"),
        (380, Verdict.WARNING, "its certificate ends on 20"),
    ],
)
async def test_a_certificate_that_has_ended_or_soon_will(
    campus: Topology, tmp_path: Path, age: int, verdict: Verdict, start: str
) -> None:
    authority = Authority(tmp_path, valid_at=[datetime.now(UTC) - timedelta(days=age)])
    psn = campus.select(PsnNode)["psn1"]
    context = authority.server_context("psn1", names=["psn1.lab.test"], address=psn.address)

    def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with await asyncio.start_server(answer, psn.address, 0, ssl=context) as server:
        ports = psn.ports.model_copy(update={"portal": server.sockets[0].getsockname()[1]})
        alone = campus.model_copy(update={"nodes": {"psn1": psn.model_copy(update={"ports": ports})}})
        options = DoctorOptions(default_state_dir=tmp_path)
        findings = await examine(build_file(alone), "campus", options=options, clock=SystemClock())
    (found,) = [finding for finding in findings if finding.check == "certificate"]
    assert (found.verdict, found.subjects) == (verdict, ("psn1",))
    assert found.text.startswith(start)


async def test_a_certificate_of_another_node_is_named(check: Examine, lab: Lab) -> None:
    wrong = list_wrong(await check(lab.topology.model_copy(update={"domain": "other.test"})))
    assert [subjects for subjects, _ in wrong] == [("mnt1",), ("psn1",), ("psn2",)]
    assert "Hostname mismatch, certificate is not valid for 'psn1.other.test'" in wrong[1][1]


async def test_a_link_that_is_cut_is_told_with_its_reason(check: Examine, lab: Lab) -> None:
    assert lab.broker is not None
    lab.broker.cut("psn2", reason="somebody has cut it")
    assert list_wrong(await check()) == [(("psn2",), "its link is degraded: somebody has cut it")]


async def test_the_password_of_the_monitoring_node_is_tried(check: Examine, lab: Lab) -> None:
    (found,) = list_wrong(await check(change(lab.topology, "mnt1", api_password="another")))
    assert found[0] == ("mnt1",)
    assert found[1].endswith(": user and password of the REST API are refused")


async def test_a_lab_of_another_name_is_all_that_is_said(check: Examine, lab: Lab) -> None:
    ((_, text),) = list_wrong(await check(lab.topology.model_copy(update={"name": "office"})))
    assert text.endswith(" runs the lab campus, not office")


async def test_a_node_of_another_lab_is_told_by_that_lab(campus: Topology, lab: Lab, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        urls = await serve_apart(stack, lab, campus.model_copy(update={"name": "office"}))
        options = DoctorOptions(default_state_dir=tmp_path / "state", usual_controls=[f"{urls[1]}/"])
        findings = await examine(build_file(campus), "campus", options=options, clock=lab.clock)
    assert list_wrong(findings) == [((), f"at {urls[1]} runs psn1 of the lab office, not of campus")]


async def test_nodes_at_other_addresses_than_the_topology_has_are_found_where_they_are(
    check: Examine, lab: Lab
) -> None:
    topology = lab.topology
    for number, name in enumerate(topology.nodes, 1):
        topology = change(topology, name, address=f"127.0.9.{number}")
    names = list(topology.nodes)[:3]
    text = "; ".join(f"{name} at {lab.nodes[name].address}, not {topology.nodes[name].address}" for name in names)
    findings = await check(topology)
    assert list_wrong(findings) == [((), f"another edition of campus runs: {text}; and 4 more")]
    assert len([finding for finding in findings if finding.check == "ports"]) == 5


async def test_an_authority_that_may_be_another_labs_condemns_no_node(
    campus: Topology, lab: Lab, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other", valid_at=[datetime.now(UTC)]).certificate_path
    async with AsyncExitStack() as stack:
        urls = await serve_apart(stack, lab, campus)
        options = DoctorOptions(default_state_dir=other.parent, controls=urls)
        findings = await examine(build_file(lab.topology), "campus", options=options, clock=lab.clock)
    assert list_wrong(findings) == []
    (note,) = [finding.text for finding in findings if finding.verdict is Verdict.NOTE]
    assert note.startswith(f"certificates were not verified: the CA in {other} is another lab's; user and password ")
    assert "api-answered" not in {record.event for record in lab.journal}
    assert len([finding for finding in findings if finding.check == "ports"]) == 5


async def test_other_ports_and_nodes_than_the_topology_has_are_named(check: Examine, lab: Lab) -> None:
    other = change(lab.topology, "mnt1", syslog_port=9)
    other = other.model_copy(update={"nodes": {name: node for name, node in other.nodes.items() if name != "laptop2"}})
    bound = lab.mnts["mnt1"].ports["syslog"]
    assert list_wrong(await check(other)) == [
        (("laptop2",), "it is in no topology file"),
        (("mnt1",), f"it has bound syslog {bound} where campus says syslog 9"),
    ]


@pytest.mark.parametrize(("token", "known"), [(None, "no token is known here"), ("guess", "is shown is another")])
async def test_a_token_that_is_missing_or_wrong_is_said_once(
    lab: Lab, tmp_path: Path, token: str | None, known: str
) -> None:
    control = lab.topology.control.model_copy(update={"token": token})
    topology = lab.topology.model_copy(update={"control": control})
    async with AsyncExitStack() as stack:
        server = await serve(stack, lab, token="sesame")
        options = DoctorOptions(default_state_dir=tmp_path / "state", controls=[server.url])
        findings = await examine(build_file(topology), "campus", options=options, clock=lab.clock)
    ((subjects, text),) = list_wrong(findings)
    assert subjects == (server.url,)
    assert text.endswith(known)


async def test_what_answers_as_no_control_api_would_is_called_so(check: Examine, lab: Lab) -> None:
    web = lab.websites["web1"]
    url = f"http://{web.address}:{web.ports['http']}"
    ((_, text),) = list_wrong(await check(controls=[url]))
    assert text == f"what answers at {url} is no control API of a lab"


async def test_nodes_of_their_own_are_asked_one_by_one_and_a_clock_astray_is_named(
    campus: Topology, lab: Lab, tmp_path: Path
) -> None:
    class Ahead(SystemClock):
        def now(self) -> datetime:
            return lab.clock.now() + timedelta(minutes=10)

    async with AsyncExitStack() as stack:
        urls = await serve_apart(stack, lab, campus, {"psn2": Ahead()})
        options = DoctorOptions(default_state_dir=tmp_path / "state", controls=urls)
        findings = await examine(build_file(lab.topology), "campus", options=options, clock=lab.clock)
    ((subjects, text),) = list_wrong(findings)
    assert subjects == ("psn2",)
    assert text.startswith(
        "its clock is 0:10:00 ahead of this machine's; a switch ignores a CoA that is more than 300 "
    )
    assert "the links of mnt1, psn1, psn2 are up" in [finding.text for finding in findings]


async def test_where_nothing_runs_there_is_one_finding_about_it(campus: Topology, lab: Lab, tmp_path: Path) -> None:
    topology = lab.topology
    for name in lab.nodes:
        await lab.stop_node(name)
    options = DoctorOptions(default_state_dir=tmp_path, controls=[f"http://{topology.control.address}:9"])
    findings = await examine(build_file(topology), "campus", options=options, clock=lab.clock)
    sentence = "no lab runs: none of the 7 nodes of campus answers, and no control API at http://"
    assert [finding.text for finding in findings] == [f"{sentence}{topology.control.address}:9 (Connection refused)"]
