"""The alarm *Queue Link Error*: a node has lost its link to the others, or never got one.

Decides that an outage is one alarm, however often it is told of, and that its end is news too. The alarm goes to MNT
by plain syslog, for a broken link cannot carry it. Words from a published log (docs/fidelity.md); 61056 is the
catalogue's code of a link that is down (posture.md 5.4).
"""

from __future__ import annotations

from ldd.link import Link, LinkEvent
from nac.runtime import Runtime
from nac.syslog import render_attributes
from nac.syslog_catalogue import QUEUE_LINK_ERROR
from psn.log_sender import LogSender


class LinkAlarm:
    """Watches one node's link; between `start` and `stop` it speaks."""

    def __init__(self, runtime: Runtime, link: Link, *, fqdn: str) -> None:
        """Watch a link that is not started yet; `fqdn` is the node's."""
        self._runtime = runtime
        self._fqdn = fqdn
        self._sender: LogSender | None = None
        self._is_raised = False
        link.watch(self._note)

    def start(self, sender: LogSender) -> None:
        """Raise alarms by `sender` from now on."""
        self._sender = sender
        self._is_raised = False

    def stop(self) -> None:
        """Raise no more alarms; a second call does nothing."""
        self._sender = None

    def _note(self, event: LinkEvent, text: str) -> None:
        if self._sender is None:
            return
        match event:
            case LinkEvent.DOWN if not self._is_raised:
                self._is_raised = True
                self._runtime.write("queue-link-error", f"nothing reaches the other nodes: {text}")
                self._raise(self._sender, text)
            case LinkEvent.UP if self._is_raised:
                self._is_raised = False
                self._runtime.write("queue-link-restored", f"the other nodes can be reached again: {text}")
            case LinkEvent.DROPPED:
                self._runtime.write("queue-overflow", text)

    def _raise(self, sender: LogSender, cause: str) -> None:
        pairs = [("Message", f"From {self._fqdn} To the message broker"), ("Cause", cause)]
        sender.send(QUEUE_LINK_ERROR, self._runtime.clock.now(), render_attributes(pairs))
