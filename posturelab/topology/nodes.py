"""The nodes of a topology, one model per kind. Defaults are those of the rooms' own configurations."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from mnt.config import MntConfig
from mnt.retention import RetentionRules
from nac.syslog import LONGEST_LENGTH, SHORTEST_LENGTH
from nad_emulator.config import SwitchConfig
from nad_emulator.server_group import MAXIMUM_DEADTIME, DeadCriteria
from posturelab.reading.document import Entry
from posturelab.reading.duration import Duration
from posturelab.topology.values import AclLine, Address, Name, Port, Text, UserName, Within, default_of, lasting
from psn.config import LogTarget, LogTransport, PsnConfig, PsnPorts, Silence
from psn.session_cache import Preference

NO_SHORTER_WAIT = "100ms"
"""What a real network with a busy machine on it can answer in."""


class Settings(Entry):
    """Fields that have the names of a room's configuration and pass into it as they are."""

    def settings(self, model: type[Settings]) -> dict[str, Any]:
        """Read the fields that one settings model declares."""
        return {name: getattr(self, name) for name in model.model_fields}


class PsnPortsEntry(Entry):
    """Ports of a policy service node; both historic pairs by default."""

    authentication: tuple[Port, ...] = Field(default=default_of(PsnPorts, "authentication"), min_length=1)
    accounting: tuple[Port, ...] = Field(default=default_of(PsnPorts, "accounting"), min_length=1)
    portal: Port = default_of(PsnPorts, "portal")
    posture: Port = default_of(PsnPorts, "posture")
    internode: Port = default_of(PsnPorts, "internode")


class PsnSettings(Settings):
    """Settings of a policy service node."""

    policy_set: Text = default_of(PsnConfig, "policy_set")
    session_limit: Annotated[int, Within(1, 10_000_000)] = default_of(PsnConfig, "session_limit")
    preference: Preference = default_of(PsnConfig, "preference")
    phantom_on_start: bool = default_of(PsnConfig, "phantom_on_start")
    unknown_endpoints_continue: bool = default_of(PsnConfig, "unknown_endpoints_continue")
    coa_timeout: Annotated[Duration, lasting(NO_SHORTER_WAIT, "30s")] = default_of(PsnConfig, "coa_timeout")
    coa_retransmits: Annotated[int, Within(0, 10)] = default_of(PsnConfig, "coa_retransmits")
    maximum_in_flight: Annotated[int, Within(1, 1_000_000)] = default_of(PsnConfig, "maximum_in_flight")
    log_transport: LogTransport = default_of(PsnConfig, "log_transport")
    silence: Silence = default_of(PsnConfig, "silence")


class PsnNode(PsnSettings):
    """A policy service node."""

    kind: Literal["psn"]
    address: Address
    ports: PsnPortsEntry = PsnPortsEntry()
    syslog_maximum_length: Annotated[int, Within(SHORTEST_LENGTH, LONGEST_LENGTH)] = default_of(
        LogTarget, "maximum_length"
    )


class RetentionEntry(Entry):
    """When the monitoring node forgets a session."""

    without_start: Annotated[Duration, lasting("1s", "3650d")] = default_of(RetentionRules, "without_start")
    after_stop: Annotated[Duration, lasting("1s", "3650d")] = default_of(RetentionRules, "after_stop")
    in_started: Annotated[Duration, lasting("1s", "3650d")] = default_of(RetentionRules, "in_started")
    job_interval: Annotated[Duration, lasting("1s", "1d")] = default_of(RetentionRules, "job_interval")
    interim_extends_started: bool = default_of(RetentionRules, "interim_extends_started")

    def build(self) -> RetentionRules:
        """Build the rules."""
        return RetentionRules(**dict(self))


