"""The value of Response in a record of a passed authentication, read back: the lab itself only writes it."""

from __future__ import annotations

import re

_ITEMS = re.compile(r"(?:[^;\\]|\\.?)+", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def parse_response(value: str) -> list[tuple[str, str]]:
    """Parse ``{key=value; key=value; }``, braces included or not."""
    items = _ITEMS.findall(value.removeprefix("{").removesuffix("}"))
    pairs = [item.lstrip(" ").partition("=") for item in items]
    return [(key, _ESCAPED.sub(r"\1", text)) for key, _, text in pairs if key]
