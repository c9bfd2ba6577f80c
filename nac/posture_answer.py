"""What a policy service node answers in the posture dialogue: requirements, or the final answer.

Element and comment names are the known ones (posture.md 5.3); their meaning and the final status among the comments
are the lab's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote
from xml.etree.ElementTree import Element, SubElement

from nac.posture import PostureStatus
from nac.posture_message import MalformedMessageError, append_texts, decode_xml, encode_xml, get_text
from nac.requirement import Category, Check, Operation, Requirement, RequirementKind

REQUIREMENTS_VERSION = "2"
REQUIREMENTS_TYPE = "text/xml"
_REQUIREMENTS = "posture requirements"
_ANSWER = "posture answer"
_PERFIGO = re.compile(r"<!--X-Perfigo-([A-Za-z-]{1,64})=([^>]{0,1000}?)-->")


def encode_requirements(requirements: tuple[Requirement, ...]) -> bytes:
    """Encode requirements as XML; a package's id is the name of its requirement."""
    root = Element("cleanmachines")
    append_texts(root, (("version", REQUIREMENTS_VERSION),))
    for requirement in requirements:
        package = SubElement(root, "package")
        append_texts(
            package,
            (("id", requirement.name), ("type", requirement.kind.value), ("description", requirement.remediation)),
        )
        for check in requirement.checks:
            append_texts(
                SubElement(package, "check"),
                (
                    ("id", check.name),
                    ("category", check.category.value),
                    ("operation", check.operation.value),
                    ("param", check.parameter),
                ),
            )
        criteria = "&".join(check.name for check in requirement.checks)
        append_texts(package, (("criteria", f"({criteria})"),))
    return encode_xml(root)


def decode_requirements(data: bytes) -> tuple[Requirement, ...]:
    """Decode requirements; raises `MalformedMessageError`."""
    root = decode_xml(data, "cleanmachines", _REQUIREMENTS)
    version = get_text(root, "version", _REQUIREMENTS)
    if version != REQUIREMENTS_VERSION:
        raise MalformedMessageError(_REQUIREMENTS, f"version {version[:40]!r} is not {REQUIREMENTS_VERSION}")
    try:
        return tuple(_decode_package(package) for package in root.iterfind("package"))
    except MalformedMessageError:
        raise
    except ValueError as error:
        raise MalformedMessageError(_REQUIREMENTS, str(error)) from None


def _decode_package(package: Element) -> Requirement:
    return Requirement(
        name=get_text(package, "id", _REQUIREMENTS),
        kind=RequirementKind(get_text(package, "type", _REQUIREMENTS)),
        remediation=get_text(package, "description", _REQUIREMENTS),
        checks=tuple(
            Check(
                name=get_text(check, "id", _REQUIREMENTS),
                category=Category(get_text(check, "category", _REQUIREMENTS)),
                operation=Operation(get_text(check, "operation", _REQUIREMENTS)),
                parameter=get_text(check, "param", _REQUIREMENTS),
            )
            for check in package.iterfind("check")
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalAnswer:
    """What the agent is told at the end."""

    posture_status: PostureStatus
    client_mac: str = ""
    user_name: str = ""


def encode_final_answer(answer: FinalAnswer) -> bytes:
    """Encode the final answer as HTML; the agent reads its comments, a person who looks reads its sentence."""
    values = {
        "DM-Error": "0",
        "Auto-Close-Login-Scr": "0",
        "Auto-Close-Login-Scr-Time": "0",
        "DHCP-Release-Delay": "0",
        "DHCP-Renew-Delay": "0",
        "Client-MAC": answer.client_mac,
        "User-Name": answer.user_name,
        "Posture-Status": answer.posture_status.value,
    }
    comments = "\n".join(f"<!--X-Perfigo-{name}={quote(value, safe=' :')}-->" for name, value in values.items())
    head = f"<!doctype html>\n<html><head><title>Posture</title>\n{comments}\n</head>\n"
    return f"{head}<body>This device is {answer.posture_status.value}.</body></html>\n".encode()


def decode_final_answer(data: bytes) -> FinalAnswer:
    """Decode the final answer; raises `MalformedMessageError`."""
    values = dict(_PERFIGO.findall(data.decode("utf-8", "replace")))
    error = values.get("DM-Error", "0")
    if error != "0":
        raise MalformedMessageError(_ANSWER, f"it carries error {error[:40]!r}")
    try:
        status = PostureStatus(values.get("Posture-Status", ""))
    except ValueError:
        raise MalformedMessageError(_ANSWER, "no comment of it tells a posture status") from None
    return FinalAnswer(
        posture_status=status,
        client_mac=unquote(values.get("Client-MAC", "")),
        user_name=unquote(values.get("User-Name", "")),
    )
