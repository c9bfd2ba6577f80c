"""Asks the ports of a lab's nodes whether a node is behind them. Every question is bounded in time.

None changes anything: a Status-Server is answered and forgotten, and a CoA-Request only asks about a session that does
not exist, which a switch refuses with Error-Cause 503 (RFC 5176) and a journal record. An inter-node server that is
shown no certificate, and a proxy that is asked nothing, may write a record too; a portal is asked for a file alone.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import aiohttp

from nac.discovery import CA_PATH
from nac.mnt_api import VERSION_PATH
from nac.node.binding import find_holder
from posturelab.doctor.sight import ALIVE, Outcome, Service, Sight, Target
from psn.internode.call import CallError, NodeCaller
from radius import attribute
from radius.authenticator import ZEROS, encode_request, verify_reply
from radius.packet import MAXIMUM_LENGTH, Attribute, Code, MalformedPacketError, decode, text
from radius.secret import Secret

TIMEOUT = 2.0
"""Seconds for one port."""

ATTEMPTS = 2
"""Datagrams of one RADIUS question, because one may be lost."""

PAGE_TIMEOUT = 1.0
"""Seconds for the portal's answer after the handshake, within those for its port."""

_PORTAL = "portal"
"""The use of the port at which browsers are served."""

_SESSION = "posturelab-doctor"
"""An Acct-Session-Id that no device has given."""

_NOT_HELD = (ALIVE - {Outcome.UNTRUSTED}) | {Outcome.BARRED}

_VERIFY_OUTCOMES = {9: Outcome.EXPIRED, 10: Outcome.EXPIRED, 62: Outcome.MISNAMED, 64: Outcome.MISNAMED}
"""By the numbers of OpenSSL's X509_V_ERR: not yet or no longer good, another host name or address."""


async def ask_all(targets: Sequence[Target], tls: ssl.SSLContext) -> list[Sight]:
    """Ask every port at once; who holds those that do not answer is looked up afterwards."""
    sights = await asyncio.gather(*(_ask(target, tls) for target in targets))
    return _name_holders(sights)


async def _ask(target: Target, tls: ssl.SSLContext) -> Sight:
    ask = _QUESTIONS[target.service]
    try:
        async with asyncio.timeout(TIMEOUT):
            return await ask(target, tls)
    except ConnectionRefusedError:
        return Sight(target=target, outcome=Outcome.CLOSED)
    except TimeoutError:
        return Sight(target=target, outcome=Outcome.SILENT)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        return Sight(target=target, outcome=Outcome.UNREACHABLE, reason=reason)


