"""What can be a token of a control API: it stands in a header field, where more than ASCII is read in several ways.

Source: RFC 6750 section 2.1, RFC 9110 section 5.5. Knows of no token's value.
"""

from __future__ import annotations

import re

TOKEN_VARIABLE = "POSTURELAB_TOKEN"
"""The environment variable that has it, for nodes and for those who ask them."""

_TOKEN = re.compile(r"[!-~]+")
"""Visible ASCII; blanks at its ends would be lost on the way."""


def check_token(text: str) -> str:
    """Return the token; raises `ValueError`, which does not show it, for one that cannot be sent."""
    if _TOKEN.fullmatch(text) is None:
        raise ValueError("a token stands in an HTTP header: use letters, digits and signs of ASCII, and no blanks")
    return text
