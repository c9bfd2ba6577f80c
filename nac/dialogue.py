"""What an agent says in the posture dialogue after discovery: the initial request, then the report.

No public specification exists. Parameter and element names are the known ones (posture.md 5.3), the bodies around
them are the lab's, unencrypted. Both are POST forms to the X-ISE-POSTURE path: ``reqtype=validate`` is answered by
requirements or, where no policy matches, by the final answer; ``reqtype=report`` by the final answer
(`nac.posture_answer`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlencode
from xml.etree.ElementTree import Element, SubElement

from nac.discovery import decode_addresses, decode_macs
from nac.posture_message import (
    LIST_SEPARATOR,
    MalformedMessageError,
    append_texts,
    decode_form,
    decode_xml,
    encode_xml,
    get_text,
)
from nac.requirement import Category, Outcome

VALUE_SEPARATOR = ":!:"
"""Joins several values of one parameter (posture.md 5.3)."""

_REQUEST = "posture request"
_REPORT = "posture report"


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedProduct:
    """A security or patch management product as the initial request names it."""

    category: Category
    name: str
    vendor: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostureRequest:
    """The initial posture request: whose session, which system, which products."""

    session_id: str
    macs: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    os: str = ""
    os_version: str = ""
    user_agent: str = ""
    products: tuple[DetectedProduct, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementResult:
    """How one requirement ended on the endpoint, and each of its checks by name."""

    requirement: str
    outcome: Outcome
    checks: tuple[tuple[str, Outcome], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PostureReport:
    """The agent's report: who it speaks for, and the result of every requirement."""

    session_id: str
    macs: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    os: str = ""
    os_version: str = ""
    agent_version: str = ""
    user_name: str = ""
    system_name: str = ""
    system_domain: str = ""
    results: tuple[RequirementResult, ...] = ()


def encode_posture_request(request: PostureRequest) -> str:
    """Encode the initial request as a form."""
    products = request.products
    return urlencode(
        {
            "reqtype": "validate",
            **_encode_endpoint(request),
            "os": request.os,
            "osVerison": request.os_version,
            "architecture": "9",
            "provider": "Device Filter",
            "avpid": _join(str(number) for number, _ in enumerate(products, 1)),
            "avvname": _join(product.vendor for product in products),
            "avpname": _join(product.name for product in products),
            "avpversion": _join(product.version for product in products),
            "avpfeature": _join(product.category.value for product in products),
            "userAgent": request.user_agent,
        }
    )


def encode_posture_report(report: PostureReport) -> str:
    """Encode a report as a form with the XML in it."""
    return urlencode({"reqtype": "report", **_encode_endpoint(report), "report": _encode_report(report).decode()})


def decode_submission(data: bytes) -> PostureRequest | PostureReport:
    """Decode what an agent posts to the posture path; raises `MalformedMessageError`."""
    form = decode_form(data, _REQUEST)
    match form.get("reqtype"):
        case "validate":
            return _decode_posture_request(form)
        case "report":
            return _decode_posture_report(form)
        case None:
            raise MalformedMessageError(_REQUEST, "there is no reqtype")
        case other:
            raise MalformedMessageError(_REQUEST, f"reqtype {other[:40]!r} is neither 'validate' nor 'report'")


def _encode_endpoint(message: PostureRequest | PostureReport) -> dict[str, str]:
    return {
        "session_id": message.session_id,
        "userip": LIST_SEPARATOR.join(message.addresses),
        "clientmac": LIST_SEPARATOR.join(message.macs),
    }


def _decode_posture_request(form: Mapping[str, str]) -> PostureRequest:
    return PostureRequest(
        session_id=form.get("session_id", ""),
        macs=decode_macs(form.get("clientmac", ""), _REQUEST),
        addresses=decode_addresses(form.get("userip", ""), _REQUEST),
        os=form.get("os", ""),
        os_version=form.get("osVerison", ""),
        user_agent=form.get("userAgent", ""),
        products=_decode_products(form),
    )


def _decode_products(form: Mapping[str, str]) -> tuple[DetectedProduct, ...]:
    """Decode the parallel lists of product parameters."""
    columns = [form.get(name, "") for name in ("avpfeature", "avpname", "avvname", "avpversion")]
    if not any(columns):
        return ()
    try:
        return tuple(
            DetectedProduct(category=Category(category), name=name, vendor=vendor, version=version)
            for category, name, vendor, version in zip(*map(_split, columns), strict=True)
        )
    except ValueError as error:
        raise MalformedMessageError(_REQUEST, f"the product lists do not fit together ({error})") from None


def _join(values: Iterable[str]) -> str:
    """Join values of one parameter; a separator inside a value is percent-encoded."""
    return VALUE_SEPARATOR.join(quote(value, safe=" ") for value in values)


def _split(text: str) -> list[str]:
    return [unquote(value) for value in text.split(VALUE_SEPARATOR)]


def _encode_report(report: PostureReport) -> bytes:
    root = Element("report")
    append_texts(
        root,
        (
            ("os_type", report.os),
            ("osversion", report.os_version),
            ("agent", report.agent_version),
            ("user_name", report.user_name),
            ("sys_name", report.system_name),
            ("sys_domain", report.system_domain),
        ),
    )
    for result in report.results:
        package = SubElement(root, "package")
        append_texts(package, (("id", result.requirement), ("status", result.outcome.value)))
        for name, outcome in result.checks:
            append_texts(SubElement(package, "check"), (("id", name), ("status", outcome.value)))
    return encode_xml(root)


def _decode_posture_report(form: Mapping[str, str]) -> PostureReport:
    root = decode_xml(form.get("report", "").encode("utf-8", "surrogatepass"), "report", _REPORT)
    return PostureReport(
        session_id=form.get("session_id", ""),
        macs=decode_macs(form.get("clientmac", ""), _REPORT),
        addresses=decode_addresses(form.get("userip", ""), _REPORT),
        os=get_text(root, "os_type", _REPORT),
        os_version=get_text(root, "osversion", _REPORT),
        agent_version=get_text(root, "agent", _REPORT),
        user_name=get_text(root, "user_name", _REPORT),
        system_name=get_text(root, "sys_name", _REPORT),
        system_domain=get_text(root, "sys_domain", _REPORT),
        results=tuple(_decode_result(package) for package in root.iterfind("package")),
    )


def _decode_result(package: Element) -> RequirementResult:
    return RequirementResult(
        requirement=get_text(package, "id", _REPORT),
        outcome=_decode_outcome(package),
        checks=tuple((get_text(check, "id", _REPORT), _decode_outcome(check)) for check in package.iterfind("check")),
    )


def _decode_outcome(element: Element) -> Outcome:
    text = get_text(element, "status", _REPORT)
    try:
        return Outcome(text)
    except ValueError:
        raise MalformedMessageError(_REPORT, f"status {text[:40]!r} is not known") from None
