"""Talks to the control API of a running lab, with nothing but the standard library so that it starts fast."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any, cast

from posturelab.reading.token import TOKEN_VARIABLE, check_token

DEFAULT_URL = "http://127.0.0.1:8600"
URL_VARIABLE = "POSTURELAB_CONTROL"
QUESTION_TIMEOUT = 10.0
"""Seconds until whoever is only asked what it knows is given up: it may be paused, or hang."""
ACTION_TIMEOUT = 60.0
"""Seconds for what has to be done first."""
LONGEST_TIMEOUT = 600.0
"""Seconds for what may take minutes: a leap of the clock over many days, a CoA that a patient owner repeats."""


class ControlError(RuntimeError):
    """The lab did not do what it was asked; the text is one sentence. `status` is that of its answer, 0 for none."""

    def __init__(self, sentence: str, status: int = 0) -> None:
        """Keep what it said."""
        super().__init__(sentence)
        self.status = status


class ControlClient:
    """One lab, by the URL of its API; `POSTURELAB_CONTROL` and `POSTURELAB_TOKEN` say which, unless told."""

    def __init__(self, url: str | None = None) -> None:
        """Choose the lab."""
        self.url = (url or os.environ.get(URL_VARIABLE) or DEFAULT_URL).rstrip("/")

    def get(self, path: str, *, timeout: float = QUESTION_TIMEOUT) -> dict[str, Any]:
        """Get a resource, waiting so many seconds; raises `ControlError`."""
        return self._call(path, timeout=timeout)

    def post(self, path: str, body: dict[str, Any] | None = None, *, timeout: float = ACTION_TIMEOUT) -> dict[str, Any]:
        """Ask for something to be done, waiting so many seconds; raises `ControlError`."""
        return self._call(path, json.dumps(body or {}).encode(), timeout=timeout)

    def _call(self, path: str, body: bytes | None = None, *, timeout: float) -> dict[str, Any]:
        """Get, or post where there is a body."""
        if not self.url.startswith(("http://", "https://")):
            raise ControlError(f"{self.url!r} is not the URL of a lab")
        request = urllib.request.Request(self.url + path, body, _build_headers())
        # no proxy of the environment stands between a user and a lab on this machine
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=timeout) as response:
                return cast("dict[str, Any]", json.load(response))
        except urllib.error.HTTPError as error:
            raise ControlError(_read_error(error), error.code) from None
        except (OSError, ValueError, HTTPException) as error:
            cause = getattr(error, "reason", error)
            if isinstance(cause, TimeoutError):
                why = "it is paused, hangs, or is beyond a network that loses everything"
                raise ControlError(f"no answer from {self.url} within {timeout:g} s: {why}") from None
            reason = getattr(cause, "strerror", None) or cause
            raise ControlError(f"no lab answers at {self.url} ({reason}); start one with: posturelab up") from None


def _build_headers() -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    if token := os.environ.get(TOKEN_VARIABLE):
        try:
            headers["Authorization"] = f"Bearer {check_token(token)}"
        except ValueError as error:
            raise ControlError(f"{TOKEN_VARIABLE}: {error}") from None
    return headers


def _read_error(error: urllib.error.HTTPError) -> str:
    """Read the sentence of a refusal."""
    try:
        return str(json.load(error)["error"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"{error.url} answered {error.code} {error.reason}"
