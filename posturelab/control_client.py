"""Talks to the control API of a running lab, with nothing but the standard library so that it starts fast."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from typing import Any, cast

DEFAULT_URL = "http://127.0.0.1:8600"
URL_VARIABLE = "POSTURELAB_CONTROL"
TOKEN_VARIABLE = "POSTURELAB_TOKEN"
TIMEOUT = 600.0
"""Seconds; a leap over many days takes a while."""


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

    def get(self, path: str) -> dict[str, Any]:
        """Get a resource; raises `ControlError`."""
        return self._call("GET", path, None)

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask for something to be done; raises `ControlError`."""
        return self._call("POST", path, json.dumps(body or {}).encode())

    def _call(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        if not self.url.startswith(("http://", "https://")):
            raise ControlError(f"{self.url!r} is not the URL of a lab")
        headers = {"Content-Type": "application/json"}
        if token := os.environ.get(TOKEN_VARIABLE):
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        # no proxy of the environment stands between a user and a lab on this machine
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=TIMEOUT) as response:
                return cast("dict[str, Any]", json.load(response))
        except urllib.error.HTTPError as error:
            raise ControlError(_read_error(error), error.code) from None
        except (OSError, ValueError) as error:
            cause = getattr(error, "reason", error)
            reason = getattr(cause, "strerror", None) or cause
            raise ControlError(f"no lab answers at {self.url} ({reason}); start one with: posturelab up") from None


def _read_error(error: urllib.error.HTTPError) -> str:
    """Read the sentence of a refusal."""
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError):
        return f"{error.url} answered {error.code} {error.reason}"
