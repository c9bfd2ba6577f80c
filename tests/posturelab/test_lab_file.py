"""Where control APIs listen, and what lets people in."""

from __future__ import annotations

from pathlib import Path

import pytest

from posturelab.lab_file import load_lab_file
from posturelab.reading.input_error import InputError
from tests.posturelab.command_line import write

LAB = """\
name: lab
control: {{address: {address}, node_port: {port}{token}}}
nodes:
  psn1: {{kind: psn, address: 192.0.2.11}}
  mnt1: {{kind: mnt, address: 127.0.2.1}}
"""
NEEDED = "beyond loopback the control API needs a token, here or in POSTURELAB_TOKEN"


def write_lab(folder: Path, *, address: str = "127.0.0.1", port: str = "8601", token: str = "") -> str:
    return str(write(folder, LAB.format(address=address, port=port, token=token and f", token: {token}")))


def test_every_node_by_itself_listens_at_its_own_address(tmp_path: Path) -> None:
    lab_file = load_lab_file(write_lab(tmp_path, token="key"))
    for name, address in {"psn1": "192.0.2.11", "mnt1": "127.0.2.1"}.items():
        control = lab_file.place_control(name, None)
        assert control is not None
        assert (control.address, control.port, control.token) == (address, 8601, "key")


def test_a_place_that_is_named_goes_before_the_topology(tmp_path: Path) -> None:
    control = load_lab_file(write_lab(tmp_path)).place_control("psn1", "127.0.0.1:0")
    assert control is not None
    assert (control.address, control.port) == ("127.0.0.1", 0)


def test_a_node_by_itself_may_have_no_control_api(tmp_path: Path) -> None:
    assert load_lab_file(write_lab(tmp_path, port="null")).place_control("psn1", None) is None


def test_beyond_loopback_a_token_is_needed(tmp_path: Path) -> None:
    lab_file = load_lab_file(write_lab(tmp_path))
    assert lab_file.place_control("mnt1", None) is not None
    with pytest.raises(InputError, match=f"control.token: {NEEDED}"):
        lab_file.place_control("psn1", None)
    with pytest.raises(InputError, match=f"control.address: {NEEDED}"):
        load_lab_file(write_lab(tmp_path, address="192.0.2.1")).check_control()


def test_a_token_given_goes_before_the_one_in_the_file(tmp_path: Path) -> None:
    lab_file = load_lab_file(write_lab(tmp_path, address="192.0.2.1", token="key"), token="other")
    lab_file.check_control()
    control = lab_file.place_control("psn1", None)
    assert control is not None
    assert control.token == lab_file.topology.control.token == "other"


@pytest.mark.parametrize("token", ["h\u00fcsh", "hush\u20ac"])
def test_a_token_that_no_header_carries_is_refused_at_start_and_not_shown(tmp_path: Path, token: str) -> None:
    path = write_lab(tmp_path)
    with pytest.raises(InputError, match=r"^POSTURELAB_TOKEN: a token stands in an HTTP header: ") as refused:
        load_lab_file(path, token=token)
    assert "sh" not in str(refused.value)
    with pytest.raises(InputError, match=r"control\.token: a token stands in an HTTP header: ") as refused:
        load_lab_file(write_lab(tmp_path, token=token))
    assert "hush" not in str(refused.value)
    assert "h\u00fcsh" not in str(refused.value)
