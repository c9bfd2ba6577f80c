"""Sessions of devices and clients that somebody points at the lab."""

from __future__ import annotations

import asyncio
import random

from posturelab.lab import Lab
from posturelab.observation.facts import NO_SESSION
from posturelab.observation.foreign_sessions import observe_foreign
from radius import attribute
from radius.client import Peer, RadiusClient
from radius.packet import Attribute, Code, integer, text
from radius.retransmission import ACCESS
from radius.secret import Secret

SESSION_ID = "0A00000100000001000ABCDE"
PAIR: Attribute = (attribute.CISCO_AVPAIR, text(f"audit-session-id={SESSION_ID}"))
MAC: Attribute = (attribute.CALLING_STATION_ID, b"02-00-00-00-99-01")
USER: list[Attribute] = [(attribute.USER_NAME, b"alice"), (attribute.USER_PASSWORD, b"lab-alice")]


async def send(lab: Lab, psn: str, code: Code, *attributes: Attribute) -> None:
    """Send one request from this process, which the wildcard client covers."""
    node = lab.psns[psn]
    use = "accounting" if code is Code.ACCOUNTING_REQUEST else "authentication"
    client = RadiusClient(host=node.address, random=random.Random(1), observe=lab.journal.writer("test"))
    peer = Peer(host=node.address, port=node.ports[use], secret=Secret("testing123"))
    try:
        await client.exchange(peer, code, [*attributes, MAC, PAIR], retransmission=ACCESS)
    finally:
        client.close()


def account(status: int) -> list[Attribute]:
    return [(attribute.ACCT_STATUS_TYPE, integer(status)), (attribute.ACCT_SESSION_ID, b"00000001")]


async def test_a_client_of_somebody_else_is_shown_without_agent_and_access(lab: Lab) -> None:
    assert observe_foreign(lab) == []
    await send(lab, "psn1", Code.ACCESS_REQUEST, *USER)
    await asyncio.sleep(1)
    (facts,) = observe_foreign(lab)
    assert (facts.endpoint, facts.user, facts.mac) == ("", "alice", "02:00:00:00:99:01")
    assert (facts.owner, facts.psn, facts.others) == ("psn1", "Unknown", {"psn2": NO_SESSION})
    assert (facts.mnt, facts.agent, facts.access, facts.differing) == ("Authenticated", "", "", ())


async def test_a_session_whose_stop_went_to_the_wrong_node_is_marked(lab: Lab) -> None:
    """The stale case of posture.md 2.4: MNT has terminated it, its owner keeps it."""
    await send(lab, "psn1", Code.ACCESS_REQUEST, *USER)
    await send(lab, "psn2", Code.ACCOUNTING_REQUEST, *account(attribute.ACCT_STOP))
    await asyncio.sleep(1)
    (facts,) = observe_foreign(lab)
    assert (facts.psn, facts.mnt, facts.differing) == ("Unknown", "Terminated", ("mnt",))


async def test_the_labs_own_endpoints_are_not_foreign(lab: Lab) -> None:
    await lab.get_endpoint("laptop1").plug()
    await asyncio.sleep(10)
    assert observe_foreign(lab) == []


async def test_a_session_that_mnt_alone_knows_is_shown_with_its_user_and_mac(lab: Lab) -> None:
    await send(lab, "psn1", Code.ACCESS_REQUEST, *USER)
    await asyncio.sleep(1)
    await send(lab, "psn1", Code.ACCOUNTING_REQUEST, *account(attribute.ACCT_STOP))
    await asyncio.sleep(1)
    (facts,) = observe_foreign(lab)
    assert (facts.psn, facts.mnt, facts.differing) == (NO_SESSION, "Terminated", ())
    assert (facts.user, facts.mac, facts.address) == ("alice", "02:00:00:00:99:01", "")
