"""The lines of guest.log: a probe that is answered, sent to another node, or left without an answer."""

from __future__ import annotations

from datetime import UTC, datetime

from ldd.record import RecordState, SessionRecord
from nac.discovery import DiscoveryRequest
from psn.internode.owner_lookup import Owner, OwnerSource
from psn.portal.guest_log import render_answer, render_silence
from psn.portal.request import PortalRequest
from psn.portal.session_lookup import Lookup
from psn.session import Session

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
MAC, ADDRESS = "02:00:00:00:10:01", "127.0.10.1"
REQUEST = PortalRequest(path="/auth/status", user_agent="agent", remote=ADDRESS)
SESSION = Session(session_id="A", created_at=NOW, updated_at=NOW, mac=MAC, addresses=(ADDRESS,))
FOUND = Lookup(
    request=REQUEST,
    asked=DiscoveryRequest(addresses=(ADDRESS,), macs=(MAC,)),
    session=SESSION,
    found_by="IP address",
    key=ADDRESS,
)
SERVLET = "cisco.cpm.client.posture.PostureStatusServlet -::- "
PROVISIONING = "cpm.client.provisioning.utils.ProvisioningUtil -::- "
SEARCH = [
    f"{SERVLET}Got http request from {ADDRESS} user agent is: agent",
    f"{SERVLET}mac_list from http request ==> [{MAC}]",
    f"{SERVLET}iplist from http request ==> [{ADDRESS}]",
    f"{SERVLET}Session id from http request - : null",
    f"{PROVISIONING}the input ipAddress from the list: [{ADDRESS}]",
    f"{PROVISIONING}the ipAddress that matched the remote address: [{ADDRESS}]",
    f"{PROVISIONING}the clientMac from the macarray list: [{MAC}]",
]


def test_redirectless_probe_is_told_with_its_lists_and_the_headers_of_its_answer() -> None:
    assert render_answer(FOUND, {"X-ISE-PDP": "psn1.lab.test"}).split("\n") == [
        *SEARCH,
        f"{PROVISIONING}Session = A",
        f"{SERVLET}Sent an http response to {ADDRESS}",
        f"{PROVISIONING}header X-ISE-PDP value is psn1.lab.test",
    ]


def test_session_id_of_a_redirect_leaves_out_the_lists() -> None:
    asked = DiscoveryRequest(session_id="A")
    log = render_answer(Lookup(request=REQUEST, asked=asked, session=SESSION, found_by="session id", key="A"), {})
    assert "Session id from http request - : A" in log
    assert "macarray" not in log


def test_address_that_the_request_does_not_come_from_matches_nothing() -> None:
    asked = DiscoveryRequest(addresses=("192.0.2.1",))
    assert "matched the remote address" not in render_answer(Lookup(request=REQUEST, asked=asked), {})


def test_referral_names_the_owner() -> None:
    owner = Owner(
        name="psn2", fqdn="psn2.lab.test", address="127.0.1.2", session_id="B", mac=MAC, source=OwnerSource.DIRECTORY
    )
    nothing = Lookup(request=REQUEST, asked=FOUND.asked)
    assert render_answer(nothing, {}, owner=owner).split("\n") == [
        *SEARCH,
        f"{PROVISIONING}Session = null",
        f"{PROVISIONING}Session B is owned by psn2.lab.test",
        f"{SERVLET}Sent an http response to {ADDRESS}",
    ]


def test_silence_names_the_session_of_the_directory() -> None:
    newer = SessionRecord(
        session_id="B",
        mac=MAC,
        psn="psn2",
        psn_ip="127.0.1.2",
        psn_fqdn="psn2.lab.test",
        state=RecordState.STARTED,
        version=1,
        authenticated_at=NOW,
        at=NOW,
    )
    assert render_silence(FOUND, newer).split("\n") == [
        *SEARCH,
        f"{PROVISIONING}Session = A",
        f"{SERVLET}Session A is stale or phantom: the session directory has B of psn2.lab.test for this endpoint; "
        f"no response to {ADDRESS}",
    ]
