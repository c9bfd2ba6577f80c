"""CoA through the owner: two nodes with real TLS between them, a device on real UDP, and MNT."""

from __future__ import annotations

import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from ldd.directory import RadiusSessionDirectory
from ldd.era import Era
from ldd.record import RecordState, SessionRecord
from nac.node.runtime import Runtime
from nac.posture import PostureStatus
from nac.syslog import SyslogRecord
from psn.coa.dispatch import CoaService
from psn.coa.order import CoaCommand, CoaEnd, CoaOutcome
from psn.coa.sender import CoaSender
from psn.config import PeerNode, PsnConfig
from psn.internode.client import InternodeClient
from psn.internode.mnt_client import MntClient
from psn.internode.owner_lookup import OwnerLookup
from psn.internode.server import InternodeServer
from psn.log.audit import Audit
from psn.log.syslog import SyslogSender
from psn.session import Session
from psn.session_cache import SessionCache
from radius import attribute
from radius.client import RadiusClient
from radius.client_table import ClientTable
from radius.dictionary import Dictionary
from radius.dynamic_authorization import ErrorCause
from radius.packet import Code, Packet
from radius.retransmission import Retransmission

if TYPE_CHECKING:
    from tests.psn.bench import Bench
    from tests.psn.internode import BuildTls
    from tests.psn.nad import Nad
    from tests.psn.scripted_mnt import ScriptedMnt

MAC = "02:00:00:00:10:01"
SESSION_ID = "7F000301000000010000ABCD"
ADDRESSES = {"psn1": "127.0.1.1", "psn2": "127.0.1.2"}


class Node:
    """The part of a policy service node that CoA needs."""

    def __init__(self, config: PsnConfig, house: House) -> None:
        self.config = config
        self.sessions = SessionCache()
        self.runtime = Runtime(
            node=config.name, clock=house.bench.clock, random=random.Random(1), journal=house.bench.journal
        )
        observe = self.runtime.observe
        self.sender = SyslogSender(
            host=config.name, address=config.address, targets=config.log_targets, observe=observe
        )
        self.client = RadiusClient(host=config.address, random=self.runtime.random, observe=observe)
        coa = CoaSender(
            runtime=self.runtime,
            client=self.client,
            devices=ClientTable([house.nad.client]),
            audit=Audit(config=config, runtime=self.runtime, sender=self.sender, dictionary=house.dictionary),
            retransmission=Retransmission.every(config.coa_timeout, config.coa_retransmits),
        )
        assert config.internode_tls is not None
        tls = config.internode_tls
        mnt = MntClient(config.mnt_apis, tls=tls.client, address=config.address, observe=observe)
        self.service = CoaService(
            config,
            self.runtime,
            sessions=self.sessions,
            sender=coa,
            owners=OwnerLookup(config, self.runtime, directory=house.directory, mnt=mnt),
            internode=InternodeClient(config, tls=tls.client, call_timeout=timedelta(seconds=5)),
        )
        self.server = InternodeServer(
            self.runtime, address=config.address, port=0, tls=tls.server, on_coa=self.service.carry_out
        )

    async def stop(self) -> None:
        await self.server.stop()
        self.client.close()
        self.sender.close()

    async def request(self, **changes: Any) -> CoaOutcome:
        wanted = {"session_id": SESSION_ID, "command": CoaCommand.REAUTHENTICATE_LAST} | changes
        return await self.service.request(**wanted, cause="the profile changed", source_component="Profiler")

    def hold(self, bench: Bench, **changes: Any) -> Session:
        """Keep an entry; without changes one that was authenticated here."""
        now = bench.clock.now()
        known = {
            "session_id": SESSION_ID,
            "mac": MAC,
            "calling_station_id": "02-00-00-00-10-01",
            "nad": "switch1",
            "device_ip": "127.0.3.1",
            "nas_ip": "127.0.3.1",
            "groups": (),
            "posture_status": PostureStatus.COMPLIANT,
        }
        session = Session(created_at=now, updated_at=now, **(known | changes))
        self.sessions.add(session)
        return session


