"""What a policy service node shares with the other nodes over its link, and what it knows from them.

Sessions where the era has a directory, endpoint attributes in every era. A node that is alone has no link and shares
nothing; its directory stays empty.
"""

from __future__ import annotations

from ldd.directory import RadiusSessionDirectory
from ldd.link import Link
from ldd.membership import Membership
from ldd.publisher import PublishingNode, SessionPublisher
from ldd.replication import Replication
from nac.node.runtime import Runtime
from nac.syslog import render_attributes
from nac.syslog_catalogue import QUEUE_LINK_ERROR
from psn.config import PsnConfig
from psn.endpoints.replication import EndpointReplication
from psn.endpoints.store import EndpointStore
from psn.log.sender import LogSender
from psn.session_directory_feed import SessionDirectoryFeed
from psn.session_events import Nobody, SessionListener


class Sharing:
    """One node's part in light data distribution, between `start` and `stop`."""

    def __init__(self, config: PsnConfig, runtime: Runtime, *, endpoints: EndpointStore, link: Link | None) -> None:
        """Subscribe to what the era has; nothing is sent before `start`."""
        self.listener: SessionListener = Nobody()
        """To be told of this node's sessions."""
        self._runtime = runtime
        self._endpoint_replication = EndpointReplication(runtime, store=endpoints, link=link) if link else None
        self._membership = Membership(runtime, link, era=config.era, name=config.fqdn)
        if link is not None and self.replication is not None:
            node = PublishingNode(name=config.name, address=config.address, fqdn=config.fqdn)
            publisher = SessionPublisher(node, runtime, directory=self.rsd, link=link, era=config.era)
            self.listener = SessionDirectoryFeed(publisher)

    @property
    def rsd(self) -> RadiusSessionDirectory:
        """Its replica of the sessions of all nodes."""
        return self._membership.rsd

    @property
    def replication(self) -> Replication | None:
        """What keeps the replica up to date; None where it stays empty."""
        return self._membership.replication

    async def start(self, *alarms: LogSender) -> None:
        """Follow the others; each of `alarms` carries to MNT that the link is broken.

        The same record goes out by all of them, and counts once: one by UDP at once, one by the link when it is back.
        """

        def raise_alarm(attributes: list[tuple[str, str]]) -> None:
            now = self._runtime.clock.now()
            for sender in alarms:
                sender.send(QUEUE_LINK_ERROR, now, render_attributes(attributes))

        if self._endpoint_replication is not None:
            self._endpoint_replication.start()
        await self._membership.start(raise_alarm)

    async def stop(self) -> None:
        """Cease to follow the others, and send what waits; a second call does nothing."""
        if self._endpoint_replication is not None:
            await self._endpoint_replication.stop()
        await self._membership.stop()
