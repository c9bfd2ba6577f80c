"""Which record of the directory makes an entry stale (posture.md 6.5), and which owner is one to send an agent to."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from ldd.record import RecordState
from nac.node.runtime import Runtime
from psn.config import PeerNode
from psn.internode.owner_lookup import Owner, UnknownOwner
from psn.portal.sessions_elsewhere import SessionsElsewhere
from tests.psn.portal_bench import MAC, NOW, OTHER_MAC, PEERS, PortalBench, StandingClock, make_lookup

BOTH = (MAC, OTHER_MAC)


def find_newer(bench: PortalBench, macs: tuple[str, ...] = BOTH) -> str:
    newer = SessionsElsewhere("psn1", directory=bench.directory).find_newer(bench.session, macs)
    return newer.session_id if newer else ""


def test_a_later_session_of_any_mac_on_another_node_makes_an_entry_stale() -> None:
    bench = PortalBench()
    assert find_newer(bench) == ""
    bench.share(authenticated=1, mac=OTHER_MAC)
    assert find_newer(bench) == "B2"
    assert find_newer(bench, (MAC,)) == ""
    assert find_newer(bench, ()) == ""


def test_an_earlier_session_does_not() -> None:
    bench = PortalBench(created_at=NOW + timedelta(seconds=60))
    bench.share(authenticated=30)
    assert find_newer(bench) == ""


def test_a_stopped_session_does_not() -> None:
    bench = PortalBench()
    bench.share(authenticated=60, state=RecordState.STOPPED)
    assert find_newer(bench) == ""


def test_the_same_session_on_another_node_does_not() -> None:
    """posture.md 6.5 speaks of another id only."""
    bench = PortalBench()
    bench.share(authenticated=60, session_id="A1")
    assert find_newer(bench) == ""


def test_a_new_id_on_the_same_node_does_not() -> None:
    """posture.md 6.4: not solved; nobody else could answer."""
    bench = PortalBench()
    bench.share(authenticated=60, psn="psn1")
    assert find_newer(bench) == ""


@pytest.mark.parametrize("state", [RecordState.STARTED, RecordState.STOPPED])
def test_a_late_interim_does_not_make_an_old_session_new(state: RecordState) -> None:
    bench = PortalBench(created_at=NOW + timedelta(seconds=90), posture_status=None)
    bench.share(authenticated=0, session_id="A1", psn="psn3", state=state)
    bench.share(authenticated=60)
    assert find_newer(bench) == "B2"


def test_without_a_directory_no_entry_is_stale() -> None:
    assert SessionsElsewhere("psn1").find_newer(PortalBench().session, BOTH) is None


async def test_a_node_that_is_alone_finds_no_owner() -> None:
    assert await SessionsElsewhere("psn1").find_owner(BOTH) == UnknownOwner("this node is alone")


async def test_an_owner_is_another_node() -> None:
    bench = PortalBench()
    bench.share(psn="psn1", session_id="C3")
    bench.share(authenticated=1, mac=OTHER_MAC)
    runtime = Runtime(node="psn1", clock=StandingClock(), random=random.Random(1), journal=bench.journal)
    elsewhere = SessionsElsewhere("psn1", owners=make_lookup(runtime, bench.directory))
    owner = await elsewhere.find_owner(BOTH)
    assert isinstance(owner, Owner)
    assert (owner.name, owner.session_id) == ("psn2", "B2")
    reason = "this node owns session C3, but has it no more"
    assert await elsewhere.find_owner((MAC,)) == UnknownOwner(reason)


def test_the_portal_port_of_a_node_is_its_own_or_the_usual_one() -> None:
    elsewhere = SessionsElsewhere("psn1", peers=PEERS)
    assert [elsewhere.get_portal_port(name) for name in ("psn2", "psn3")] == [8543, 8443]
    assert PeerNode(name="psn3", fqdn="psn3.lab.test", address="127.0.1.3", port=9443).portal_port == 8443
