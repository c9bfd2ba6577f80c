"""The fidelity page speaks of settings that exist, and of their true defaults; the page on topology files has them."""

import re
from collections import defaultdict
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def read_settings() -> list[tuple[str, str | None]]:
    """Read every setting of the last column, by the last word of its key, with the first word of its default."""
    settings: list[tuple[str, str | None]] = []
    for row in re.findall(r"(?m)^\| .* \| ([^|]*) \|$", (DOCS / "fidelity.md").read_text(encoding="utf-8")):
        for key, default in re.findall(r"`([\w.<>\[\]…]+)`(?: \(`?([^\s`;,)]+))?", row):
            settings.append((key.removesuffix("[]").rpartition(".")[2], default or None))
    return settings


def read_known() -> dict[str, set[str]]:
    known: dict[str, set[str]] = defaultdict(set)
    page = (DOCS / "topology.md").read_text(encoding="utf-8")
    for key, default in re.findall(r"(?m)^\| `(\w+)` \| ([^|]*) \|", page):
        known[key].add(default)
    return known


def test_every_setting_exists() -> None:
    assert {key for key, _ in read_settings()} - set(read_known()) == set()


def test_every_default_is_the_true_one() -> None:
    known = read_known()
    stated = [(key, default) for key, default in read_settings() if default is not None]
    assert len(stated) > 30
    assert [(key, default) for key, default in stated if default not in known[key]] == []


def test_every_source_is_listed() -> None:
    table, _, sources = (DOCS / "fidelity.md").read_text(encoding="utf-8").partition("## Sources")
    cited = set(re.findall(r"\[([A-Z][^\]]*)\](?!\()", table))
    assert cited == set(re.findall(r"\[([A-Z][^\]]*)\]", sources))
