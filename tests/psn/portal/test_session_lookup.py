"""How a probe finds its session: the order of posture.md 2.3, and the endpoint that it is about."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nac.discovery import DiscoveryRequest
from psn.portal.request import PortalRequest
from psn.portal.session_lookup import look_up
from psn.session import Session
from psn.session_cache import SessionCache

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
MAC_1, MAC_2 = "02:00:00:00:10:01", "02:00:00:00:10:02"
REQUEST = PortalRequest(path="/auth/status", remote="127.0.10.1")


@pytest.fixture
def sessions() -> SessionCache:
    cache = SessionCache()
    for session_id, mac, address in (("A", MAC_1, "127.0.10.1"), ("B", MAC_2, "127.0.10.2")):
        cache.add(Session(session_id=session_id, created_at=NOW, updated_at=NOW, mac=mac, addresses=(address,)))
    return cache


@pytest.mark.parametrize(
    ("asked", "session_id", "found_by", "key"),
    [
        (DiscoveryRequest(session_id="B", addresses=("127.0.10.1",)), "B", "session id", "B"),
        (DiscoveryRequest(addresses=("127.0.10.2", "127.0.10.1")), "B", "IP address", "127.0.10.2"),
        (DiscoveryRequest(addresses=("127.0.10.2",), macs=(MAC_1,)), "B", "IP address", "127.0.10.2"),
        (DiscoveryRequest(addresses=("192.0.2.1",), macs=(MAC_2, MAC_1)), "B", "MAC address", MAC_2),
        (DiscoveryRequest(session_id="gone", macs=(MAC_1,)), "A", "MAC address", MAC_1),
    ],
)
def test_the_session_id_goes_first_then_addresses_then_macs(
    sessions: SessionCache, asked: DiscoveryRequest, session_id: str, found_by: str, key: str
) -> None:
    lookup = look_up(sessions, REQUEST, asked)
    assert lookup.session is not None
    assert (lookup.session.session_id, lookup.found_by, lookup.key) == (session_id, found_by, key)
    assert lookup.reason == f"found by {found_by} {key}"


def test_an_adapter_without_address_finds_nobody(sessions: SessionCache) -> None:
    sessions.add(Session(session_id="C", created_at=NOW, updated_at=NOW, addresses=("0.0.0.0",)))
    assert look_up(sessions, REQUEST, DiscoveryRequest(addresses=("0.0.0.0",))).session is None


def test_a_fruitless_look_up_says_what_it_looked_for(sessions: SessionCache) -> None:
    asked = DiscoveryRequest(session_id="gone", addresses=("192.0.2.1",), macs=("02:00:00:00:99:99",))
    assert look_up(sessions, REQUEST, asked).reason == "no session here of gone, 192.0.2.1, 02:00:00:00:99:99"
    assert look_up(sessions, REQUEST, DiscoveryRequest()).reason == "the request names neither session nor endpoint"


@pytest.mark.parametrize(
    ("asked", "macs"),
    [
        (DiscoveryRequest(session_id="A", macs=(MAC_1, MAC_2)), (MAC_1,)),
        (DiscoveryRequest(addresses=("127.0.10.1",), macs=(MAC_1, MAC_2)), (MAC_1, MAC_2)),
        (DiscoveryRequest(addresses=("127.0.10.1",)), (MAC_1,)),
        (DiscoveryRequest(session_id="gone", macs=(MAC_2,)), (MAC_2,)),
        (DiscoveryRequest(macs=("02:00:00:00:99:99",)), ("02:00:00:00:99:99",)),
        (DiscoveryRequest(session_id="nameless"), ()),
    ],
)
def test_the_endpoint_of_a_list_is_the_list_and_that_of_a_session_id_the_session_s(
    sessions: SessionCache, asked: DiscoveryRequest, macs: tuple[str, ...]
) -> None:
    sessions.add(Session(session_id="nameless", created_at=NOW, updated_at=NOW))
    assert look_up(sessions, REQUEST, asked).macs == macs
