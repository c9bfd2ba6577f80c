"""A real RADIUS client against a live lab: it has sockets and a clock of its own."""

import pytest
from gatekeeper import Gatekeeper, NoServerError

pytestmark = pytest.mark.posturelab(virtual=False)

CAMERA = "02:00:00:00:99:01"


@pytest.fixture
def gatekeeper(lab):
    servers = [(node.address, node.authentication_port) for node in (lab.psn("psn1"), lab.psn("psn2"))]
    return Gatekeeper(servers, lab.psn().secret)


def test_a_device_comes_in_and_waits_for_posture(gatekeeper, psn, mnt, journal):
    admission = gatekeeper.admit(CAMERA)
    assert admission.is_admitted
    assert admission.is_redirected
    assert admission.server == psn.address
    journal.wait_for("session-authenticated", node="mnt1")
    assert mnt.find(CAMERA).acs_server == "psn1"


def test_the_second_server_is_asked_where_the_first_is_cut_off(gatekeeper, lab, faults, journal):
    faults.cut("psn1")
    assert gatekeeper.admit(CAMERA).server == lab.psn("psn2").address
    assert len(journal.find("datagram-lost", to="psn1")) == 2


def test_an_answer_that_comes_late_is_not_taken_for_another(gatekeeper, psn, faults, journal):
    faults.leg("psn1", "outside", delay="1500ms")
    gatekeeper.admit(CAMERA)
    faults.leg("psn1", "outside")
    assert gatekeeper.admit(CAMERA).server == psn.address
    journal.wait_for("radius-duplicate", node="psn1")


def test_servers_that_hang_end_in_an_error(gatekeeper, faults):
    faults.freeze("psn1")
    faults.freeze("psn2")
    with pytest.raises(NoServerError):
        gatekeeper.admit(CAMERA)


def test_a_wrong_secret_is_explained_in_the_journal(lab, psn, journal):
    stranger = Gatekeeper([(psn.address, psn.authentication_port)], "not-the-secret", timeout=0.2, tries=1)
    with pytest.raises(NoServerError):
        stranger.admit(CAMERA)
    assert "secret" in journal.wait_for("radius-drop", node="psn1").reason
