"""Where letters outlive their sender: a file that is written when a node stops and read when it starts again.

The file goes on existing until the broker has its letters, so that a node which dies in between sends them a second
time, under the same numbers. A file that is damaged or of another release is put aside and told of, and keeps no node
from starting.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ldd.envelope import LAST_NUMBER
from ldd.outbox import LetterBatch
from nac.node.private_file import make_private_file, make_private_folder

SCHEMA_VERSION = 1


class _SchemaVersionError(ValueError):
    """A spool of another release."""

    def __init__(self, version: int) -> None:
        super().__init__(f"the file is of schema version {version}, this release knows {SCHEMA_VERSION}")
        self.version = version


def write_spool(path: Path, batches: Iterable[LetterBatch]) -> None:
    """Write letters, or remove the file where there are none; raises `OSError` where neither is possible."""
    parts = [_encode(batch) for batch in batches]
    if not parts:
        path.unlink(missing_ok=True)
        return
    make_private_folder(path.parent)
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    make_private_file(draft)
    draft.write_bytes(b'{"schemaVersion":%d,"waiting":[\n%b\n]}\n' % (SCHEMA_VERSION, b",\n".join(parts)))
    draft.replace(path)


def read_spool(path: Path, tell: Callable[[str], None]) -> list[LetterBatch]:
    """Read what was written, if anything; `tell` is called with one sentence where it cannot be read."""
    ending = "damaged"
    try:
        return _decode(path.read_bytes())
    except FileNotFoundError:
        return []
    except OSError as error:
        reason = error.strerror or "unreadable"
    except _SchemaVersionError as error:
        reason, ending = str(error), f"schema-{error.version}"
    except (ValueError, KeyError, TypeError, RecursionError):
        reason = "the file is damaged"
    aside = path.with_name(f"{path.name}.{ending}")
    with suppress(OSError):
        path.replace(aside)
        reason += f", and is now called {aside.name}"
    tell(f"the letters in {path.name} cannot be read: {reason}")
    return []


def _encode(batch: LetterBatch) -> bytes:
    head = json.dumps({"mailbox": batch.mailbox, "stream": batch.stream, "first": batch.first})[:-1]
    return b'%b, "letters": [%b]}' % (head.encode(), b",".join(batch.letters))


def _decode(data: bytes) -> list[LetterBatch]:
    members = json.loads(data)
    version = members["schemaVersion"]
    if type(version) is not int or not 0 < version <= LAST_NUMBER:
        raise TypeError("a version is a number")
    if version != SCHEMA_VERSION:
        raise _SchemaVersionError(version)
    return [_build(found) for found in members["waiting"]]


def _build(members: dict[str, Any]) -> LetterBatch:
    mailbox, stream, first = members["mailbox"], members["stream"], members["first"]
    if type(mailbox) is not str or type(stream) is not str or type(first) is not int:
        raise TypeError("a member is of another type")
    if not 0 < first <= LAST_NUMBER:
        raise ValueError("letters cannot count from there")
    letters = [json.dumps(letter, separators=(",", ":")).encode() for letter in members["letters"]]
    return LetterBatch(mailbox, stream, first, letters)
