"""Endpoint attributes such as PostureExpiry, by MAC: what a node knows of an endpoint beyond its sessions.

Decides which of two values of one attribute counts, and says when what was set is safe from a kill of the process.
Everything is held in memory, for it is asked for with every authentication; with a file it is also written there, and
there again after a restart. Knows no link: `psn.endpoints.replication` tells it what other nodes have set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ldd.digest import Digest, find_bucket
from nac.node.database import Database, Schema
from nac.node.runtime import Runtime
from psn.endpoints.attribute import EndpointAttribute

SCHEMA = Schema(
    application=0x504C5053,
    version=1,
    script="""CREATE TABLE endpoint_attribute (
        mac TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, at REAL NOT NULL, node TEXT NOT NULL,
        PRIMARY KEY (mac, name)
    ) WITHOUT ROWID""",
)
SHARE = ""
"""All attributes are one share of the digest, for they have no owner."""

_REPLACE = "REPLACE INTO endpoint_attribute (mac, name, value, at, node) VALUES (?, ?, ?, ?, ?)"
_SELECT = "SELECT mac, name, value, at, node FROM endpoint_attribute"
_TICK = timedelta(microseconds=1)
_NONE: Mapping[str, str] = {}

Listener = Callable[[EndpointAttribute], None]


class EndpointStore:
    """Attributes of the endpoints one node knows. Without a file they live as long as this object."""

    def __init__(self, runtime: Runtime, *, path: Path | None = None) -> None:
        """Start empty; what `path` holds is there after `open`."""
        self._runtime = runtime
        self._path = path
        self._database: Database | None = None
        self._last_write: asyncio.Future[None] | None = None
        self._attributes: dict[str, dict[str, EndpointAttribute]] = {}
        self.digest = Digest()
        self._listener: Listener | None = None

    async def open(self) -> None:
        """Open the file and read it; raises as `nac.node.database.Database.open` does.

        Instants that lie ahead, as those of a lab whose clock leapt, are pulled back to now, for good: what is set
        after them would lie ahead too, and be refused elsewhere.
        """
        if self._path is None:
            return
        self._database = Database(self._path)
        await self._database.open(SCHEMA)
        now = self._runtime.clock.now()
        for mac, name, value, at, node in await self._database.read(_SELECT):
            at = datetime.fromtimestamp(at, UTC)
            attribute = EndpointAttribute(mac=mac, name=name, value=value, at=min(at, now), node=node)
            self._take(attribute)
            if at > now:
                self._write([attribute])

    async def close(self) -> None:
        """Write what waits, close the file and forget what is in it; a second call does nothing."""
        database, self._database = self._database, None
        if database is not None:
            await database.close()
            self._attributes.clear()
            self.digest.clear()

    async def settled(self) -> None:
        """Wait until everything set so far is written, or the journal says why it cannot be."""
        if self._last_write is not None:
            await asyncio.wait({self._last_write})

    def listen(self, listener: Listener) -> None:
        """Tell one listener of every attribute that is set here."""
        self._listener = listener

    def attributes_of(self, mac: str) -> Mapping[str, str]:
        """Read the attributes of one endpoint; empty where none are known."""
        known = self._attributes.get(mac)
        return {name: attribute.value for name, attribute in known.items()} if known else _NONE

    def set_attribute(self, mac: str, name: str, value: str) -> None:
        """Set one attribute of an endpoint; it outdoes what is known, also where that node's clock was ahead."""
        attribute = EndpointAttribute(
            mac=mac, name=name, value=value, at=self._runtime.clock.now(), node=self._runtime.node
        )
        known = self._attributes.get(mac, {}).get(name)
        if known is not None and known.at >= attribute.at:
            attribute = replace(attribute, at=known.at + _TICK)
        self._take(attribute)
        self._write([attribute])
        why = "set here, for all nodes"
        self._runtime.write("endpoint-attribute-set", why, {"mac": mac, "attribute": name, "value": value})
        if self._listener is not None:
            self._listener(attribute)

    def merge(self, attributes: Iterable[EndpointAttribute]) -> None:
        """Take in what other nodes have set, as far as it counts for more than what is known."""
        taken = [attribute for attribute in attributes if self._merge(attribute)]
        if taken:
            self._write(taken)

    def list_attributes(self, buckets: Collection[int]) -> list[EndpointAttribute]:
        """List what is known of the endpoints of some buckets of the digest, by MAC and name."""
        macs = sorted(mac for mac in self._attributes if find_bucket(mac) in buckets)
        return [attribute for mac in macs for _, attribute in sorted(self._attributes[mac].items())]

    def _merge(self, attribute: EndpointAttribute) -> bool:
        known = self._attributes.get(attribute.mac, {}).get(attribute.name)
        if known is not None and known.precedence >= attribute.precedence:
            return False
        self._take(attribute)
        why = f"{attribute.node} has set it" + (", later than what was known here" if known is not None else "")
        facts = {"mac": attribute.mac, "attribute": attribute.name, "value": attribute.value, "set_by": attribute.node}
        self._runtime.write("endpoint-attribute-merged", why, facts)
        return True

    def _take(self, attribute: EndpointAttribute) -> None:
        """Hold an attribute in the place of what was known."""
        known = self._attributes.setdefault(attribute.mac, {})
        bucket = find_bucket(attribute.mac)
        if attribute.name in known:
            self.digest.remove(SHARE, bucket, _distinguish(known[attribute.name]))
        known[attribute.name] = attribute
        self.digest.add(SHARE, bucket, _distinguish(attribute))

    def _write(self, attributes: list[EndpointAttribute]) -> None:
        if self._database is not None:
            rows = [(a.mac, a.name, a.value, a.at.timestamp(), a.node) for a in attributes]
            self._last_write = self._database.write([(_REPLACE, row) for row in rows])
            self._last_write.add_done_callback(self._note_write)

    def _note_write(self, write: asyncio.Future[None]) -> None:
        error = write.exception()
        if error is not None:
            why = f"what was set is known until the node stops and no longer: {error}"
            self._runtime.write("endpoint-store-failed", why)


def _distinguish(attribute: EndpointAttribute) -> str:
    """Tell an attribute from all others."""
    return "\0".join((attribute.mac, attribute.name, attribute.value, attribute.at.isoformat(), attribute.node))
