"""One examination of a lab: what is asked of whom, side by side, all within ten seconds whatever does not answer."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from nac.node.clock import Clock
from posturelab.authority import find_root
from posturelab.doctor.broker import ask_broker
from posturelab.doctor.control import ControlDoctor
from posturelab.doctor.finding import Finding
from posturelab.doctor.judgement import judge
from posturelab.doctor.probes import ask_all
from posturelab.doctor.sight import ALIVE, ControlSight, Evidence, Outcome, Service, Sight
from posturelab.doctor.targets import list_places, list_targets
from posturelab.lab_file import LabFile
from posturelab.links import choose_broker
from posturelab.reading.input_error import Fault, InputError, Mark
from posturelab.topology.model import Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorOptions:
    """What the user says of the lab besides its topology."""

    default_state_dir: Path
    state_dir: Path | None = None
    ca: Path | None = None
    """The certificate of the lab's authority; None: from the state folder."""
    controls: Sequence[str] = ()
    """Control APIs that are asked and no others; none: those of the topology."""
    usual_controls: Sequence[str] = ()
    """Control APIs that the environment names; those of the topology's nodes are asked as well."""
    brokers: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trust:
    """By which authority certificates are judged, None: by none. An `assumed` one may be another lab's."""

    path: Path | None
    tls: ssl.SSLContext
    assumed: bool = False


async def examine(lab_file: LabFile, reference: str, *, options: DoctorOptions, clock: Clock) -> list[Finding]:
    """Examine a lab and say what was found; `reference` is what the user called the topology.

    Raises `InputError` for a malformed broker URL, and for a file that has no certificate of an authority.
    """
    settings = choose_broker(lab_file, options.brokers)
    given = None if options.ca is None else _Trust(path=options.ca, tls=_trust_given(options.ca))
    async with asyncio.TaskGroup() as group:
        broker = group.create_task(ask_broker(settings))
        evidence = await _look(lab_file.topology, reference, options, given=given, clock=clock)
    return judge(replace(evidence, broker=tuple(broker.result())))


async def _look(
    topology: Topology, reference: str, options: DoctorOptions, *, given: _Trust | None, clock: Clock
) -> Evidence:
    """Ask control APIs first, because they know of ports; then the ports; then the journals why some were silent."""
    token = topology.control.token
    places = list_places(topology, _trim(options.controls), _trim(options.usual_controls))
    async with aiohttp.ClientSession() as session:
        doctor = ControlDoctor(session, lab=topology.name, token=token, clock=clock)
        controls = await doctor.ask_all(places)
        trust, other = given or _choose_authority(options, controls), None
        sights = await ask_all(list_targets(topology, controls), trust.tls)
        if trust.assumed and _is_other_authority(sights):
            trust, other = _trust_nobody(), trust.path
            sights = await _ask_again(sights, trust.tls)
        sights = await doctor.find_complaints(sights, controls)
    return Evidence(
        topology=topology,
        reference=reference,
        now=clock.now(),
        controls=tuple(controls),
        sights=tuple(sights),
        ca_path=trust.path,
        other_ca_path=other,
        has_token=token is not None,
    )


def _trust_given(path: Path) -> ssl.SSLContext:
    """Trust the authority that the user has named; raises `InputError`."""
    try:
        return ssl.create_default_context(cafile=path)
    except FileNotFoundError:
        raise InputError(Fault(Mark("--ca"), "", f"there is no file {path}")) from None
    except OSError:  # OpenSSL's errors are of this kind too
        raise InputError(Fault(Mark("--ca"), "", f"{path} is no certificate of an authority")) from None


def _trim(urls: Iterable[str]) -> list[str]:
    return [url.rstrip("/") for url in urls]


def _choose_authority(options: DoctorOptions, controls: Iterable[ControlSight]) -> _Trust:
    """Choose the authority of the state folder that is named, else the one that the lab tells, else the usual one."""
    candidates: list[tuple[Path, bool]] = []
    if options.state_dir is not None:
        candidates.append((find_root(options.state_dir), False))
    else:
        candidates += [(control.ca_path, False) for control in controls if control.ca_path is not None]
        candidates.append((find_root(options.default_state_dir), True))
    for path, assumed in candidates:
        with suppress(OSError):
            return _Trust(path=path, tls=ssl.create_default_context(cafile=path), assumed=assumed)
    return _trust_nobody()


def _trust_nobody() -> _Trust:
    """Verify nothing, and send no password to who might be anybody."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return _Trust(path=None, tls=context)


def _is_other_authority(sights: Iterable[Sight]) -> bool:
    """Tell whether an authority has signed none of the certificates that were shown."""
    shown = {sight.outcome for sight in sights if sight.target.service in {Service.TLS, Service.REST}} & ALIVE
    return shown == {Outcome.UNTRUSTED}


async def _ask_again(sights: Sequence[Sight], tls: ssl.SSLContext) -> list[Sight]:
    """Ask those again whose certificates were not trusted."""
    again = iter(await ask_all([sight.target for sight in sights if sight.outcome is Outcome.UNTRUSTED], tls))
    return [next(again) if sight.outcome is Outcome.UNTRUSTED else sight for sight in sights]
