"""The page on scenarios names every journal event."""

import re
from pathlib import Path

from posturelab.journal.events import EVENTS

PAGE = Path(__file__).parents[2] / "docs" / "scenarios.md"


def test_the_page_names_every_event() -> None:
    listed = PAGE.read_text(encoding="utf-8").partition("The events: ")[2].partition(".\n")[0]
    assert re.findall(r"`([\w-]+)`", listed) == sorted(EVENTS)
