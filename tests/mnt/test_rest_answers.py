"""What each path of the REST API answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from xml.etree import ElementTree

import pytest

from mnt.rest_answers import RestAnswer, RestAnswers
from mnt.session_directory import SessionDirectory
from nac.mnt_api import SESSION_BY_MAC_PATH, decode_result
from nac.syslog import SyslogRecord

Maker = Callable[..., SyslogRecord]
MAC = "02:00:00:00:AB:01"


@pytest.fixture
def directory() -> SessionDirectory:
    return SessionDirectory()


@pytest.fixture
def ask(directory: SessionDirectory) -> Callable[[str], RestAnswer]:
    by_mac = RestAnswers(directory).routes[f"{SESSION_BY_MAC_PATH}/{{mac}}"]
    return lambda mac: by_mac({"mac": mac})


def test_the_session_of_a_mac_is_told(
    directory: SessionDirectory, ask: Callable[[str], RestAnswer], record: Maker, now: datetime
) -> None:
    directory.apply(record(5200, Calling_Station_ID="02-00-00-00-AB-01"), now)
    answer = ask(MAC)
    assert answer.status is HTTPStatus.OK
    assert ElementTree.fromstring(answer.body).findtext("calling_station_id") == MAC
    assert "whose owner is psn1" in answer.reason


@pytest.mark.parametrize("mac", ["02:00:00:00:ab:01", "02-00-00-00-AB-01", "02000000AB01", "0200.0000.ab01"])
def test_another_spelling_is_a_failure_that_says_so(
    directory: SessionDirectory, ask: Callable[[str], RestAnswer], record: Maker, now: datetime, mac: str
) -> None:
    directory.apply(record(5200, Calling_Station_ID="02-00-00-00-AB-01"), now)
    answer = ask(mac)
    assert answer.status is HTTPStatus.INTERNAL_SERVER_ERROR
    assert answer.reason.startswith(f"Session data is not available for {mac}. A MAC address is written as")


def test_a_session_that_is_not_there_is_a_failure_of_the_server(ask: Callable[[str], RestAnswer]) -> None:
    answer = ask(MAC)
    assert answer.status is HTTPStatus.INTERNAL_SERVER_ERROR
    result = decode_result(answer.body)
    assert (result.http_code, result.internal_error_info) == ("500", f"Session data is not available for {MAC}.")
    assert (result.requested_operation, result.resource_type) == ("Get By Type", "RESTSDStatus")


def test_a_terminated_session_is_told_until_it_is_removed(
    directory: SessionDirectory, ask: Callable[[str], RestAnswer], record: Maker, now: datetime, session_id: str
) -> None:
    directory.apply(record(5200, Calling_Station_ID=MAC), now)
    directory.apply(record(3001), now)
    assert ElementTree.fromstring(ask(MAC).body).findtext("stopped") == "true"
    directory.remove(session_id)
    assert ask(MAC).status is HTTPStatus.INTERNAL_SERVER_ERROR
