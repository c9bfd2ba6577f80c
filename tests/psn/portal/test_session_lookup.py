"""How a probe finds its session: the order of posture.md 2.3, and the lines of guest.log."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nac.discovery import DiscoveryRequest
from psn.portal.session_lookup import look_up, render_log
from psn.session import Session
from psn.session_cache import SessionCache

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
MAC_1, MAC_2 = "02:00:00:00:10:01", "02:00:00:00:10:02"


@pytest.fixture
def sessions() -> SessionCache:
    cache = SessionCache()
    for session_id, mac, address in (("A", MAC_1, "127.0.10.1"), ("B", MAC_2, "127.0.10.2")):
        cache.add(Session(session_id=session_id, created_at=NOW, updated_at=NOW, mac=mac, addresses=(address,)))
    return cache


@pytest.mark.parametrize(
    ("request_", "session_id", "found_by", "key"),
    [
        (DiscoveryRequest(session_id="B", addresses=("127.0.10.1",)), "B", "session id", "B"),
        (DiscoveryRequest(addresses=("127.0.10.2", "127.0.10.1")), "B", "IP address", "127.0.10.2"),
        (DiscoveryRequest(addresses=("127.0.10.2",), macs=(MAC_1,)), "B", "IP address", "127.0.10.2"),
        (DiscoveryRequest(addresses=("192.0.2.1",), macs=(MAC_2, MAC_1)), "B", "MAC address", MAC_2),
        (DiscoveryRequest(session_id="gone", macs=(MAC_1,)), "A", "MAC address", MAC_1),
    ],
)
def test_the_session_id_goes_first_then_addresses_then_macs(
    sessions: SessionCache, request_: DiscoveryRequest, session_id: str, found_by: str, key: str
) -> None:
    lookup = look_up(sessions, request_, remote="127.0.10.1")
    assert lookup.session is not None
    assert (lookup.session.session_id, lookup.found_by, lookup.key) == (session_id, found_by, key)
    assert lookup.reason == f"found by {found_by} {key}"


def test_an_adapter_without_address_finds_nobody(sessions: SessionCache) -> None:
    sessions.add(Session(session_id="C", created_at=NOW, updated_at=NOW, addresses=("0.0.0.0",)))
    assert look_up(sessions, DiscoveryRequest(addresses=("0.0.0.0",)), remote="").session is None


def test_a_fruitless_look_up_says_what_it_looked_for(sessions: SessionCache) -> None:
    request = DiscoveryRequest(session_id="gone", addresses=("192.0.2.1",), macs=("02:00:00:00:99:99",))
    assert look_up(sessions, request, remote="").reason == "no session here of gone, 192.0.2.1, 02:00:00:00:99:99"
    assert look_up(sessions, DiscoveryRequest(), remote="").reason == "the request names neither session nor endpoint"


def test_guest_log_tells_a_redirectless_probe(sessions: SessionCache) -> None:
    request = DiscoveryRequest(addresses=("127.0.10.1",), macs=(MAC_1,))
    lookup = look_up(sessions, request, remote="127.0.10.1")
    lines = render_log(lookup, user_agent="agent", headers={"X-ISE-PDP": "psn1.lab.test"}).split("\n")
    servlet = "cisco.cpm.client.posture.PostureStatusServlet -::- "
    provisioning = "cpm.client.provisioning.utils.ProvisioningUtil -::- "
    assert lines == [
        f"{servlet}Got http request from 127.0.10.1 user agent is: agent",
        f"{servlet}mac_list from http request ==> [{MAC_1}]",
        f"{servlet}iplist from http request ==> [127.0.10.1]",
        f"{servlet}Session id from http request - : null",
        f"{provisioning}the input ipAddress from the list: [127.0.10.1]",
        f"{provisioning}the ipAddress that matched the remote address: [127.0.10.1]",
        f"{provisioning}the clientMac from the macarray list: [{MAC_1}]",
        f"{provisioning}Session = A",
        f"{servlet}Sent an http response to 127.0.10.1",
        f"{provisioning}header X-ISE-PDP value is psn1.lab.test",
    ]


def test_guest_log_tells_the_session_id_of_a_redirect(sessions: SessionCache) -> None:
    lookup = look_up(sessions, DiscoveryRequest(session_id="B"), remote="127.0.10.2")
    log = render_log(lookup, user_agent="agent", headers={})
    assert "Session id from http request - : B" in log
    assert "macarray" not in log


@pytest.mark.parametrize(
    ("request_", "macs"),
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
    sessions: SessionCache, request_: DiscoveryRequest, macs: tuple[str, ...]
) -> None:
    sessions.add(Session(session_id="nameless", created_at=NOW, updated_at=NOW))
    assert look_up(sessions, request_, remote="").macs == macs
