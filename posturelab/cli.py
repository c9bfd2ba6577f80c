"""The command line. Each command imports what it needs when it runs, so that every one of them starts fast."""

from __future__ import annotations

import io
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

app = typer.Typer(
    help="An emulator of a whole network-posture deployment: RADIUS, CoA, posture, monitoring, NADs and agents.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
clock_app = typer.Typer(help="The clock of a running lab.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(clock_app, name="clock")

StateDir = Annotated[
    Path | None,
    typer.Option(help="Folder of the lab's certificates; by default posturelab in $XDG_STATE_HOME or ~/.local/state."),
]
ReadyFile = Annotated[Path | None, typer.Option(help="JSON file written once everything is up, removed at the end.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Do not print the journal.")]
Control = Annotated[
    str | None, typer.Option(help="URL of the lab's control API; by default $POSTURELAB_CONTROL or port 8600 here.")
]


class Change(StrEnum):
    """What can be done to an endpoint."""

    PLUG = "plug"
    UNPLUG = "unplug"
    RESCAN = "rescan"


def main() -> None:
    """Run the command line; every expected failure ends in one sentence on stderr."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # a terminal or pipe of another encoding than UTF-8 still gets every line
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)


@app.command()
def up(
    topology: Annotated[str, typer.Argument(help="A shipped topology by name, or a YAML file by path.")] = "campus",
    *,
    broker: Annotated[str | None, typer.Option(help="AMQP URL of a message broker; in a later release.")] = None,
    state_dir: StateDir = None,
    ready_file: ReadyFile = None,
    quiet: Quiet = False,
) -> None:
    """Start a whole lab and keep it up until Ctrl-C; exit status 3 where a mistake of the lab itself ended it."""
    if broker is not None:
        _fail("--broker is for a later release: in this one the lab's nodes share nothing through a message broker")
    from posturelab.input_error import InputError
    from posturelab.lab_file import load_lab_file

    try:
        lab_file = load_lab_file(topology)
        from posturelab.up import run_up

        sound = run_up(lab_file, state_dir=_choose_state_dir(state_dir), ready_file=ready_file, quiet=quiet)
    except InputError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"the lab cannot start: {_explain(error)}")
    _end(sound=sound)


@app.command()
def run(
    paths: Annotated[list[Path], typer.Argument(help="Scenario files, or folders of them.")],
    *,
    seed: Annotated[int | None, typer.Option(help="Seed of all chance, instead of the scenario's.")] = None,
    live: Annotated[bool, typer.Option("--live", help="Tell it in real time instead of virtual.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for one record per scenario.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print steps and expectations only.")] = False,
) -> None:
    """Tell scenarios; exit status 0 only if every expectation held, 1 if one did not, 2 for unusable input."""
    from posturelab.input_error import InputError
    from posturelab.report import run_scenarios

    try:
        passed = run_scenarios(paths, seed=seed, live=live, json_file=json_file, quiet=quiet)
    except InputError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"the scenario cannot be told: {_explain(error)}")
    raise typer.Exit(0 if passed else 1)


@app.command()
def node(
    name: Annotated[str, typer.Argument(help="The node's name in the topology.")],
    *,
    topology: Annotated[str, typer.Option(help="A shipped topology by name, or a YAML file by path.")],
    state_dir: StateDir = None,
    ready_file: ReadyFile = None,
    quiet: Quiet = False,
) -> None:
    """Run one node of a topology in this process, under uvloop."""
    from posturelab.input_error import InputError
    from posturelab.lab_file import load_lab_file

    try:
        lab_file = load_lab_file(topology)
        from posturelab.one_node import run_node

        sound = run_node(lab_file, name, state_dir=_choose_state_dir(state_dir), ready_file=ready_file, quiet=quiet)
    except InputError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"the node cannot start: {_explain(error)}")
    _end(sound=sound)


@app.command()
def endpoint(
    name: Annotated[str, typer.Argument(help="The endpoint's name in the topology.")],
    change: Annotated[Change, typer.Argument(help="What happens to it.")],
    *,
    control: Control = None,
) -> None:
    """Plug an endpoint of a running lab in, pull its cable out, or let its user ask for a scan."""
    from urllib.parse import quote

    told = _post(control, f"/endpoints/{quote(name, safe='')}/{change.value}")
    print(f"{told['endpoint']}: {told['agent']}")


@app.command()
def sessions(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False, control: Control = None
) -> None:
    """Show agent, PSN, MNT and enforced access of every endpoint side by side, differences marked."""
    found = _get(control, "/sessions")["sessions"]
    if as_json:
        import json

        print(json.dumps(found, indent=2))
        return
    from rich.console import Console

    from posturelab.sessions_table import print_sessions

    print_sessions(Console(), found)


@app.command()
def journal(
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing until Ctrl-C.")] = False,
    node_name: Annotated[str | None, typer.Option("--node", help="Only records of this node.")] = None,
    event: Annotated[str | None, typer.Option(help="Only records of this event.")] = None,
    control: Control = None,
) -> None:
    """Print the journal of a running lab: every decision of every node, with its reason."""
    from posturelab.control_client import ControlClient, ControlError
    from posturelab.journal_log import print_journal

    try:
        print_journal(ControlClient(control), node=node_name, event=event, follow=follow)
    except ControlError as error:
        _fail(str(error))


@clock_app.command()
def advance(by: Annotated[str, typer.Argument(help="How far: 90s, 30m, 8h, 5d.")], *, control: Control = None) -> None:
    """Leap forward; every timer on the way runs, and then the lab goes on in real time."""
    print(f"the lab's clock is at {_post(control, '/clock/advance', {'by': by})['now']}")


def _get(control: str | None, path: str) -> dict[str, Any]:
    from posturelab.control_client import ControlClient, ControlError

    try:
        return ControlClient(control).get(path)
    except ControlError as error:
        _fail(str(error))


def _post(control: str | None, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
    from posturelab.control_client import ControlClient, ControlError

    try:
        return ControlClient(control).post(path, body)
    except ControlError as error:
        _fail(str(error))


def _choose_state_dir(chosen: Path | None) -> Path:
    """Choose the folder of what outlives a lab."""
    if chosen is not None:
        return chosen
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "posturelab"


def _explain(error: OSError) -> str:
    """Say what the system refused, without its number."""
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)


def _end(*, sound: bool) -> None:
    """End with the status that tells whether the lab itself made a mistake."""
    from posturelab.mistake import EXIT_STATUS

    raise typer.Exit(0 if sound else EXIT_STATUS)


def _fail(sentence: str) -> NoReturn:
    print(f"posturelab: {sentence}", file=sys.stderr)
    raise typer.Exit(2)
