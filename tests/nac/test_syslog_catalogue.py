"""The message catalogue: numbers, categories and words that consumers key on."""

from __future__ import annotations

import pytest

from nac.syslog_catalogue import CATALOGUE, LEVELS, STEPS, CatalogueEntry, render_reason


@pytest.mark.parametrize(
    ("code", "category", "message_class", "text"),
    [
        (3000, "CISE_RADIUS_Accounting", "Radius-Accounting", "RADIUS Accounting start request"),
        (3001, "CISE_RADIUS_Accounting", "Radius-Accounting", "RADIUS Accounting stop request"),
        (3002, "CISE_RADIUS_Accounting", "Radius-Accounting", "RADIUS Accounting watchdog update"),
        (5200, "CISE_Passed_Authentications", "Passed-Authentication", "Authentication succeeded"),
        (5205, "CISE_Passed_Authentications", "Dynamic-Authorization", "Dynamic Authorization succeeded"),
        (5400, "CISE_Failed_Attempts", "Failed-Attempt", "Authentication failed"),
        (5405, "CISE_Failed_Attempts", "Failed-Attempt", "RADIUS Request dropped"),
        (5417, "CISE_Failed_Attempts", "Dynamic-Authorization", "Dynamic Authorization failed"),
        (61056, "CISE_Alarm", "Alarm", "Queue Link Error"),
    ],
)
def test_records_seen_in_public_logs_are_named_as_there(
    code: int, category: str, message_class: str, text: str
) -> None:
    entry = CATALOGUE[code]
    assert (entry.category, entry.message_class, entry.text) == (category, message_class, text)


@pytest.mark.parametrize(
    "code",
    [
        *(3000, 3001, 3002, 3003, 3004, 5200, 5205, 5232, 5400, 5405, 5413, 5417, 5419),
        61056,
        *(87000, 87001, 87500, 87501),
    ],
)
def test_every_record_the_lab_ships_is_known(code: int) -> None:
    assert CATALOGUE[code].code == code


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=lambda entry: str(entry.code))
def test_words_of_an_entry_fit_the_head_of_a_line(entry: CatalogueEntry) -> None:
    assert entry.severity in LEVELS
    assert "," not in entry.text
    assert ":" not in entry.message_class
    assert " " not in entry.category


def test_a_failure_reason_is_the_code_and_its_words() -> None:
    assert render_reason(11213) == "11213 No reply from the network device"
    assert render_reason(5436) == "5436 RADIUS packet already in the process"


def test_a_failure_reason_outside_the_tables_is_the_code_alone() -> None:
    assert render_reason(99999) == "99999"


def test_steps_and_records_do_not_share_codes() -> None:
    assert not STEPS.keys() & CATALOGUE.keys()
