"""How what nodes have written is shown to people: on one printable line, and each kind of node in a colour of its own.

Records keep what peers sent as it came. It is made harmless here, where it is shown: no control or formatting
character reaches a terminal, and no line break makes one record look like two.
"""

from __future__ import annotations

KIND_COLOURS = {"psn": 6, "mnt": 5, "switch": 3, "endpoint": 2, "web": 4}
"""A colour for each kind of node, by its number among the eight of ANSI terminals."""


def render_line(text: str) -> str:
    r"""Render a text on one line: what is not printable becomes an escape such as ``\x1b``."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
