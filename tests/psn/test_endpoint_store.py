"""Attributes of endpoints beyond their sessions."""

from __future__ import annotations

from psn.endpoint_store import EndpointStore

MAC, OTHER_MAC = "02:00:00:00:10:01", "02:00:00:00:10:02"


def test_unknown_endpoint_has_no_attributes() -> None:
    assert EndpointStore().attributes_of(MAC) == {}


def test_attribute_is_kept_for_its_endpoint_alone_and_may_change() -> None:
    store = EndpointStore()
    store.set_attribute(MAC, "PostureExpiry", "1")
    store.set_attribute(MAC, "PostureExpiry", "2")
    store.set_attribute(MAC, "Other", "3")
    assert store.attributes_of(MAC) == {"PostureExpiry": "2", "Other": "3"}
    assert store.attributes_of(OTHER_MAC) == {}


def test_two_stores_share_nothing() -> None:
    EndpointStore().set_attribute(MAC, "PostureExpiry", "1")
    assert EndpointStore().attributes_of(MAC) == {}
