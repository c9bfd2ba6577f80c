"""The monitoring node: syslog in; session directory, live log and accounting report out.

All it knows, records have told it. The retention job runs every five minutes, the first time five minutes after start.
"""

from __future__ import annotations

import asyncio

from ldd.bus import Bus
from ldd.directory import RadiusSessionDirectory
from ldd.replication import Replication
from mnt.config import MntConfig
from mnt.live_log import LiveLog
from mnt.reassembly import Reassembly
from mnt.session import MonitoredSession
from mnt.session_change import SessionChange
from mnt.session_directory import SessionDirectory
from mnt.syslog_receiver import SyslogReceiver
from nac.journal import Fact
from nac.runtime import Runtime
from nac.syslog import SyslogRecord


class MonitoringNode:
    """One monitoring node. What it knows outlives `stop`, as a database would; `rsd`, its replica, does not."""

    kind = "mnt"

    def __init__(self, config: MntConfig, runtime: Runtime, *, bus: Bus | None = None) -> None:
        """Compose the node; nothing is bound before `start`. Without a bus `rsd` stays empty."""
        self.config = config
        self.directory = SessionDirectory(
            accounting_creates_sessions=config.accounting_creates_sessions, limit=config.session_limit
        )
        self.live_log = LiveLog(limit=config.live_log_limit)
        self.rsd = RadiusSessionDirectory()
        self._replication = Replication(runtime, directory=self.rsd, bus=bus) if bus is not None else None
        self._runtime = runtime
        self._receiver = SyslogReceiver(runtime, Reassembly(lifetime=config.segment_timeout), self._take_record)
        self._job: asyncio.TimerHandle | None = None

    @property
    def name(self) -> str:
        """The node's name."""
        return self.config.name

    @property
    def address(self) -> str:
        """The address it is bound to."""
        return self.config.address

    @property
    def ports(self) -> dict[str, int]:
        """The ports that are bound, by use."""
        return {"syslog": self._receiver.port}

    async def start(self) -> None:
        """Bind the syslog port and begin to count towards the first retention job; raises as `bind_udp` does."""
        self._receiver.start(self.config.address, self.config.syslog_port)
        if self._replication is not None:
            self._replication.start()
        self._schedule_job()

    async def stop(self) -> None:
        """Close the port and end the job; a second call does nothing."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
        if self._replication is not None:
            self._replication.stop()
        self._receiver.stop()

    def snapshot(self) -> list[dict[str, str | None]]:
        """Build a JSON-ready list of the sessions, oldest first."""
        return [session.snapshot() for session in self.directory.list_sessions()]

    def _take_record(self, record: SyslogRecord) -> None:
        now = self._runtime.clock.now()
        self.live_log.add(record, now)
        for change in self.directory.apply(record, now):
            self._write(change)

    def _schedule_job(self) -> None:
        interval = self.config.retention.job_interval.total_seconds()
        self._job = asyncio.get_running_loop().call_later(interval, self._run_job)

    def _run_job(self) -> None:
        """Apply the retention rules to every session."""
        self._schedule_job()
        now = self._runtime.clock.now()
        for session in self.directory:
            reason = self.config.retention.find_reason(session, now)
            if reason is not None:
                self.directory.remove(session.session_id)
                self._write(
                    SessionChange(
                        event="session-removed", reason=reason, session_id=session.session_id, session=session
                    )
                )

    def _write(self, change: SessionChange) -> None:
        facts: dict[str, Fact] = {"session_id": change.session_id}
        if change.session is not None:
            facts |= _list_facts(change.session)
        self._runtime.write(change.event, change.reason, facts)


def _list_facts(session: MonitoredSession) -> dict[str, Fact]:
    return {
        "mac": session.mac,
        "user_name": session.user_name,
        "state": session.state.value,
        "posture_status": session.posture_word,
        "profile": session.profile,
        "acs_server": session.acs_server,
        "last_acct_node": session.last_acct_node,
    }
