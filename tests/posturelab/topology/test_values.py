"""The small values of files: no number and no duration without a range."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, get_args, get_type_hints

import pytest
from pydantic import BaseModel

from posturelab.scenario.model import Scenario
from posturelab.topology.model import Topology
from posturelab.topology.values import Within, lasting

UNBOUNDED = {"Scenario.seed", "Sighting.facts"}
"""A seed may be any number, and a fact of the journal is only compared."""


def list_models(annotation: Any, known: set[type[BaseModel]]) -> None:
    """Collect the models that an annotation leads to."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation not in known:
        known.add(annotation)
        for hint in get_type_hints(annotation, include_extras=True).values():
            list_models(hint, known)
    for part in get_args(annotation):
        list_models(part, known)


def list_unbounded(annotation: Any, *, bounded: bool = False) -> Iterator[Any]:
    """List the numbers and durations of an annotation that have no range."""
    if annotation in (int, float, timedelta) and not bounded:
        yield annotation
    parts = get_args(annotation)
    for part in parts:
        yield from list_unbounded(part, bounded=bounded or any(isinstance(other, Within) for other in parts))


def test_every_number_and_every_duration_has_a_range() -> None:
    models: set[type[BaseModel]] = set()
    for root in (Topology, Scenario):
        list_models(root, models)
    assert len(models) > 30
    unbounded = {
        f"{model.__name__}.{name}"
        for model in models
        for name, hint in get_type_hints(model, include_extras=True).items()
        if name in model.model_fields and [*list_unbounded(hint)]
    }
    assert unbounded == UNBOUNDED


def test_both_ends_of_a_range_are_in_it() -> None:
    limits = lasting("100ms", "1h")
    for inside in (timedelta(milliseconds=100), timedelta(hours=1)):
        assert limits.verify(inside) == inside
    for outside, word in ((timedelta(milliseconds=99), "99ms"), (timedelta(hours=1, milliseconds=1), "1h1ms")):
        with pytest.raises(ValueError, match=f"^{word} is outside the range 100ms to 1h$"):
            limits.verify(outside)
