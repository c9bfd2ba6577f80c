"""What a policy service node shares with the other nodes over its link, and what it knows from them.

Sessions where the era has a directory, endpoint attributes in every era. A node that is alone has no link and shares
nothing; its directory stays empty.
"""

from __future__ import annotations

from ldd.directory import RadiusSessionDirectory
from ldd.era import Era
from ldd.link import Link
from ldd.link_alarm import LinkAlarm
from ldd.publisher import Owner, SessionPublisher
from ldd.replication import Replication
from nac.runtime import Runtime
from nac.syslog import render_attributes
from nac.syslog_catalogue import QUEUE_LINK_ERROR
from psn.config import PsnConfig
from psn.endpoints.replication import EndpointReplication
from psn.endpoints.store import EndpointStore
from psn.log.sender import LogSender
from psn.session_directory_feed import SessionDirectoryFeed
from psn.session_events import SessionListener


class Sharing:
    """One node's part in light data distribution, between `start` and `stop`."""

    def __init__(self, config: PsnConfig, runtime: Runtime, *, endpoints: EndpointStore, link: Link | None) -> None:
        """Subscribe to what the era has; nothing is sent before `start`."""
        self.rsd = RadiusSessionDirectory()
        """This node's replica of the sessions of all nodes."""
        self.listener: SessionListener | None = None
        """To be told of this node's sessions; None where they are not shared."""
        self.replication: Replication | None = None
        self._runtime = runtime
        self._link = link
        self._endpoint_replication: EndpointReplication | None = None
        self._alarm: LinkAlarm | None = None
        if link is None:
            return
        self._endpoint_replication = EndpointReplication(runtime, store=endpoints, link=link)
        self._alarm = LinkAlarm(runtime, link, name=config.fqdn)
        if config.era is not Era.OFF:
            owner = Owner(name=config.name, address=config.address, fqdn=config.fqdn)
            publisher = SessionPublisher(owner, runtime, directory=self.rsd, link=link, era=config.era)
            self.listener = SessionDirectoryFeed(publisher)
            self.replication = Replication(runtime, directory=self.rsd, link=link)

    async def start(self, alarms: LogSender) -> None:
        """Follow the others; `alarms` carries to MNT that the link is broken, and so needs no link itself."""
        if self._link is None:
            return

        def raise_alarm(attributes: list[tuple[str, str]]) -> None:
            alarms.send(QUEUE_LINK_ERROR, self._runtime.clock.now(), render_attributes(attributes))

        if self._alarm is not None:
            self._alarm.start(raise_alarm)
        if self._endpoint_replication is not None:
            self._endpoint_replication.start()
        if self.replication is not None:
            self.replication.start()
        await self._link.start()

    async def stop(self) -> None:
        """Forget the others' sessions, and send what waits, as far as that goes quickly; a second call does nothing."""
        if self._link is None:
            return
        if self._alarm is not None:
            self._alarm.stop()
        if self._endpoint_replication is not None:
            await self._endpoint_replication.stop()
        if self.replication is not None:
            await self.replication.stop()
        await self._link.stop()
