"""What can be a token of a control API."""

from __future__ import annotations

import pytest

from posturelab.reading.token import check_token


@pytest.mark.parametrize("token", ["lab-token", "x", "mF_9.B5f-4.1JqM==", '~!"#'])
def test_signs_of_ascii_are_sent_as_they_are(token: str) -> None:
    assert check_token(token) == token


@pytest.mark.parametrize("token", ["", " ", "a b", "hush\n", "h\u00fcsh", "hush\u20ac", "hush\x7f"])
def test_what_a_header_cannot_carry_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(ValueError, match=r"^a token stands in an HTTP header: ") as refused:
        check_token(token)
    assert "sh" not in str(refused.value)
