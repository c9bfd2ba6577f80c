"""The table of journal events: what the source writes, no more and no less."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mnt.session import SessionState
from nad_emulator.data_plane import Action
from posturelab.journal.events import EVENTS

ROOT = Path(__file__).parents[3]
ROOMS = ("radius", "nac", "ldd", "psn", "mnt", "nad_emulator", "agent_emulator", "posturelab")
WRITERS = {"write", "_write", "observe", "_observe", "_note", "_change"}
WORD = re.compile(r"[a-z]+(-[a-z]+)*")
COMPUTED = {action.value for action in Action} | {f"session-{state.value.lower()}" for state in SessionState}
"""Events that are values of enumerations, and stand in no call."""


def list_written(source: str) -> set[str]:
    """List the event words of one module: arguments of the calls that write, and what is called an event."""
    found = {word for node in ast.walk(ast.parse(source)) for word in _list_words(node)}
    return {word for word in found if WORD.fullmatch(word)}


def _list_words(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=arguments, keywords=keywords):
            for argument in arguments[:2] if name in WRITERS else ():
                yield from _list_texts(argument)
            for keyword in keywords:
                if keyword.arg == "event":
                    yield from _list_texts(keyword.value)
        case ast.Assign(targets=[ast.Name(id="event")], value=value):
            yield from _list_texts(value)


def _list_texts(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from _list_texts(body)
            yield from _list_texts(orelse)


def test_the_table_holds_what_the_source_writes() -> None:
    modules = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    written = COMPUTED.union(*(list_written(path.read_text(encoding="utf-8")) for path in modules))
    assert sorted(written) == sorted(EVENTS)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("runtime.write('link-up', 'the bounce time is over')", {"link-up"}),
        ("self._journal.write(LAB, 'mistake', sentence)", {"mistake"}),
        ("event = 'coa-acknowledged' if good else 'coa-failed'", {"coa-acknowledged", "coa-failed"}),
        ("build_http_log(observe, event='page-refused')", {"page-refused"}),
        ("log.write(Place.RESTART, 'Restarting Discovery.')", set()),
        ("print('link-up')", set()),
    ],
)
def test_the_words_are_read_where_they_stand(source: str, words: set[str]) -> None:
    assert list_written(source) == words
