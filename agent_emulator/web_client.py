"""The agent's HTTP: every request through the access port's proxy, redirects left to the caller, TLS to lab names only.

All that can go wrong between two programs ends in `UnreachableError`. Answers are bounded in size and time.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType

import aiohttp

MAXIMUM_BODY = 256 << 10
_FORM = "application/x-www-form-urlencoded"


class UnreachableError(ConnectionError):
    """No answer came from a URL; `why` says what stood in the way."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"{url}: {why}")
        self.url = url
        self.why = why


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """One answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The media type without parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()


class _BrokenOffError(Exception):
    """The one attempt at a request failed with `error`."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


async def _try_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Hide from the session the errors after which it would repeat a GET: a probe is one request."""
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _BrokenOffError(error) from None


class WebClient:
    """The HTTP client of one discovery; its connections end with the `async with` block."""

    def __init__(self, *, proxy_url: str, tls: ssl.SSLContext, user_agent: str) -> None:
        self._proxy_url = proxy_url
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            headers={"User-Agent": user_agent},
            middlewares=(_try_once,),
        )

    async def __aenter__(self) -> WebClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def get(self, url: str, *, timeout: timedelta) -> WebAnswer:  # noqa: ASYNC109
        """Get a URL; raises `UnreachableError`."""
        return await self._exchange("GET", url, None, timeout)

    async def post(self, url: str, form: str, *, timeout: timedelta) -> WebAnswer:  # noqa: ASYNC109
        """Post a form; raises `UnreachableError`."""
        return await self._exchange("POST", url, form, timeout)

    async def _exchange(self, method: str, url: str, form: str | None, limit: timedelta) -> WebAnswer:
        headers = {} if form is None else {"Content-Type": _FORM}
        data = None if form is None else form.encode()
        try:
            async with (
                asyncio.timeout(limit.total_seconds()),
                self._session.request(
                    method, url, data=data, headers=headers, proxy=self._proxy_url, allow_redirects=False
                ) as response,
            ):
                body = await response.content.read(MAXIMUM_BODY)
                while len(body) < MAXIMUM_BODY and (more := await response.content.read(MAXIMUM_BODY - len(body))):
                    body += more
                return WebAnswer(response.status, response.headers, body)
        except TimeoutError:
            raise UnreachableError(url, f"no answer within {limit.total_seconds():g} s") from None
        except _BrokenOffError as failure:
            raise UnreachableError(url, _explain(failure.error)) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise UnreachableError(url, _explain(error)) from None


def _explain(error: Exception) -> str:
    """Say what stood in the way, without the ports and addresses that differ from run to run."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return f"its certificate is not trusted ({error.certificate_error})"
        case aiohttp.ClientHttpProxyError():
            return f"the network answered {error.status} {error.message}"
        case aiohttp.ClientProxyConnectionError():
            return "the network is not there"
        case aiohttp.ServerDisconnectedError() | ConnectionResetError():
            return "the connection was closed without an answer"
        case aiohttp.ClientConnectorError():
            return "no TLS connection could be made"
        case _:
            return type(error).__name__
