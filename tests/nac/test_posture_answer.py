"""What a policy service node answers: both directions by the same data, damage, and any octets."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac.posture import PostureStatus
from nac.posture_answer import (
    FinalAnswer,
    decode_final_answer,
    decode_requirements,
    encode_final_answer,
    encode_requirements,
)
from nac.posture_message import MalformedMessageError
from nac.requirement import Category, Check, Operation, Requirement, RequirementKind

REQUIREMENTS = (
    Requirement(
        name="Antivirus",
        checks=(
            Check(name="AV-Installed", category=Category.ANTIVIRUS, operation=Operation.EXISTS),
            Check(name="AV-Definitions", category=Category.ANTIVIRUS, operation=Operation.WITHIN_DAYS, parameter="7"),
        ),
        remediation="Install an antivirus product & update it.",
    ),
    Requirement(
        name="Patch",
        kind=RequirementKind.AUDIT,
        checks=(Check(name="KB", category=Category.PATCH, operation=Operation.EXISTS, parameter="KB5001"),),
    ),
)
XML = (
    b"<?xml version='1.0' encoding='utf-8'?>\n"
    b"<cleanmachines><version>2</version>"
    b"<package><id>Antivirus</id><type>Mandatory</type>"
    b"<description>Install an antivirus product &amp; update it.</description>"
    b"<check><id>AV-Installed</id><category>antivirus</category><operation>exists</operation><param /></check>"
    b"<check><id>AV-Definitions</id><category>antivirus</category><operation>within-days</operation>"
    b"<param>7</param></check>"
    b"<criteria>(AV-Installed&amp;AV-Definitions)</criteria></package>"
    b"<package><id>Patch</id><type>Audit</type><description />"
    b"<check><id>KB</id><category>patch</category><operation>exists</operation><param>KB5001</param></check>"
    b"<criteria>(KB)</criteria></package></cleanmachines>"
)


def test_requirements_are_their_xml_and_back() -> None:
    assert encode_requirements(REQUIREMENTS) == XML
    assert decode_requirements(XML) == REQUIREMENTS


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (b"<version>2<", b"<version>3<", "version '3' is not 2"),
        (b"<version>2</version>", b"", "element 'cleanmachines' lacks 'version'"),
        (b"<id>Patch</id>", b"", "element 'package' lacks 'id'"),
        (b"Mandatory", b"Essential", "'Essential' is not a valid RequirementKind"),
        (b">exists<", b">sings<", "'sings' is not a valid Operation"),
        (b">patch<", b">service<", "service has no 'exists'"),
    ],
)
def test_requirements_that_cannot_be_read_are_refused(old: bytes, new: bytes, fault: str) -> None:
    with pytest.raises(MalformedMessageError, match=fault):
        decode_requirements(XML.replace(old, new))


@given(st.binary())
def test_any_octets_make_requirements_or_the_documented_error(data: bytes) -> None:
    with suppress(MalformedMessageError):
        decode_requirements(data)


@given(st.integers(0, len(XML) - 1), st.binary(min_size=1, max_size=4))
def test_damaged_requirements_are_read_or_refused(at: int, damage: bytes) -> None:
    with suppress(MalformedMessageError):
        decode_requirements(XML[:at] + damage + XML[at + len(damage) :])


@given(st.builds(FinalAnswer, posture_status=st.sampled_from(PostureStatus), user_name=st.text(max_size=80)))
def test_a_final_answer_is_its_page_and_back(answer: FinalAnswer) -> None:
    assert decode_final_answer(encode_final_answer(answer)) == answer


def test_a_final_answer_speaks_in_comments() -> None:
    """posture.md 5.3: HTML whose comments carry pairs with the prefix X-Perfigo-."""
    page = encode_final_answer(FinalAnswer(posture_status=PostureStatus.COMPLIANT, client_mac="02:00:00:00:10:01"))
    assert b"<!--X-Perfigo-DM-Error=0-->" in page
    assert b"<!--X-Perfigo-Client-MAC=02:00:00:00:10:01-->" in page
    assert b"<!--X-Perfigo-Posture-Status=Compliant-->" in page


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        (b"", "no comment of it tells a posture status"),
        (b"<!--X-Perfigo-Posture-Status=Fine-->", "no comment of it tells a posture status"),
        (b"<!--X-Perfigo-DM-Error=1010--><!--X-Perfigo-Posture-Status=Compliant-->", "it carries error '1010'"),
    ],
)
def test_a_final_answer_that_cannot_be_read_is_refused(page: bytes, fault: str) -> None:
    with pytest.raises(MalformedMessageError) as caught:
        decode_final_answer(page)
    assert caught.value.fault == fault


@given(st.binary())
def test_any_octets_make_a_final_answer_or_the_documented_error(data: bytes) -> None:
    with suppress(MalformedMessageError):
        decode_final_answer(data)
