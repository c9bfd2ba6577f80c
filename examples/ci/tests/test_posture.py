"""Stories of posture on virtual time: days pass in seconds, and every run is the same."""

import pytest


def test_a_laptop_in_order_is_let_in(endpoint, mnt, journal, clock):
    endpoint.plug()
    assert endpoint.facts.access == "redirect"
    endpoint.expect(agent="Compliant", owner="psn1", psn="Compliant", mnt="Started", access="open")
    journal.wait_for("coa-acknowledged", node="switch1", client="psn1")
    clock.advance("5d1h")
    assert mnt.find(endpoint.mac) is None, "nothing was heard of it for five days"


def test_a_coa_reaches_the_switch(lab, endpoint, switch, journal):
    endpoint.plug()
    endpoint.expect(access="open")
    journal.mark()
    assert lab.coa("laptop1", "bounce").acknowledged
    journal.wait_for("coa-acknowledged", node="switch1", command="bounce-host-port")
    assert endpoint.facts.access == "closed"
    endpoint.expect(access="redirect", within="1m")


def test_a_session_survives_its_owner(endpoint, faults):
    endpoint.plug()
    endpoint.expect(owner="psn1", access="open")
    faults.cut("psn1")
    endpoint.reauthenticate()
    endpoint.expect(owner="psn2", psn="Compliant", access="open", within="1m")


@pytest.mark.parametrize(
    ("era", "posture"),
    [
        pytest.param("directory", "Pending", marks=pytest.mark.posturelab(ldd="directory")),
        pytest.param("posture-sharing", "Compliant", marks=pytest.mark.posturelab(ldd="posture-sharing")),
    ],
)
@pytest.mark.posturelab("no-redirect")
def test_a_stale_session_answers_or_stays_silent(lab, endpoint, clock, era, posture):
    first = lab.psn("psn1")
    first.stop()
    endpoint.plug()
    endpoint.expect(owner="psn2", psn="Compliant", access="open", within="2m")
    clock.advance("1h")
    first.start()
    endpoint.unplug()  # the switch asks its first server again, so that the stop goes astray
    endpoint.expect(mnt="Terminated", others={"psn2": "Compliant"})
    clock.advance("1d")
    endpoint.plug()
    endpoint.expect(agent="Compliant", owner="psn1", mnt_posture=posture, within="1m")
