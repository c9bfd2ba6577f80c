"""The REST API of a monitoring node as both sides of it know it: paths, XML, and why a request has failed.

Paths are case-sensitive (aaa-mnt.md 6.1). A failed request is answered with ``mnt-rest-result``, and so is every
request to a node that does not monitor.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from xml.etree.ElementTree import Element, SubElement, tostring

from nac.posture_message import decode_xml

BASE_PATH = "/admin/API/mnt"
VERSION_PATH = f"{BASE_PATH}/Version"
SESSION_BY_MAC_PATH = f"{BASE_PATH}/Session/MACAddress"
"""Followed by a slash and the MAC."""

CONTENT_TYPE = "application/xml"
"""Exactly this, without a charset: clients compare it (aaa-mnt.md 6.2)."""

MESSAGE = "answer of MNT"
"""What an answer is called where it cannot be read."""

NOT_TOLD = "N/A"

_RESULT = "mnt-rest-result"
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class RestResult:
    """Why a request has failed: the elements of ``mnt-rest-result``, in their order."""

    http_code: str
    cpm_code: str = "34110"
    description: str = "The server met an error while it processed the REST request"
    module_name: str = "MnT"
    internal_error_info: str
    requested_operation: str = NOT_TOLD
    resource_id: str = NOT_TOLD
    resource_name: str = NOT_TOLD
    resource_type: str = NOT_TOLD
    status: str = "SERVER_ERROR"


def encode_result(result: RestResult) -> bytes:
    """Encode ``mnt-rest-result``."""
    root = Element(_RESULT)
    for field in fields(result):
        SubElement(root, _spell(field.name)).text = getattr(result, field.name)
    return encode_document(root)


def decode_result(data: bytes) -> RestResult:
    """Decode ``mnt-rest-result``, empty where an element is not there; raises `MalformedMessageError`."""
    root = decode_xml(data, _RESULT, MESSAGE)
    return RestResult(**{field.name: root.findtext(_spell(field.name)) or "" for field in fields(RestResult)})


def _spell(field: str) -> str:
    return field.replace("_", "-")


def encode_document(root: Element) -> bytes:
    """Encode a document, with the declaration that the original has; what XML 1.0 cannot hold is replaced."""
    for element in root.iter():
        element.text = _NO_XML.sub("?", element.text or "") or None
    body: bytes = tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' + body