class House:
    """Two nodes, one directory for both, a device and a monitoring node."""

    def __init__(self, bench: Bench, nad: Nad, mnt: ScriptedMnt, dictionary: Dictionary, build_tls: BuildTls) -> None:
        self.bench = bench
        self.nad = nad
        self.mnt = mnt
        self.dictionary = dictionary
        self.directory = RadiusSessionDirectory()
        self.tls = {name: build_tls(address) for name, address in ADDRESSES.items()}
        self.nodes: list[Node] = []

    async def start(self, name: str, *peers: PeerNode, **changes: Any) -> Node:
        told: dict[str, Any] = {
            "name": name,
            "fqdn": f"{name}.lab.test",
            "address": ADDRESSES[name],
            "internode_tls": self.tls[name],
            "mnt_apis": (self.mnt.api,),
            "peers": peers,
            "era": Era.DIRECTORY,
        }
        node = Node(replace(self.bench.config, **(told | changes)), self)
        self.nodes.append(node)
        await node.server.start()
        return node

    async def start_both(self, **changes: Any) -> tuple[Node, Node]:
        """Start psn1, the owner, and psn2, its peer."""
        owner = await self.start("psn1", **changes)
        return owner, await self.start("psn2", self.describe(owner), **changes)

    @staticmethod
    def describe(node: Node) -> PeerNode:
        config = node.config
        return PeerNode(
            name=config.name,
            fqdn=config.fqdn,
            address=config.address,
            port=node.server.port,
            coa_patience=config.coa_timeout * (config.coa_retransmits + 1),
        )

    def publish(self, owner: str = "psn1", session_id: str = SESSION_ID) -> None:
        now = self.bench.clock.now()
        self.directory.merge(
            SessionRecord(
                session_id=session_id,
                mac=MAC,
                psn=owner,
                psn_ip="127.0.1.1",
                psn_fqdn=f"{owner}.lab.test",
                state=RecordState.STARTED,
                version=1,
                authenticated_at=now,
                at=now,
            )
        )

    @property
    def events(self) -> list[tuple[str, str]]:
        return [(record.node, record.event) for record in self.bench.journal]

    def take_record(self) -> SyslogRecord:
        (record,) = self.bench.list_records()
        return record


@pytest.fixture
async def house(
    bench: Bench, nad: Nad, mnt: ScriptedMnt, dictionary: Dictionary, build_tls: BuildTls
) -> AsyncIterator[House]:
    house = House(bench, nad, mnt, dictionary, build_tls)
    yield house
    for node in house.nodes:
        await node.stop()


@pytest.mark.parametrize("wanted", [{}, {"session_id": "", "mac": MAC}], ids=["session", "endpoint"])
async def test_the_device_sees_the_coa_come_from_the_owner_only(house: House, wanted: dict[str, str]) -> None:
    """posture.md 7: a change noticed on psn2, owner psn1."""
    owner, asker = await house.start_both()
    owner.hold(house.bench)
    house.publish()
    outcome = await asker.request(**wanted)
    assert house.nad.sources == ["127.0.1.1"]
    assert outcome == CoaOutcome(
        code=CoaEnd.ACKNOWLEDGED,
        reason="the device acknowledged",
        steps=(11204, 11211, 11204, 11220, 11212, 11100, 11101, 11223),
        node="psn1",
    )
    assert house.events == [
        ("psn2", "owner-found"),
        ("psn2", "coa-proxied"),
        ("psn1", "coa-requested"),
        ("psn1", "coa-sent"),
        ("psn1", "coa-acknowledged"),
        ("psn2", "coa-proxy-ended"),
    ]


async def test_the_owner_alone_ships_the_record(house: House) -> None:
    owner, asker = await house.start_both()
    owner.hold(house.bench)
    house.publish()
    await asker.request()
    record = house.take_record()
    assert (record.host, record.code) == ("psn1", 5205)
    assert record.all("Step") == ["11204", "11220", "11212", "11100", "11101", "11223"]
    assert (record.first("CoASourceComponent"), record.first("CoAReason")) == ("Profiler", "the profile changed")


async def test_a_refusal_travels_back(house: House) -> None:
    owner, asker = await house.start_both()
    owner.hold(house.bench)
    house.publish()
    house.nad.script = house.nad.refuse(ErrorCause.SESSION_CONTEXT_NOT_FOUND)
    outcome = await asker.request(command=CoaCommand.DISCONNECT)
    assert (outcome.acknowledged, outcome.code, outcome.node) == (False, 11222, "psn1")
    assert outcome.reason == "the device refused; Error-Cause 503 session context not found"
    assert (house.take_record().code, house.events[-1]) == (5417, ("psn2", "coa-proxy-ended"))


