"""Ships syslog records to MNT's mailboxes on the broker: the same lines, acknowledged once MNT has stored them.

What cannot go out at once the link keeps, within its bounds. The lines of a letter have at most 8,192 octets each.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ldd.link import Link
from nac.letter import encode_letter
from nac.syslog import LONGEST_LENGTH, SyslogEncoder
from nac.syslog_catalogue import CatalogueEntry


class MessagingSender:
    """The messaging side of one node."""

    def __init__(self, *, host: str, mailboxes: Iterable[str], link: Link) -> None:
        """Post to these mailboxes; raises `ValueError` as `SyslogEncoder` does."""
        self._encoder = SyslogEncoder(host, maximum_length=LONGEST_LENGTH)
        self._mailboxes = tuple(mailboxes)
        self._link = link

    def send(self, entry: CatalogueEntry, now: datetime, body: str) -> None:
        """Post one record to every mailbox; `body` is rendered attributes (`nac.syslog.render_attributes`)."""
        if not self._mailboxes:
            return
        letter = encode_letter(self._encoder.encode(entry, now, body))
        for mailbox in self._mailboxes:
            self._link.post(mailbox, letter)

    def close(self) -> None:
        """Send no more; what was posted goes out with the link."""
        self._mailboxes = ()
