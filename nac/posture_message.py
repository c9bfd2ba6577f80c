"""What all posture messages share: forms and XML read without trust, and the one error for what cannot be read.

Bodies are defined by the lab under the public parameter and element names (posture.md 5.3 and 14). A body's size is
bounded by whoever receives it.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qsl
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml.ElementTree import fromstring

MAXIMUM_FIELDS = 64

LIST_SEPARATOR = ","
"""Between the MACs and between the addresses of one endpoint, as the agent logs them (posture.md 4.3)."""


class MalformedMessageError(ValueError):
    """A posture message cannot be read; `message` names it and `fault` says why in a few words."""

    def __init__(self, message: str, fault: str) -> None:
        super().__init__(f"malformed {message}: {fault}")
        self.message = message
        self.fault = fault


def decode_form(data: bytes, message: str) -> dict[str, str]:
    """Decode an ``application/x-www-form-urlencoded`` body or a query string; raises `MalformedMessageError`."""
    try:
        pairs = parse_qsl(data.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAXIMUM_FIELDS)
    except UnicodeDecodeError:
        raise MalformedMessageError(message, "it is not UTF-8 text") from None
    except ValueError:
        raise MalformedMessageError(message, f"it has more than {MAXIMUM_FIELDS} fields") from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields:
            raise MalformedMessageError(message, f"field {name!r} appears twice")
        fields[name] = value
    return fields


def split_list(text: str) -> tuple[str, ...]:
    """Split a comma separated list; blanks and empty items do not count."""
    return tuple(item.strip() for item in text.split(LIST_SEPARATOR) if item.strip())


def decode_xml(data: bytes, root: str, message: str) -> Element:
    """Decode an XML document with this root element; entities are refused. Raises `MalformedMessageError`."""
    try:
        found: Element = fromstring(data)
    except (ParseError, ValueError, LookupError) as error:
        raise MalformedMessageError(message, f"it is not plain XML ({error})") from None
    if found.tag != root:
        raise MalformedMessageError(message, f"its root element is {found.tag!r} instead of {root!r}")
    return found


def encode_xml(root: Element) -> bytes:
    """Encode an XML document."""
    encoded: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return encoded


def append_texts(parent: Element, texts: Iterable[tuple[str, str]]) -> None:
    """Append one child element with text for each (name, text)."""
    for name, text in texts:
        SubElement(parent, name).text = text


def get_text(parent: Element, name: str, message: str) -> str:
    """Get the text of a child element; raises `MalformedMessageError` where there is no such child."""
    child = parent.find(name)
    if child is None:
        raise MalformedMessageError(message, f"element {parent.tag!r} lacks {name!r}")
    return child.text or ""
