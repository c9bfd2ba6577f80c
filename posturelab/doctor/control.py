"""Asks control APIs, of a whole lab or of single nodes, what they know. Bounded in time; changes nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp

from nac.node.clock import Clock
from posturelab.doctor.sight import ControlSight, Outcome, Place, Service, Sight

TIMEOUT = 2.0
"""Seconds for one API."""

_JOURNAL_END = 10**15 - 1
"""Beyond every record: nothing is listed, and the number of the next record is told."""

_DENIALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class ControlDoctor:
    """Asks in one HTTP session; `token` is shown to every API."""

    def __init__(self, session: aiohttp.ClientSession, *, lab: str, token: str | None, clock: Clock) -> None:
        """Ask about the lab of this name, and compare the clocks of others with `clock`."""
        self._session = session
        self._lab = lab
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._clock = clock

    async def ask_all(self, places: Sequence[Place]) -> list[ControlSight]:
        """Ask every API at once."""
        return await asyncio.gather(*(self._ask(place) for place in places))

    async def find_complaints(self, sights: Sequence[Sight], controls: Sequence[ControlSight]) -> list[Sight]:
        """Look into the journals for why RADIUS requests were not answered."""
        return await asyncio.gather(*(self._find_complaint(sight, controls) for sight in sights))

    async def _ask(self, place: Place) -> ControlSight:
        try:
            async with asyncio.timeout(TIMEOUT):
                before = self._clock.now()
                status, ready = await self._get(f"{place.url}/ready")
                asked_at = before + (self._clock.now() - before) / 2
                if status in _DENIALS:
                    return ControlSight(place=place, outcome=Outcome.DENIED, reason=str(ready["error"]))
                lab = str(ready.get("topology", self._lab))  # a node of an earlier release does not tell it
                if lab != self._lab:
                    node = str(ready.get("node", ""))
                    return ControlSight(place=place, outcome=Outcome.FOREIGN, topology=lab, node=node)
                _, nodes = await self._get(f"{place.url}/nodes")
                _, page = await self._get(f"{place.url}/journal?since={_JOURNAL_END}")
                return _read(place, ready | nodes, asked_at=asked_at, journal_end=int(page["next"]))
        except TimeoutError:
            return ControlSight(place=place, outcome=Outcome.SILENT, reason="no answer in time")
        except aiohttp.ClientConnectorError as error:
            reason = os.strerror(error.errno) if error.errno else "no connection"
            closed = isinstance(error.os_error, ConnectionRefusedError)
            return ControlSight(place=place, outcome=Outcome.CLOSED if closed else Outcome.UNREACHABLE, reason=reason)
        except (aiohttp.ClientError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            # whatever answers there may answer anything
            return ControlSight(place=place, outcome=Outcome.STRANGE, reason=type(error).__name__)

    async def _find_complaint(self, sight: Sight, controls: Sequence[ControlSight]) -> Sight:
        """Look for the record of one discarded datagram, by where that came from."""
        if sight.outcome is not Outcome.SILENT or sight.target.service not in {Service.STATUS, Service.COA}:
            return sight
        node = sight.target.node
        for control in controls:
            if node in control.ports:
                query = f"journal?since={control.journal_end}&node={node}&event=radius-drop"
                records = await self._list_records(f"{control.place.url}/{query}")
                reasons = [reason for reason, source in records if source == sight.source]
                return replace(sight, complaint=reasons[-1]) if reasons else sight
        return sight

    async def _list_records(self, url: str) -> list[tuple[str, tuple[str, int]]]:
        """List the reasons of journal records, each with the address and port it tells; none where nothing answers."""
        try:
            async with asyncio.timeout(TIMEOUT):
                _, page = await self._get(url)
                return [
                    (str(record["reason"]), (record["facts"]["address"], record["facts"]["port"]))
                    for record in page["records"]
                ]
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError, KeyError, TypeError):
            return []

    async def _get(self, url: str) -> tuple[int, dict[str, Any]]:
        async with self._session.get(url, headers=self._headers, allow_redirects=False) as response:
            content = await response.json()
            if not isinstance(content, dict):
                raise TypeError("no JSON object")
            return response.status, content


def _read(place: Place, told: Mapping[str, Any], *, asked_at: datetime, journal_end: int) -> ControlSight:
    """Read what an API has told of itself; raises `KeyError`, `TypeError`, `ValueError` where that is no lab's."""
    links = {told["node"]: told["link"]} if "node" in told else told["links"]
    certificate = told.get("ca_certificate")
    return ControlSight(
        place=place,
        outcome=Outcome.ANSWERED,
        topology=told.get("topology", ""),
        node=told.get("node", ""),
        ahead=datetime.fromisoformat(told["now"]) - asked_at,
        embedded=told.get("bus") == "embedded",
        addresses={name: str(node["address"]) for name, node in told["nodes"].items()},
        ports={name: dict(node["ports"]) for name, node in told["nodes"].items()},
        links={name: link["reason"] if link else None for name, link in links.items()},
        ca_path=Path(certificate) if certificate else None,
        journal_end=journal_end,
    )
