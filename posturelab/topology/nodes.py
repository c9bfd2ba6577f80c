"""The nodes of a topology, one model per kind. Defaults are those of the rooms' own configurations."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from mnt.config import MntConfig
from mnt.retention import RetentionRules
from nac.syslog import LONGEST_LENGTH, SHORTEST_LENGTH
from nad_emulator.config import SwitchConfig
from nad_emulator.server_group import MAXIMUM_DEADTIME, DeadCriteria
from posturelab.document import Entry
from posturelab.duration import Duration
from posturelab.topology.values import AclLine, Address, Name, Port, Text, default_of
from psn.config import LogTarget, LogTransport, PsnConfig, PsnPorts, Silence
from psn.session_cache import Preference


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
    session_limit: int = Field(default=default_of(PsnConfig, "session_limit"), ge=1)
    preference: Preference = default_of(PsnConfig, "preference")
    phantom_on_start: bool = default_of(PsnConfig, "phantom_on_start")
    unknown_endpoints_continue: bool = default_of(PsnConfig, "unknown_endpoints_continue")
    coa_timeout: Duration = default_of(PsnConfig, "coa_timeout")
    coa_retransmits: int = Field(default=default_of(PsnConfig, "coa_retransmits"), ge=0, le=10)
    maximum_in_flight: int = Field(default=default_of(PsnConfig, "maximum_in_flight"), ge=1)
    log_transport: LogTransport = default_of(PsnConfig, "log_transport")
    silence: Silence = default_of(PsnConfig, "silence")


class PsnNode(PsnSettings):
    """A policy service node."""

    kind: Literal["psn"]
    address: Address
    ports: PsnPortsEntry = PsnPortsEntry()
    syslog_maximum_length: int = Field(
        default=default_of(LogTarget, "maximum_length"), ge=SHORTEST_LENGTH, le=LONGEST_LENGTH
    )


class RetentionEntry(Entry):
    """When the monitoring node forgets a session."""

    without_start: Duration = default_of(RetentionRules, "without_start")
    after_stop: Duration = default_of(RetentionRules, "after_stop")
    in_started: Duration = default_of(RetentionRules, "in_started")
    job_interval: Duration = default_of(RetentionRules, "job_interval")
    interim_extends_started: bool = default_of(RetentionRules, "interim_extends_started")

    @model_validator(mode="after")
    def _builds(self) -> Self:
        self.build()
        return self

    def build(self) -> RetentionRules:
        """Build the rules; raises `ValueError` for a timer of no length."""
        return RetentionRules(**dict(self))


class MntSettings(Settings):
    """Settings of a monitoring node."""

    syslog_port: Port = default_of(MntConfig, "syslog_port")
    segment_timeout: Duration = default_of(MntConfig, "segment_timeout")
    accounting_creates_sessions: bool = default_of(MntConfig, "accounting_creates_sessions")
    session_limit: int = Field(default=default_of(MntConfig, "session_limit"), ge=1)
    live_log_limit: int = Field(default=default_of(MntConfig, "live_log_limit"), ge=1)
    record_lifetime: Duration = default_of(MntConfig, "record_lifetime")
    api_port: Port = default_of(MntConfig, "api_port")
    api_user: Text = default_of(MntConfig, "api_user")
    api_password: Text = Field(default=default_of(MntConfig, "api_password"), repr=False)


class MntNode(MntSettings):
    """A monitoring node."""

    kind: Literal["mnt"]
    address: Address
    retention: RetentionEntry = RetentionEntry()


class AccessPortEntry(Entry):
    """An access port of a switch. `proxy_port` is where its data plane listens; `number` 0 derives NAS-Port."""

    proxy_port: Port = 0
    number: int = Field(default=0, ge=0)
    vlan: int = Field(default=1, ge=1, le=4094)


class DeadCriteriaEntry(Entry):
    """IOS: radius-server dead-criteria."""

    time: Duration = default_of(DeadCriteria, "time")
    tries: int = Field(default=default_of(DeadCriteria, "tries"), ge=1)


class SwitchSettings(Settings):
    """Settings of a switch."""

    timeout: Duration = default_of(SwitchConfig, "timeout")
    retransmit: int = Field(default=default_of(SwitchConfig, "retransmit"), ge=0, le=100)
    deadtime: Duration = Field(default=default_of(SwitchConfig, "deadtime"), le=MAXIMUM_DEADTIME)
    access_lists: dict[Text, tuple[AclLine, ...]] = Field(default_factory=dict)
    interim_interval: Duration | None = default_of(SwitchConfig, "interim_interval")
    accounting: bool = default_of(SwitchConfig, "accounting")
    update_newinfo: bool = default_of(SwitchConfig, "update_newinfo")
    framed_ip_in_access_request: bool = default_of(SwitchConfig, "framed_ip_in_access_request")
    restart_interval: Duration = default_of(SwitchConfig, "restart_interval")
    unreachable_interval: Duration = default_of(SwitchConfig, "unreachable_interval")
    port_bounce: Duration = default_of(SwitchConfig, "port_bounce")
    coa_port: Port = default_of(SwitchConfig, "coa_port")
    coa_rfc_port: Port = default_of(SwitchConfig, "coa_rfc_port")
    dynamic_authorization: bool = default_of(SwitchConfig, "dynamic_authorization")
    ignore_bounce: bool = default_of(SwitchConfig, "ignore_bounce")
    ignore_disable: bool = default_of(SwitchConfig, "ignore_disable")
    authorize_only: bool = default_of(SwitchConfig, "authorize_only")
    event_timestamp_window: Duration = default_of(SwitchConfig, "event_timestamp_window")


class SwitchNode(SwitchSettings):
    """A wired switch. `servers` names PSNs in the order they are asked; by default all, as declared."""

    kind: Literal["switch"]
    address: Address
    secret: Text | None = Field(default=None, repr=False)
    groups: tuple[Text, ...] = ()
    servers: tuple[Name, ...] = ()
    dead_criteria: DeadCriteriaEntry = DeadCriteriaEntry()
    access_ports: dict[Text, AccessPortEntry] = Field(min_length=1)

    @model_validator(mode="after")
    def _waits(self) -> Self:
        if self.timeout <= timedelta(0):
            raise ValueError("timeout must be longer than nothing")
        return self


class WebNode(Entry):
    """A web server beyond the switch; `names` are what it answers to besides its own."""

    kind: Literal["web"]
    address: Address
    names: tuple[Text, ...] = ()
