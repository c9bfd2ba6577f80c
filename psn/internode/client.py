"""Handing a CoA to the node that owns the session, and what it means where that fails (aaa-mnt.md 2.5).

No connection, no answer in time or none that can be read: 11215. A certificate that is not of the lab's authority: the
node is of the deployment no longer, 11226. An answer that is no outcome: it does not do that work, 11227.
"""

from __future__ import annotations

import ssl
from datetime import timedelta
from http import HTTPStatus

from psn.coa.message import COA_PATH, CoaMessageError, ProxyCoa, decode_outcome, encode_proxy_coa
from psn.coa.order import CoaEnd, CoaOutcome
from psn.config import PeerNode, PsnConfig
from psn.internode.call import CallError, NodeCaller

CALL_TIMEOUT = timedelta(seconds=5)
"""For the way to the owner and back, on top of the time that the owner by its own settings waits for the NAD."""


class HandOverError(ConnectionError):
    """The owner did not say how the CoA ended."""

    def __init__(self, end: CoaEnd, why: str) -> None:
        super().__init__(why)
        self.end = end
        self.why = why


class InternodeClient:
    """The asking side of the inter-node channel."""

    def __init__(self, config: PsnConfig, *, tls: ssl.SSLContext, call_timeout: timedelta = CALL_TIMEOUT) -> None:
        """Show the certificate of `tls`."""
        self._caller = NodeCaller(address=config.address, tls=tls)
        self._call_timeout = call_timeout

    async def hand_over(self, peer: PeerNode, proxied: ProxyCoa) -> CoaOutcome:
        """Ask the owner and return its outcome; raises `HandOverError`."""
        url = f"https://{peer.address}:{peer.port}{COA_PATH}"
        limit = self._call_timeout + peer.coa_patience
        try:
            answer = await self._caller.post(url, encode_proxy_coa(proxied), limit=limit)
        except CallError as error:
            end = CoaEnd.OWNER_DEREGISTERED if error.is_untrusted else CoaEnd.OWNER_SILENT
            raise HandOverError(end, error.why) from None
        if answer.status != HTTPStatus.OK:
            raise HandOverError(CoaEnd.OWNER_INACTIVE, f"it answered with HTTP status {answer.status}")
        try:
            return decode_outcome(answer.body)
        except CoaMessageError as error:
            raise HandOverError(CoaEnd.OWNER_SILENT, str(error)) from None
