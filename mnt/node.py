"""The monitoring node: log records in; session directory, live log, accounting report, alarms and REST API out.

All it knows, records have told it, by UDP or as letters. The retention job runs every five minutes, the first time
five minutes after start.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from ldd.directory import RadiusSessionDirectory
from ldd.link import Link
from ldd.membership import Membership
from ldd.replication import Replication
from mnt.alarms import ALARM_LIMIT, Alarm, Alarms, build_link_alarm, read_alarm
from mnt.config import MntConfig
from mnt.letter_intake import LetterIntake
from mnt.live_log import LiveLog
from mnt.reassembly import Reassembly
from mnt.rest_answers import RestAnswers
from mnt.rest_api import RestApi
from mnt.session import EVENTS, MonitoredSession
from mnt.session_attributes import find_session_id
from mnt.session_change import SessionChange
from mnt.session_directory import SessionDirectory
from mnt.store import MonitoringStore
from mnt.store_schema import ACCOUNTING, ALARMS, AUTHENTICATIONS, Position
from mnt.syslog_receiver import SyslogReceiver
from nac.node.journal import Fact
from nac.node.runtime import Runtime
from nac.syslog import SyslogRecord
from nac.syslog_catalogue import ALARM


class MonitoringNode:
    """One monitoring node. What it knows outlives `stop`: from its store, or in memory where it has none.

    It starts and stops its link. Its replica `rsd` stays empty without one, and in the era that has none.
    """

    kind = "mnt"

    def __init__(self, config: MntConfig, runtime: Runtime, *, link: Link | None = None) -> None:
        """Compose the node; nothing is bound before `start`."""
        self.config = config
        self.directory = SessionDirectory(
            accounting_creates_sessions=config.accounting_creates_sessions, limit=config.session_limit
        )
        self.live_log = LiveLog(limit=config.live_log_limit)
        self.alarms = Alarms()
        self._runtime = runtime
        path = config.state_dir / f"{config.name}.sqlite" if config.state_dir is not None else None
        self._store = MonitoringStore(path, runtime, find_session=self.directory.find)
        if link is not None:
            link.receive(config.name, LetterIntake(runtime, self._store, self._take_record).receive)
        self._membership = Membership(runtime, link, era=config.era, name=config.name)
        self._receiver = SyslogReceiver(runtime, Reassembly(lifetime=config.segment_timeout), self._take_datagrams)
        self._api = _build_api(config, runtime, self.directory)
        self._job: asyncio.TimerHandle | None = None
        self._parts = AsyncExitStack()

    @property
    def name(self) -> str:
        """The node's name."""
        return self.config.name

    @property
    def address(self) -> str:
        """The address it is bound to."""
        return self.config.address

    @property
    def rsd(self) -> RadiusSessionDirectory:
        """Its replica of the sessions of all nodes."""
        return self._membership.rsd

    @property
    def replication(self) -> Replication | None:
        """What keeps the replica up to date; None without a link and in the era that has none."""
        return self._membership.replication

    @property
    def ports(self) -> dict[str, int]:
        """The ports that are bound, by use."""
        ports = {"syslog": self._receiver.port}
        return ports if self._api is None else {**ports, "api": self._api.port}

    async def start(self) -> None:
        """Recall what the store has, bind the ports and begin to count towards the first retention job.

        Raises as `nac.node.database.Database.open` and `nac.node.binding` do, and then leaves nothing open.
        """
        async with AsyncExitStack() as parts:
            await self._start(parts)
            self._parts = parts.pop_all()

    async def stop(self) -> None:
        """End everything in the opposite order, the store last, which commits; a second call does nothing."""
        await self._parts.aclose()

    def snapshot(self) -> list[dict[str, str | None]]:
        """Build a JSON-ready list of the sessions, oldest first."""
        return [session.snapshot() for session in self.directory.list_sessions()]

    async def _start(self, parts: AsyncExitStack) -> None:
        """Start the parts one after another; each leaves to `parts` how it ends."""
        parts.push_async_callback(self._store.close)
        await self._recall()
        parts.push_async_callback(self._membership.stop)
        await self._membership.start(self._raise_link_alarm)
        parts.callback(self._receiver.stop)
        self._receiver.start(self.config.address, self.config.syslog_port)
        if self._api is not None:
            parts.push_async_callback(self._api.stop)
            await self._api.start()
        parts.callback(self._end_job)
        self._schedule_job()

    async def _recall(self) -> None:
        """Take over what the store has, so that nothing in memory is missing."""
        now = self._runtime.clock.now()
        await self._store.open(now)
        if not self._store.is_open:
            return
        limit = self.config.live_log_limit
        rows = await self._store.load_latest(AUTHENTICATIONS, limit)
        self.live_log.restore(rows, await self._store.load_latest(ACCOUNTING, limit))
        self.alarms.restore(await self._store.load_latest(ALARMS, ALARM_LIMIT))
        self._tell(self.directory.restore(await self._store.load_sessions()))

    def _take_datagrams(self, record: SyslogRecord) -> None:
        """Take a record that came by UDP: nobody waits for its being stored."""
        self._take_record(record, None)
        self._store.commit_soon()

    def _take_record(self, record: SyslogRecord, position: Position | None) -> None:
        now = self._runtime.clock.now()
        if record.category == ALARM:
            self._raise_alarm(read_alarm(record, now), position)
            return
        row = self.live_log.add(record, now)
        if row is not None:
            self._store.note_row(row, position)
        self._tell(self.directory.apply(record, now))
        if record.code in EVENTS:
            self._store.note_session(find_session_id(record))

    def _raise_link_alarm(self, attributes: list[tuple[str, str]]) -> None:
        """Raise the alarm of this node's own broken link, as policy service nodes do at their MNT."""
        self._raise_alarm(build_link_alarm(self.name, attributes, self._runtime.clock.now()), None)
        self._store.commit_soon()

    def _raise_alarm(self, alarm: Alarm, position: Position | None) -> None:
        if not self.alarms.add(alarm):
            return
        self._store.note_row(alarm, position)
        facts: dict[str, Fact] = {"server": alarm.server, "severity": alarm.severity, "code": alarm.code}
        self._runtime.write("alarm-raised", f"{alarm.server}: {alarm.name}, {alarm.detail}", facts)

    def _schedule_job(self) -> None:
        interval = self.config.retention.job_interval.total_seconds()
        self._job = asyncio.get_running_loop().call_later(interval, self._run_job)

    def _end_job(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job = None

    def _run_job(self) -> None:
        """Apply the retention rules to every session, and to what is stored."""
        self._schedule_job()
        now = self._runtime.clock.now()
        for session in self.directory:
            reason = self.config.retention.find_reason(session, now)
            if reason is not None:
                self.directory.remove(session.session_id)
                self._tell(
                    [
                        SessionChange(
                            event="session-removed", reason=reason, session_id=session.session_id, session=session
                        )
                    ]
                )
        before = now - self.config.record_lifetime
        if self._store.oldest_at is not None and self._store.oldest_at < before:
            self._store.note_purge(before)
            self._runtime.write("records-purged", f"stored records from before {before.isoformat()} are removed")
        self._store.commit_soon()

    def _tell(self, changes: list[SessionChange]) -> None:
        """Write changes to the journal, and note whom they concern for the store."""
        for change in changes:
            self._store.note_session(change.session_id)
            known = {"mac": change.mac} if change.session is None else _list_facts(change.session)
            self._runtime.write(change.event, change.reason, {"session_id": change.session_id} | known)


def _build_api(config: MntConfig, runtime: Runtime, directory: SessionDirectory) -> RestApi | None:
    if config.tls is None:
        return None
    return RestApi(config, runtime, RestAnswers(directory), tls=config.tls)


def _list_facts(session: MonitoredSession) -> dict[str, str]:
    return {
        "mac": session.mac,
        "user_name": session.user_name,
        "state": session.state.value,
        "posture_status": session.posture_word,
        "profile": session.profile,
        "acs_server": session.acs_server,
        "last_acct_node": session.last_acct_node,
    }