async def test_silence_of_the_device_travels_back(house: House) -> None:
    owner, asker = await house.start_both(coa_timeout=timedelta(milliseconds=20))
    owner.hold(house.bench)
    house.publish()
    house.nad.script = lambda _: None
    assert (await asker.request()).code == 11213
    assert house.nad.sources == ["127.0.1.1"] * 3


async def test_before_the_directory_mnt_names_the_owner(house: House) -> None:
    owner, asker = await house.start_both(era=Era.OFF)
    owner.hold(house.bench)
    house.mnt.name_owner("psn1")
    assert (await asker.request(session_id="", mac=MAC)).acknowledged
    assert house.nad.sources == ["127.0.1.1"]


async def test_a_stale_entry_does_not_keep_a_node_from_asking_the_owner(house: House) -> None:
    owner, asker = await house.start_both()
    owner.hold(house.bench)
    asker.hold(house.bench)
    house.publish()
    assert (await asker.request()).node == "psn1"
    assert house.nad.sources == ["127.0.1.1"]


async def test_the_newest_session_of_an_endpoint_is_the_one_reached(house: House) -> None:
    owner, asker = await house.start_both()
    owner.hold(house.bench)
    asker.hold(house.bench, session_id="STALE")
    house.publish()
    await asker.request(session_id="", mac=MAC)
    assert house.nad.requests[0].list_text(attribute.CISCO_AVPAIR)[0] == f"audit-session-id={SESSION_ID}"


async def test_an_own_session_needs_no_other_node(house: House) -> None:
    owner = await house.start("psn1")
    owner.hold(house.bench)
    house.publish()
    outcome = await owner.request()
    assert outcome.steps == (11204, 11220, 11100, 11101, 11223)
    assert house.events == [("psn1", "owner-found"), ("psn1", "coa-sent"), ("psn1", "coa-acknowledged")]


async def test_a_session_authenticated_here_is_ours_where_nobody_names_an_owner(house: House) -> None:
    owner = await house.start("psn1")
    owner.hold(house.bench)
    assert (await owner.request()).acknowledged


async def test_a_phantom_is_not_ours_where_nobody_names_an_owner(house: House) -> None:
    asker = await house.start("psn2")
    asker.hold(house.bench, groups=None, posture_status=None)
    outcome = await asker.request()
    assert (outcome.code, outcome.steps) == (11206, (11204, 11206))
    record = house.take_record()
    assert (record.host, record.code, record.first("NetworkDeviceName")) == ("psn2", 5417, "switch1")
    assert house.nad.requests == []


async def test_a_direct_coa_of_a_phantom_reaches_a_device_that_knows_no_such_session(house: House) -> None:
    """posture.md 11, case 8: 5417 with 11224."""
    _, asker = await house.start_both()
    asker.hold(house.bench, groups=None, posture_status=None)
    house.publish(session_id="ANOTHER")
    house.nad.script = house.nad.refuse(ErrorCause.SESSION_CONTEXT_NOT_FOUND)
    outcome = await asker.request(direct=True)
    assert house.nad.sources == ["127.0.1.2"]
    assert (outcome.code, outcome.node) == (11224, "psn2")
    record = house.take_record()
    assert (record.host, record.code, record.first("PostureStatus")) == ("psn2", 5417, "")


async def test_a_direct_coa_to_a_device_that_does_not_know_this_node_stays_unanswered(house: House) -> None:
    """posture.md 11, case 8: 5417 with 11213."""
    asker = await house.start("psn2", coa_timeout=timedelta(milliseconds=10))
    asker.hold(house.bench, groups=None)
    house.nad.script = lambda _: None
    assert (await asker.request(direct=True)).code == 11213


async def test_a_direct_coa_for_nothing_held_ends_at_once(house: House) -> None:
    asker = await house.start("psn2")
    outcome = await asker.request(direct=True)
    assert (outcome.code, outcome.steps) == (11205, (11204, 11205))
    assert house.nad.requests == []


async def test_an_owner_that_holds_the_session_no_longer_says_so(house: House) -> None:
    _, asker = await house.start_both()
    house.publish()
    outcome = await asker.request()
    assert (outcome.code, outcome.node) == (11205, "psn1")
    assert outcome.reason == "this node does not hold the session, so its network device is not known"
    assert outcome.steps == (11204, 11211, 11204, 11205)
    record = house.take_record()
    assert (record.host, record.code, record.first("CPMSessionID")) == ("psn1", 5417, SESSION_ID)


