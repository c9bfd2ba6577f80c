"""One examination of a lab: what is asked of whom, side by side, all within ten seconds whatever does not answer."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from nac.clock import Clock
from posturelab.authority import find_root
from posturelab.doctor.broker import ask_broker
from posturelab.doctor.control import ControlDoctor
from posturelab.doctor.finding import Finding
from posturelab.doctor.judgement import judge
from posturelab.doctor.probes import ask_all
from posturelab.doctor.sight import ControlSight, Evidence
from posturelab.doctor.targets import list_places, list_targets
from posturelab.input_error import Fault, InputError, Mark
from posturelab.lab_file import LabFile
from posturelab.links import choose_broker
from posturelab.topology.model import Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorOptions:
    """What the user says of the lab besides its topology."""

    default_state_dir: Path
    state_dir: Path | None = None
    ca: Path | None = None
    """The certificate of the lab's authority; None: from the state folder."""
    controls: Sequence[str] = ()
    brokers: Sequence[str] = ()


async def examine(lab_file: LabFile, reference: str, *, options: DoctorOptions, clock: Clock) -> list[Finding]:
    """Examine a lab and say what was found; `reference` is what the user called the topology.

    Raises `InputError` for a broker URL that is none, and for an authority that is none.
    """
    settings = choose_broker(lab_file, options.brokers)
    given = None if options.ca is None else _trust_given(options.ca)
    async with asyncio.TaskGroup() as group:
        broker = group.create_task(ask_broker(settings))
        evidence = await _look(lab_file.topology, reference, options, given=given, clock=clock)
    return judge(replace(evidence, broker=tuple(broker.result())))


async def _look(
    topology: Topology, reference: str, options: DoctorOptions, *, given: ssl.SSLContext | None, clock: Clock
) -> Evidence:
    """Ask control APIs first, because they know of ports; then the ports; then the journals why some were silent."""
    token = topology.control.token
    async with aiohttp.ClientSession() as session:
        doctor = ControlDoctor(session, token=token, clock=clock)
        controls = await doctor.ask_all(list_places(topology, [url.rstrip("/") for url in options.controls]))
        ca_path, tls = (options.ca, given) if given else _choose_authority(options, controls)
        bound = {name: ports for control in controls for name, ports in control.ports.items()}
        sights = await ask_all(list_targets(topology, bound), tls)
        sights = await doctor.find_complaints(sights, controls)
    return Evidence(
        topology=topology,
        reference=reference,
        now=clock.now(),
        controls=tuple(controls),
        sights=tuple(sights),
        ca_path=ca_path,
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


def _choose_authority(options: DoctorOptions, controls: Iterable[ControlSight]) -> tuple[Path | None, ssl.SSLContext]:
    """Choose the authority of the state folder that is named, else the one that the lab tells, else the usual one.

    Where none can be read, nothing is verified, and no password is sent to who might be anybody.
    """
    told = [control.ca_path for control in controls if control.ca_path is not None]
    folders = [options.default_state_dir] if options.state_dir is None else [options.state_dir]
    candidates = [*(told if options.state_dir is None else []), *map(find_root, folders)]
    for path in candidates:
        with suppress(OSError):
            return path, ssl.create_default_context(cafile=path)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return None, context
