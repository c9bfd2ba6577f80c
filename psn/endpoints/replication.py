"""How all nodes come to know the attributes of all endpoints, in every era (posture.md 6.3).

What is set on one node goes to all others at once; a node that was away, or has missed something, is told it again
(`ldd.reconciliation`). A record that is damaged, or of an instant that is still to come, changes nothing but the
journal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from ldd.digest import Digest, Parts
from ldd.link import Json, Link
from ldd.reconciliation import Reconciliation
from ldd.replication import GREATEST_LEAD
from nac.node.runtime import Runtime
from psn.endpoints.attribute import EndpointAttribute, EndpointAttributeError, encode_attribute, parse_attribute
from psn.endpoints.store import SHARE, EndpointStore

TOPIC = "endpoint"
DIGEST_TOPIC = "endpoint-digest"

_STEP = 250
"""Attributes told again before others have their turn."""


class EndpointReplication:
    """Keeps one node's store equal to that of all others while their links are up, between `start` and `stop`."""

    def __init__(self, runtime: Runtime, *, store: EndpointStore, link: Link) -> None:
        """Subscribe; nothing is taken before `start`."""
        self._runtime = runtime
        self._store = store
        self._is_running = False
        link.subscribe(TOPIC, self._take)
        store.listen(lambda attribute: link.publish(TOPIC, *_encode(attribute)))
        self._reconciliation = Reconciliation(
            self, node=runtime.node, link=link, topic=DIGEST_TOPIC, record_topic=TOPIC
        )

    @property
    def digest(self) -> Digest:
        """What the store holds (`ldd.replica.Replica`)."""
        return self._store.digest

    def start(self) -> None:
        """Begin to follow the others."""
        self._is_running = True
        self._reconciliation.start()

    async def stop(self) -> None:
        """Cease to follow; what the link still brings is ignored. A second call does nothing."""
        self._is_running = False
        await self._reconciliation.stop()

    def walk(self, parts: Parts) -> Iterator[list[tuple[str, bytes]]]:
        """Walk keys and records of some buckets (`ldd.replica.Replica`)."""
        attributes = self._store.list_attributes(parts.get(SHARE, set()))
        for start in range(0, len(attributes), _STEP):
            yield [_encode(attribute) for attribute in attributes[start : start + _STEP]]

    def note_question(self, why: str) -> None:
        """Do nothing: each attribute that is merged has its own record in the journal."""

    def note_answer(self, shares: Collection[str], count: int) -> None:
        """Do nothing, as above."""

    def refuse(self, sender: str, reason: str, count: int = 1) -> None:
        """Tell that records or a message of the exchange are damaged."""
        self._runtime.write("endpoint-record-refused", reason, {"sender": sender, "records": count})

    def _take(self, sender: str, records: Sequence[Json]) -> None:
        if not self._is_running:
            return
        attributes, problems = [], []
        latest = self._runtime.clock.now() + GREATEST_LEAD
        for record in records:
            try:
                attribute = parse_attribute(record)
                if attribute.at > latest:
                    raise EndpointAttributeError(f"it is of {attribute.at.isoformat()}")
            except EndpointAttributeError as error:
                problems.append(str(error))
            else:
                attributes.append(attribute)
        self._store.merge(attributes)
        if problems:
            self.refuse(sender, problems[0], len(problems))


def _encode(attribute: EndpointAttribute) -> tuple[str, bytes]:
    """Encode an attribute, after its key on the link."""
    return f"{attribute.mac} {attribute.name}", encode_attribute(attribute)
