"""How all nodes come to know the attributes of all endpoints, in every era (posture.md 6.3).

What is set on one node goes to all others at once. A node that was away, or has missed something, says what it knows
in a *digest*: 256 fingerprints, each of a group of endpoints, as hexadecimal digits, under the topic
``endpoint-digest``: ``{"to": "", "fingerprints": "…"}``. Whoever knows otherwise sends what it knows of the groups
that differ, and a digest of its own, addressed to the one who asked, which answers in the same way but with no further
digest. So both know the same in the end. A damaged record changes nothing but the journal.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ldd.link import Json, Link, LinkEvent
from nac.owned_tasks import OwnedTasks
from nac.runtime import Runtime
from psn.endpoint_attribute import EndpointAttribute, EndpointAttributeError, encode_attribute, parse_attribute
from psn.endpoint_store import GROUPS, EndpointStore

TOPIC = "endpoint"
DIGEST_TOPIC = "endpoint-digest"

ANSWER_DELAY = 0.1
"""Seconds; several nodes that ask at the same time, as after an outage of the broker, are answered together."""

_CHUNK = 500
"""Attributes sent before the link is given time to carry them."""

_OCTETS = 8
"""Of one fingerprint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What a node knows; `to` is the node that asked for it, empty where the sender itself asks."""

    to: str
    fingerprints: tuple[int, ...]


class EndpointReplication:
    """Keeps one node's store equal to that of all others while their links are up."""

    def __init__(self, runtime: Runtime, *, store: EndpointStore, link: Link) -> None:
        """Take part in the link, which is not started yet."""
        self._runtime = runtime
        self._store = store
        self._link = link
        self._tasks = OwnedTasks()
        self._is_sending = False
        self._wanted: set[int] = set()
        self._askers: set[str] = set()
        link.subscribe(TOPIC, self._take)
        link.subscribe(DIGEST_TOPIC, self._compare)
        link.watch(self._note)
        store.listen(self._publish)

    async def stop(self) -> None:
        """Leave off answering others; a second call does nothing."""
        await self._tasks.cancel()
        self._is_sending = False
        self._wanted.clear()
        self._askers.clear()

    def _publish(self, attribute: EndpointAttribute) -> None:
        self._link.publish(TOPIC, f"{attribute.mac} {attribute.name}", encode_attribute(attribute))

    def _publish_digest(self, to: str = "") -> None:
        self._link.publish(DIGEST_TOPIC, to, encode_digest(Digest(to=to, fingerprints=self._store.fingerprints)))

    def _note(self, event: LinkEvent, _: str) -> None:
        if event in (LinkEvent.UP, LinkEvent.MISSED):
            self._publish_digest()

    def _take(self, sender: str, records: Sequence[Json]) -> None:
        attributes, problems = [], []
        for record in records:
            try:
                attributes.append(parse_attribute(record))
            except EndpointAttributeError as error:
                problems.append(str(error))
        self._store.merge(attributes)
        if problems:
            self._refuse(sender, problems[0], len(problems))

    def _compare(self, sender: str, records: Sequence[Json]) -> None:
        for record in records:
            try:
                digest = parse_digest(record)
            except EndpointAttributeError as error:
                self._refuse(sender, str(error), 1)
                continue
            if digest.to in ("", self._runtime.node):
                self._answer(sender, digest)

    def _refuse(self, sender: str, problem: str, count: int) -> None:
        self._runtime.write("endpoint-record-refused", problem, {"sender": sender, "records": count})

    def _answer(self, sender: str, digest: Digest) -> None:
        pairs = enumerate(zip(digest.fingerprints, self._store.fingerprints, strict=True))
        different = {group for group, (theirs, ours) in pairs if theirs != ours}
        if not different:
            return
        self._wanted |= different
        if not digest.to:
            self._askers.add(sender)
        if not self._is_sending:
            self._is_sending = True
            self._tasks.spawn(self._send_wanted(), name=f"{self._runtime.node} endpoint attributes")

    async def _send_wanted(self) -> None:
        """Send what is wanted, and a digest to those who asked."""
        while self._wanted:
            await asyncio.sleep(ANSWER_DELAY)
            attributes = self._store.list_attributes(self._wanted)
            askers = sorted(self._askers)
            self._wanted.clear()
            self._askers.clear()
            for start in range(0, len(attributes), _CHUNK):
                for attribute in attributes[start : start + _CHUNK]:
                    self._publish(attribute)
                await self._link.drain()
                if not self._link.is_up:
                    break  # when it is up again this node asks, and is told in return what others lack
            for asker in askers:
                self._publish_digest(asker)
        self._is_sending = False


def encode_digest(digest: Digest) -> bytes:
    """Encode a digest."""
    octets = b"".join(fingerprint.to_bytes(_OCTETS) for fingerprint in digest.fingerprints)
    return json.dumps({"to": digest.to, "fingerprints": octets.hex()}, separators=(",", ":")).encode()


def parse_digest(members: Any) -> Digest:
    """Parse decoded JSON; raises `EndpointAttributeError`."""
    if not isinstance(members, dict):
        raise EndpointAttributeError("the digest is no object")
    to, text = members.get("to"), members.get("fingerprints")
    if not isinstance(to, str) or not isinstance(text, str) or len(text) != 2 * GROUPS * _OCTETS:
        raise EndpointAttributeError(f"the digest has not {GROUPS} fingerprints")
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        raise EndpointAttributeError("the digest is not hexadecimal") from None
    if len(octets) != GROUPS * _OCTETS:
        raise EndpointAttributeError(f"the digest has not {GROUPS} fingerprints")
    starts = range(0, len(octets), _OCTETS)
    return Digest(to=to, fingerprints=tuple(int.from_bytes(octets[at : at + _OCTETS]) for at in starts))
