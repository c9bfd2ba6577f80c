"""What went wrong between a node and its broker, in one sentence a person can act on. Never shows a password."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from collections.abc import Callable
from typing import Any

from aio_pika.exceptions import (
    AMQPConnectionError,
    AMQPError,
    AuthenticationError,
    ChannelClosed,
    ChannelPreconditionFailed,
    ConnectionClosed,
    InvalidFrameError,
    ProbableAuthenticationError,
    PublishError,
)

_REFUSALS = (AuthenticationError, ProbableAuthenticationError)
_NUMBER = re.compile(r"\[Errno (\d+)\]")


class SessionLostError(Exception):
    """A connection to the broker, or something that it cannot do without, is gone."""

    def __init__(self, reason: str) -> None:
        """Say what is gone."""
        super().__init__(reason)


def explain(error: BaseException) -> str:
    """Say why a link is down."""
    if isinstance(error, BaseExceptionGroup):
        return explain(error.exceptions[0])
    if isinstance(error, AMQPConnectionError) and isinstance(error.__cause__, ssl.SSLError):
        return explain(error.__cause__)
    for kinds, render in _REASONS:
        if isinstance(error, kinds):
            return render(error)
    return f"{type(error).__name__}: {error}"


def is_login_refused(error: BaseException) -> bool:
    """Tell whether the broker was reached and does not accept user and password."""
    return isinstance(error, _REFUSALS)


def _quote(error: AMQPError) -> str:
    """Repeat what the broker said; its texts name queues and reasons, never credentials."""
    texts = [text for text in error.args if isinstance(text, str)]
    return texts[-1] if texts else type(error).__name__


def _describe(error: OSError) -> str:
    """Say what the system refused, without its numbers; a name with several addresses fails for several reasons."""
    numbers = [str(error.errno)] if (error.errno or 0) > 0 else _NUMBER.findall(str(error))
    return ", ".join(dict.fromkeys(os.strerror(int(number)) for number in numbers)) or error.strerror or str(error)


def _render_tls(error: ssl.SSLError) -> str:
    return f"TLS with the broker failed: {(error.reason or 'the connection was closed').replace('_', ' ').lower()}"


_REASONS: tuple[tuple[tuple[type[BaseException], ...], Callable[[Any], str]], ...] = (
    ((SessionLostError,), str),
    ((TimeoutError,), lambda _: "the broker does not answer"),
    (
        (ssl.SSLCertVerificationError,),
        lambda error: f"the broker's certificate is not accepted: {error.verify_message}",
    ),
    ((ssl.SSLError,), _render_tls),
    (_REFUSALS, lambda _: "the broker does not accept user and password"),
    (
        (ChannelPreconditionFailed,),
        lambda error: f"the broker has a queue or exchange of this name with other settings: {_quote(error)}",
    ),
    (
        (InvalidFrameError,),
        lambda _: "the broker does not know the virtual host or does not let this user in, or it is not a broker",
    ),
    ((ChannelClosed, ConnectionClosed), lambda error: f"the broker closed the connection: {_quote(error)}"),
    ((PublishError,), lambda _: "a queue has disappeared from the broker"),
    (
        (AMQPConnectionError, ConnectionResetError, BrokenPipeError, asyncio.IncompleteReadError),
        lambda _: "the connection to the broker broke",
    ),
    ((OSError,), lambda error: f"the broker cannot be reached: {_describe(error)}"),
    ((AMQPError,), lambda error: f"the broker does not speak as expected: {_quote(error)}"),
)
"""The first that fits; what is special comes before what is general."""