class MntSettings(Settings):
    """Settings of a monitoring node."""

    syslog_port: Port = default_of(MntConfig, "syslog_port")
    segment_timeout: Annotated[Duration, lasting(NO_SHORTER_WAIT, "1h")] = default_of(MntConfig, "segment_timeout")
    accounting_creates_sessions: bool = default_of(MntConfig, "accounting_creates_sessions")
    session_limit: Annotated[int, Within(1, 10_000_000)] = default_of(MntConfig, "session_limit")
    live_log_limit: Annotated[int, Within(1, 1_000_000)] = default_of(MntConfig, "live_log_limit")
    record_lifetime: Annotated[Duration, lasting("1m", "3650d")] = default_of(MntConfig, "record_lifetime")
    api_port: Port = default_of(MntConfig, "api_port")
    api_user: UserName = default_of(MntConfig, "api_user")
    api_password: Text = Field(default=default_of(MntConfig, "api_password"), repr=False)


class MntNode(MntSettings):
    """A monitoring node."""

    kind: Literal["mnt"]
    address: Address
    retention: RetentionEntry = RetentionEntry()


class AccessPortEntry(Entry):
    """An access port of a switch. `proxy_port` is where its data plane listens; `number` 0 derives NAS-Port."""

    proxy_port: Port = 0
    number: Annotated[int, Within(0, 2**32 - 1)] = 0
    vlan: Annotated[int, Within(1, 4094)] = 1


class DeadCriteriaEntry(Entry):
    """IOS: radius-server dead-criteria."""

    time: Annotated[Duration, lasting("1s", "2m")] = default_of(DeadCriteria, "time")
    tries: Annotated[int, Within(1, 100)] = default_of(DeadCriteria, "tries")


class SwitchSettings(Settings):
    """Settings of a switch."""

    timeout: Annotated[Duration, lasting(NO_SHORTER_WAIT, "15m")] = default_of(SwitchConfig, "timeout")
    retransmit: Annotated[int, Within(0, 100)] = default_of(SwitchConfig, "retransmit")
    deadtime: Annotated[Duration, Within(timedelta(0), MAXIMUM_DEADTIME)] = default_of(SwitchConfig, "deadtime")
    access_lists: dict[Text, tuple[AclLine, ...]] = Field(default_factory=dict)
    interim_interval: Annotated[Duration, lasting("1s", "30d")] | None = default_of(SwitchConfig, "interim_interval")
    accounting: bool = default_of(SwitchConfig, "accounting")
    update_newinfo: bool = default_of(SwitchConfig, "update_newinfo")
    framed_ip_in_access_request: bool = default_of(SwitchConfig, "framed_ip_in_access_request")
    restart_interval: Annotated[Duration, lasting("1s", "1d")] = default_of(SwitchConfig, "restart_interval")
    unreachable_interval: Annotated[Duration, lasting("1s", "1d")] = default_of(SwitchConfig, "unreachable_interval")
    port_bounce: Annotated[Duration, lasting("0s", "1h")] = default_of(SwitchConfig, "port_bounce")
    coa_port: Port = default_of(SwitchConfig, "coa_port")
    coa_rfc_port: Port = default_of(SwitchConfig, "coa_rfc_port")
    dynamic_authorization: bool = default_of(SwitchConfig, "dynamic_authorization")
    ignore_bounce: bool = default_of(SwitchConfig, "ignore_bounce")
    ignore_disable: bool = default_of(SwitchConfig, "ignore_disable")
    authorize_only: bool = default_of(SwitchConfig, "authorize_only")
    event_timestamp_window: Annotated[Duration, lasting("1s", "1d")] = default_of(
        SwitchConfig, "event_timestamp_window"
    )


class SwitchNode(SwitchSettings):
    """A wired switch. `servers` names PSNs in the order they are asked; by default all, as declared."""

    kind: Literal["switch"]
    address: Address
    secret: Text | None = Field(default=None, repr=False)
    groups: tuple[Text, ...] = ()
    servers: tuple[Name, ...] = ()
    dead_criteria: DeadCriteriaEntry = DeadCriteriaEntry()
    access_ports: dict[Text, AccessPortEntry] = Field(min_length=1)


class WebNode(Entry):
    """A web server beyond the switch; `names` are what it answers to besides its own."""

    kind: Literal["web"]
    address: Address
    names: tuple[Text, ...] = ()