async def test_a_dead_owner_gives_11215_and_a_record_of_the_asker(house: House) -> None:
    owner, asker = await house.start_both()
    house.publish()
    await owner.server.stop()
    outcome = await asker.request()
    assert (outcome.code, outcome.node) == (11215, "psn2")
    assert outcome.reason == "psn1: no connection could be made: Connection refused"
    record = house.take_record()
    assert (record.host, record.code) == ("psn2", 5417)
    assert record.all("Step") == ["11204", "11211", "11215"]
    assert record.first("FailureReason") == f"11215 {outcome.reason}"
    assert house.mnt.asked == []


async def test_an_owner_that_is_no_peer_gives_11206(house: House) -> None:
    asker = await house.start("psn2")
    house.publish("psn9")
    outcome = await asker.request()
    assert outcome.code == 11206
    assert outcome.reason == "psn9, which owns the session, is no node this one knows"


async def test_a_coa_is_for_something(house: House) -> None:
    asker = await house.start("psn2")
    with pytest.raises(ValueError, match="for a session or for an endpoint"):
        await asker.request(session_id="")


async def ask_owner(house: House, *, held: bool = True, **wanted: Any) -> CoaOutcome:
    owner, asker = await house.start_both(coa_timeout=timedelta(milliseconds=20))
    if held:
        owner.hold(house.bench)
    house.publish()
    return await asker.request(**wanted)


async def ask_at(house: House, address: str, port: int) -> CoaOutcome:
    """Ask an owner that is said to be somewhere."""
    house.publish()
    asker = await house.start("psn2", PeerNode(name="psn1", fqdn="psn1.lab.test", address=address, port=port))
    return await asker.request()


async def ask_unanswered(house: House, reply: Callable[[Packet], bytes | None]) -> CoaOutcome:
    house.nad.script = reply
    return await ask_owner(house)


async def ask_refused(house: House, command: CoaCommand) -> CoaOutcome:
    house.nad.script = house.nad.refuse(ErrorCause.SESSION_CONTEXT_NOT_FOUND)
    return await ask_owner(house, command=command)


async def ask_stranger(house: House) -> CoaOutcome:
    """Ask a node that has left the deployment for one of its own."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.verify_mode = ssl.CERT_REQUIRED
    trustme.CA().issue_cert("127.0.1.1").configure_cert(server)
    house.tls["psn1"] = replace(house.tls["psn1"], server=server)
    return await ask_owner(house)


ENDINGS: dict[CoaEnd, Callable[[House], Awaitable[CoaOutcome]]] = {
    CoaEnd.NO_DEVICE: lambda house: ask_owner(house, held=False),
    CoaEnd.NO_OWNER: lambda house: ask_owner(house, session_id="UNKNOWN"),
    CoaEnd.NO_REPLY: lambda house: ask_unanswered(house, lambda _: None),
    CoaEnd.INVALID_REPLY: lambda house: ask_unanswered(
        house, lambda packet: bytes((Code.COA_ACK, packet.identifier, 0, 20)) + bytes(16)
    ),
    CoaEnd.OWNER_SILENT: lambda house: ask_at(house, "127.0.1.1", 9),
    CoaEnd.DISCONNECT_ACKNOWLEDGED: lambda house: ask_owner(house, command=CoaCommand.DISCONNECT),
    CoaEnd.DISCONNECT_REFUSED: lambda house: ask_refused(house, CoaCommand.DISCONNECT),
    CoaEnd.ACKNOWLEDGED: ask_owner,
    CoaEnd.REFUSED: lambda house: ask_refused(house, CoaCommand.BOUNCE_HOST_PORT),
    CoaEnd.OWNER_DEREGISTERED: ask_stranger,
    CoaEnd.OWNER_INACTIVE: lambda house: ask_at(house, house.mnt.ADDRESS, house.mnt.port),
}


@pytest.mark.parametrize("end", CoaEnd)
async def test_every_end_can_be_brought_about_and_is_recorded_once(house: House, end: CoaEnd) -> None:
    outcome = await ENDINGS[end](house)
    assert (outcome.code, outcome.steps[-1]) == (end, end)
    record = house.take_record()
    assert (record.code, record.host) == (5205 if outcome.acknowledged else 5417, outcome.node)
    assert record.all("Step")[-1] == str(end.value)
