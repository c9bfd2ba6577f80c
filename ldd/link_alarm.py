"""The alarm *Queue Link Error*: a node has lost its link to the others, or never got one.

Decides that an outage is one alarm, whatever else is in the way before its end, and that each new reason and its end
are news for the journal; how the alarm gets to MNT is the node's affair. Words from a published log (docs/fidelity.md).
"""

from __future__ import annotations

from collections.abc import Callable

from ldd.link import Link, LinkEvent
from nac.node.runtime import Runtime

REASON_LIMIT = 100
"""Reasons of one outage that are told."""

RaiseAlarm = Callable[[list[tuple[str, str]]], None]
"""Told the attributes of an alarm of code 61056 (`nac.syslog_catalogue.QUEUE_LINK_ERROR`)."""


class LinkAlarm:
    """Watches one node's link; between `start` and `stop` it speaks."""

    def __init__(self, runtime: Runtime, link: Link, *, name: str) -> None:
        """Watch a link that is not started yet; `name` is what the node is called in alarms."""
        self._runtime = runtime
        self._name = name
        self._raise_alarm: RaiseAlarm | None = None
        self._reasons: set[str] = set()
        link.watch(self._note)

    def start(self, raise_alarm: RaiseAlarm) -> None:
        """Raise alarms in this way from now on."""
        self._raise_alarm = raise_alarm
        self._reasons.clear()

    def stop(self) -> None:
        """Raise no more alarms; a second call does nothing."""
        self._raise_alarm = None

    def _note(self, event: LinkEvent, text: str) -> None:
        if self._raise_alarm is None:
            return
        match event:
            case LinkEvent.DOWN if not self._reasons:
                self._reasons.add(text)
                self._runtime.write("queue-link-error", f"nothing reaches the other nodes: {text}")
                self._raise_alarm([("Message", f"From {self._name} To the message broker"), ("Cause", text)])
            case LinkEvent.DOWN if text not in self._reasons and len(self._reasons) < REASON_LIMIT:
                self._reasons.add(text)
                self._runtime.write("queue-link-error", f"still nothing reaches the other nodes: {text}")
            case LinkEvent.UP if self._reasons:
                self._reasons.clear()
                self._runtime.write("queue-link-restored", f"the other nodes can be reached again: {text}")
            case LinkEvent.DROPPED:
                self._runtime.write("queue-overflow", text)
            case LinkEvent.UNREADABLE:
                self._runtime.write("message-unreadable", text)
            case LinkEvent.HELD:
                self._runtime.write("letters-held", text)
            case LinkEvent.SPOOL_FAILED:
                self._runtime.write("spool-failed", text)
