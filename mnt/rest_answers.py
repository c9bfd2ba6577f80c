"""What the REST API of a monitoring node answers, without HTTP: a table of paths (aaa-mnt.md 6.1).

Paths are case-sensitive. A session that is not there is a failure of the server, 500, as it is there, and so is a MAC
spelled otherwise than ``02:00:00:00:10:01``; the sentence says what is meant. A terminated session is told until the
retention rules remove it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType

from mnt.session_directory import SessionDirectory
from mnt.session_xml import render_session, render_version
from nac.identity import find_mac
from nac.mnt_api import NOT_TOLD, SESSION_BY_MAC_PATH, VERSION_PATH, RestResult, encode_result


@dataclass(frozen=True, slots=True, kw_only=True)
class RestAnswer:
    """An answer, and one sentence on it for the journal."""

    status: HTTPStatus
    body: bytes
    reason: str


Route = Callable[[Mapping[str, str]], RestAnswer]
"""Answers a path, given the parts of it that vary."""


class RestAnswers:
    """The answers of one node; `routes` maps paths, with varying parts in braces, to what answers them."""

    def __init__(self, directory: SessionDirectory) -> None:
        """Answer from a session directory."""
        self._directory = directory
        self.routes: Mapping[str, Route] = MappingProxyType(
            {
                VERSION_PATH: self._answer_version,
                f"{SESSION_BY_MAC_PATH}/{{mac}}": self._answer_session_by_mac,
            }
        )

    def _answer_version(self, _: Mapping[str, str]) -> RestAnswer:
        return RestAnswer(status=HTTPStatus.OK, body=render_version(), reason="told the version")

    def _answer_session_by_mac(self, parts: Mapping[str, str]) -> RestAnswer:
        mac = parts["mac"]
        session = self._directory.find_by_mac(mac) if find_mac(mac) == mac else None
        if session is not None:
            reason = f"told session {session.session_id}, whose owner is {session.acs_server or 'not known'}"
            return RestAnswer(status=HTTPStatus.OK, body=render_session(session), reason=reason)
        why = f"Session data is not available for {mac}."
        if find_mac(mac) != mac:
            why += " A MAC address is written as 02:00:00:00:10:01 here, in upper case."
        return fail(HTTPStatus.INTERNAL_SERVER_ERROR, why, operation="Get By Type", resource_type="RESTSDStatus")


def fail(status: HTTPStatus, why: str, *, operation: str = NOT_TOLD, resource_type: str = NOT_TOLD) -> RestAnswer:
    """Build the answer of a request that failed."""
    result = RestResult(
        http_code=str(status.value),
        internal_error_info=why,
        requested_operation=operation,
        resource_type=resource_type,
    )
    return RestAnswer(status=status, body=encode_result(result), reason=why)
