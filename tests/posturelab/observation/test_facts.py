"""The four facts about an endpoint, and which of them contradict the owner of the session."""

from __future__ import annotations

import asyncio

from nac.posture import PostureStatus
from posturelab.lab import Lab
from posturelab.observation.facts import NO_SESSION, NO_STATUS, observe_all, observe_endpoint
from psn.session import Session


async def test_an_unplugged_endpoint_has_no_session_anywhere(lab: Lab) -> None:
    facts = observe_endpoint(lab, "laptop1")
    assert (facts.agent, facts.psn, facts.mnt, facts.access) == ("Not connected", NO_SESSION, NO_SESSION, "closed")
    assert facts.others == {"psn1": NO_SESSION, "psn2": NO_SESSION}
    assert facts.differing == ()


async def test_the_owner_is_the_node_that_authenticated(lab: Lab) -> None:
    await lab.get_endpoint("laptop1").plug()
    await asyncio.sleep(10)
    facts = observe_endpoint(lab, "laptop1")
    assert (facts.owner, facts.psn, facts.others) == ("psn1", "Compliant", {"psn2": NO_SESSION})
    assert (facts.agent, facts.policy_server) == ("Compliant", "psn1.lab.test")
    assert (facts.mnt, facts.mnt_posture, facts.access) == ("Started", "Compliant", "open")
    assert facts.latest_scan_at == "2026-01-05T08:00:03+00:00"
    assert facts.differing == ()
    assert [found.endpoint for found in observe_all(lab)] == ["laptop1", "laptop2"]


async def test_what_contradicts_the_owner_is_named(lab: Lab) -> None:
    await lab.get_endpoint("laptop1").plug()
    await asyncio.sleep(10)
    session = lab.psns["psn1"].sessions.peek(observe_endpoint(lab, "laptop1").session_id)
    assert session is not None
    session.posture_status = PostureStatus.NON_COMPLIANT
    assert observe_endpoint(lab, "laptop1").differing == ("agent", "mnt", "access")
    session.posture_status = PostureStatus.UNKNOWN
    assert observe_endpoint(lab, "laptop1").differing == ("agent", "mnt")


async def test_a_session_in_which_posture_plays_no_role_contradicts_nobody(lab: Lab) -> None:
    await lab.get_endpoint("laptop1").plug()
    await asyncio.sleep(10)
    facts = observe_endpoint(lab, "laptop1")
    session = lab.psns["psn1"].sessions.peek(facts.session_id)
    monitored = next(iter(lab.mnts.values())).directory.find(facts.session_id)
    assert session is not None
    assert monitored is not None
    session.posture_status = PostureStatus.UNKNOWN
    monitored.posture_status = PostureStatus.NOT_APPLICABLE
    assert observe_endpoint(lab, "laptop1").mnt_posture == "NotApplicable"
    assert "mnt" not in observe_endpoint(lab, "laptop1").differing


async def test_a_session_that_mnt_alone_holds_for_alive_is_a_difference(lab: Lab) -> None:
    laptop1 = lab.get_endpoint("laptop1")
    await laptop1.plug()
    await asyncio.sleep(10)
    for name in ("switch1", "psn1"):
        await lab.stop_node(name)
    await laptop1.unplug()
    for name in ("psn1", "switch1"):
        await lab.start_node(name)
    facts = observe_endpoint(lab, "laptop1")
    assert (facts.psn, facts.others, facts.mnt) == (NO_SESSION, {"psn2": NO_SESSION}, "Started")
    assert facts.differing == ("mnt",)


async def test_a_terminated_session_is_no_difference(lab: Lab) -> None:
    laptop1 = lab.get_endpoint("laptop1")
    await laptop1.plug()
    await asyncio.sleep(10)
    await laptop1.unplug()
    await asyncio.sleep(1)
    facts = observe_endpoint(lab, "laptop1")
    assert (facts.psn, facts.mnt, facts.differing) == (NO_SESSION, "Terminated", ())


async def test_an_entry_without_authentication_has_no_status(lab: Lab) -> None:
    now = lab.clock.now()
    phantom = Session(session_id="0A", created_at=now, updated_at=now, mac="02:00:00:00:10:01")
    lab.psns["psn2"].sessions.add(phantom)
    assert observe_endpoint(lab, "laptop1").others["psn2"] == NO_STATUS


async def test_reading_is_no_use_of_a_session_cache(lab: Lab) -> None:
    now = lab.clock.now()
    for session_id, mac in (("0A", "02:00:00:00:10:01"), ("0B", "02:00:00:00:10:02")):
        lab.psns["psn1"].sessions.add(Session(session_id=session_id, created_at=now, updated_at=now, mac=mac))
    observe_all(lab)
    assert [session.session_id for session in lab.psns["psn1"].sessions] == ["0A", "0B"]
