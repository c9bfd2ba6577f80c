"""The software inventory of an emulated endpoint: what an assessment looks at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from nac.requirement import Category


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """An installed product. `definitions_age` is its age when the inventory is taken up; None where it has no such."""

    category: Category
    name: str
    vendor: str = ""
    version: str = ""
    running: bool = True
    definitions_age: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What is on the endpoint. `services` are the running ones; `patches` are known by their ids."""

    products: tuple[Product, ...] = ()
    files: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    patches: frozenset[str] = frozenset()

    def list_products(self, category: Category, name: str = "") -> list[Product]:
        """List the products of a category; an empty name means any."""
        return [item for item in self.products if item.category is category and name in ("", item.name)]
