"""The message broker of a topology: where it is, and how nodes prove who they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, Tag, model_validator

from ldd.broker_settings import BrokerSettings, BrokerSettingsError
from posturelab.reading.document import Entry
from posturelab.reading.duration import Duration
from posturelab.topology.values import ONE_OR_MANY, Text, default_of, lasting

Urls = Annotated[Annotated[Text, Tag("one")] | Annotated[tuple[Text, ...], Tag("many")], ONE_OR_MANY]


_ANY = "amqps://localhost"
"""Stands for a URL that `--broker` may name, so that the rest is looked at all the same."""


class BrokerEntry(Entry):
    """A RabbitMQ. `urls` are those of its members; the files are for ``amqps``, relative to the topology file."""

    urls: Urls = Field(default=(), repr=False)
    ca: Text | None = None
    certificate: Text | None = None
    key: Text | None = None
    heartbeat: Annotated[Duration, lasting("1s", "1h")] = default_of(BrokerSettings, "heartbeat")

    @model_validator(mode="after")
    def _builds(self) -> Self:
        try:
            self.build(self.list_urls() or (_ANY,), Path())
        except BrokerSettingsError as error:
            raise ValueError(explain(error)) from None
        return self

    def list_urls(self) -> tuple[str, ...]:
        """List the URLs, one or many."""
        return (self.urls,) if isinstance(self.urls, str) else self.urls

    def build(self, urls: Sequence[str], folder: Path) -> BrokerSettings:
        """Build the settings for these URLs; raises `ldd.broker_settings.BrokerSettingsError`."""
        return BrokerSettings(
            urls=tuple(urls),
            ca_path=_resolve(folder, self.ca),
            certificate_path=_resolve(folder, self.certificate),
            key_path=_resolve(folder, self.key),
            heartbeat=self.heartbeat,
        )


def explain(error: BrokerSettingsError) -> str:
    """Say what is wrong, for a fault whose place says already that it is the broker."""
    return str(error).removeprefix("broker: ")


def _resolve(folder: Path, path: str | None) -> Path | None:
    return None if path is None else folder / path