async def _ask_radius(target: Target, _: ssl.SSLContext) -> Sight:
    """Send a signed request from a connected socket, to which the machine tells that nobody listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.connect((target.address, target.port))
        host, port = sock.getsockname()
        learned = target.clients.find(host) if target.clients is not None else None
        if learned is None:
            return Sight(target=target, outcome=Outcome.BARRED, source=(host, port))
        request, answers = _build_request(target.service, learned.client.secret)
        seen = Sight(target=target, outcome=Outcome.SILENT, source=(host, port))
        loop = asyncio.get_running_loop()
        for _attempt in range(ATTEMPTS):
            await loop.sock_sendall(sock, request)
            with suppress(TimeoutError):
                async with asyncio.timeout(TIMEOUT / (ATTEMPTS + 1)):
                    data = await loop.sock_recv(sock, MAXIMUM_LENGTH)
                    outcome, reason = _judge_reply(data, request, learned.client.secret, answers)
                    return replace(seen, outcome=outcome, reason=reason)
        return seen


def _build_request(service: Service, secret: Secret) -> tuple[bytes, frozenset[int]]:
    """Build a request, and list the codes that answer it as they should."""
    if service is Service.STATUS:
        answers = frozenset({int(Code.ACCESS_ACCEPT), int(Code.ACCOUNTING_RESPONSE)})
        return encode_request(Code.STATUS_SERVER, 0, [], secret, secrets.token_bytes(16)), answers
    question: list[Attribute] = [
        (attribute.ACCT_SESSION_ID, text(_SESSION)),
        (attribute.CISCO_AVPAIR, text("subscriber:command=session-query")),
    ]
    return encode_request(Code.COA_REQUEST, 0, question, secret, ZEROS), frozenset({int(Code.COA_NAK)})


def _judge_reply(data: bytes, request: bytes, secret: Secret, answers: frozenset[int]) -> tuple[Outcome, str]:
    try:
        reply = decode(data)
    except MalformedPacketError as error:
        return Outcome.STRANGE, f"what it answers is no RADIUS: {error.fault}"
    fault = verify_reply(data, reply, request[0], request[4:20], secret)
    if fault is not None:
        return Outcome.STRANGE, f"its answer is signed with another secret: {fault.value}"
    if reply.code not in answers:
        return Outcome.STRANGE, f"it answers with code {reply.code}"
    return Outcome.ANSWERED, ""


async def _ask_tcp(target: Target, _: ssl.SSLContext) -> Sight:
    writer = (await asyncio.open_connection(target.address, target.port))[1]
    writer.transport.abort()
    return Sight(target=target, outcome=Outcome.ANSWERED)


async def _ask_tls(target: Target, tls: ssl.SSLContext) -> Sight:
    """Shake hands; a request follows at a portal only, because one that hangs or fails shakes hands all the same."""
    sight = await _shake_hands(target, tls)
    if target.use != _PORTAL or sight.outcome is not Outcome.ANSWERED:
        return sight
    fault = await _open_portal(target, tls)
    return replace(sight, outcome=Outcome.STRANGE, reason=fault) if fault else sight


async def _open_portal(target: Target, tls: ssl.SSLContext) -> str:
    """Get the file that every portal serves, and say what is wrong with the answer; its body is not read."""
    url = f"https://{target.address}:{target.port}{CA_PATH}"
    connector = aiohttp.TCPConnector(ssl=tls, force_close=True)
    try:
        async with (
            asyncio.timeout(PAGE_TIMEOUT),
            aiohttp.ClientSession(connector=connector) as session,
            session.get(url, server_hostname=target.server_name or None, allow_redirects=False) as answer,
        ):
            status = answer.status
    except TimeoutError:
        return f"it shakes hands, but does not answer GET {CA_PATH} within {PAGE_TIMEOUT:g} s"
    except (aiohttp.ClientError, OSError, ValueError):
        return f"it shakes hands, but its answer to GET {CA_PATH} is no HTTP or breaks off"
    return "" if status == HTTPStatus.OK else f"it answers GET {CA_PATH} with status {status} instead of 200"


async def _shake_hands(target: Target, tls: ssl.SSLContext) -> Sight:
    """Shake hands as a client would that has the lab's authority; no request follows."""
    try:
        _, writer = await asyncio.open_connection(
            target.address, target.port, ssl=tls, server_hostname=target.server_name
        )
    except ssl.SSLCertVerificationError as error:
        outcome = _VERIFY_OUTCOMES.get(error.verify_code, Outcome.UNTRUSTED)
        return Sight(target=target, outcome=outcome, reason=error.verify_message.rstrip("."))
    except ssl.SSLError:
        return Sight(target=target, outcome=Outcome.STRANGE, reason="it does not speak TLS")
    except ConnectionResetError:
        return Sight(target=target, outcome=Outcome.STRANGE, reason="it breaks the TLS handshake off")
    certificate = writer.get_extra_info("peercert") or {}
    writer.transport.abort()
    return Sight(target=target, outcome=Outcome.ANSWERED, expires_at=_read_expiry(certificate))


async def _ask_rest(target: Target, tls: ssl.SSLContext) -> Sight:
    """Shake hands, then ask the simplest question of the REST API, with user and password.

    Who has not proved to be the lab's gets neither: where certificates are not verified, the handshake is all.
    """
    sight = await _shake_hands(target, tls)
    if sight.outcome is not Outcome.ANSWERED or tls.verify_mode is ssl.CERT_NONE:
        return sight
    url = f"https://{target.address}:{target.port}{VERSION_PATH}"
    caller = NodeCaller(address="0.0.0.0", tls=tls)
    try:
        answer = await caller.get(url, user=target.user, password=target.password, limit=timedelta(seconds=TIMEOUT))
    except CallError as error:
        return replace(sight, outcome=Outcome.STRANGE, reason=f"its REST API does not answer: {error.why}")
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return replace(sight, outcome=Outcome.DENIED)
    if answer.status != HTTPStatus.OK:
        return replace(sight, outcome=Outcome.STRANGE, reason=f"its REST API answers with status {answer.status}")
    return sight


_QUESTIONS: Mapping[Service, Callable[[Target, ssl.SSLContext], Awaitable[Sight]]] = {
    Service.STATUS: _ask_radius,
    Service.COA: _ask_radius,
    Service.TLS: _ask_tls,
    Service.REST: _ask_rest,
    Service.TCP: _ask_tcp,
}


def _read_expiry(certificate: Mapping[str, object]) -> datetime | None:
    """Read when a certificate ends; None for one that was not verified, of which nothing is known."""
    text = certificate.get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC) if isinstance(text, str) else None


def _name_holders(sights: Sequence[Sight]) -> list[Sight]:
    """Name the processes that hold ports at which no node answers, unless it answers elsewhere as the same node.

    A certificate that is not the lab's may be the node's all the same; then only another process than its own counts.
    """
    own: dict[str, str] = {}
    for sight in sights:
        if sight.outcome in ALIVE - {Outcome.UNTRUSTED} and sight.target.node not in own:
            own[sight.target.node] = _find_holder(sight.target)
    named = []
    for sight in sights:
        known = own.get(sight.target.node, "")
        if sight.outcome not in _NOT_HELD and (known or sight.outcome is not Outcome.UNTRUSTED):
            holder = _find_holder(sight.target)
            named.append(replace(sight, holder="" if holder == known else holder))
        else:
            named.append(sight)
    return named


def _find_holder(target: Target) -> str:
    return find_holder(target.address, target.port, target.protocol) or ""
