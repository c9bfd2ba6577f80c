"""The command line. Each command imports what it needs when it runs, so that every one of them starts fast."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posturelab.commands import lab_commands
from posturelab.commands.lab_commands import AsJson, fail

if TYPE_CHECKING:
    from posturelab.commands.start_options import StartOptions
    from posturelab.lab_file import LabFile

app = typer.Typer(
    help="An emulator of a whole network-posture deployment: RADIUS, CoA, posture, monitoring, NADs and agents.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(lab_commands.app)

TOPOLOGY_VARIABLE = "POSTURELAB_TOPOLOGY"
_TOPOLOGY_HELP = "A shipped topology by name, or a YAML file by path."
Topology = Annotated[str, typer.Argument(envvar=TOPOLOGY_VARIABLE, help=_TOPOLOGY_HELP)]
StateDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder of certificates and what nodes keep; by default posturelab in $XDG_STATE_HOME or ~/.local/state."
    ),
]
ReadyFile = Annotated[Path | None, typer.Option(help="JSON file written once everything is up, removed at the end.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Do not print the journal.")]
Brokers = Annotated[
    list[str] | None,
    typer.Option(
        "--broker",
        envvar="POSTURELAB_BROKER",
        help="AMQP URL of the RabbitMQ between the nodes; once for each member of a cluster.",
    ),
]


def main() -> None:
    """Run the command line; every expected failure ends in one sentence on stderr."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # a terminal or pipe of another encoding than UTF-8 still gets every line
        sys.stdout.reconfigure(errors="backslashreplace")
    app()


@app.callback(invoke_without_command=True)
def show_version(
    *, wanted: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False
) -> None:
    """Show the version where no command follows."""
    if wanted:
        from importlib.metadata import version

        print(f"posturelab {version('posturelab')}")
        raise typer.Exit


@app.command()
def up(
    topology: Topology = "campus",
    *,
    broker: Brokers = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="First forget what the nodes have kept, also at the broker.")
    ] = False,
    state_dir: StateDir = None,
    ready_file: ReadyFile = None,
    quiet: Quiet = False,
) -> None:
    """Start a whole lab and keep it up until Ctrl-C; exit status 3 where a mistake of the lab itself ended it."""
    options = _gather(state_dir, ready_file=ready_file, quiet=quiet, brokers=broker)
    with _failing("the lab cannot start"):
        lab_file = _load(topology)
        from posturelab.commands.up import run_up

        sound = run_up(lab_file, options=options, fresh=fresh)
    _end(sound=sound)


@app.command()
def run(
    paths: Annotated[list[Path], typer.Argument(help="Scenario files, or folders of them.")],
    *,
    seed: Annotated[int | None, typer.Option(help="Seed of all chance, instead of the scenario's.")] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Tell it in real time, which takes as long as the story lasts.")
    ] = False,
    broker: Annotated[
        list[str] | None, typer.Option(help="With --live: AMQP URL of a RabbitMQ between the nodes; repeatable.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="File for one record per scenario; - prints them, and nothing else.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print steps and expectations only.")] = False,
) -> None:
    """Tell scenarios; exit status 0 only if every expectation held, 1 if one did not, 2 for unusable input."""
    if broker and not live:
        fail("a message broker keeps real time: use --broker together with --live")
    from posturelab.scenario.report import run_scenarios

    brokers = tuple(broker or ())
    with _failing("the scenario cannot be told"):
        passed = run_scenarios(paths, seed=seed, live=live, brokers=brokers, json_file=json_file, quiet=quiet)
    raise typer.Exit(0 if passed else 1)


@app.command()
def node(
    name: Annotated[str, typer.Argument(help="The node's name in the topology.")],
    *,
    topology: Annotated[str, typer.Option(envvar=TOPOLOGY_VARIABLE, help=_TOPOLOGY_HELP)],
    broker: Brokers = None,
    control: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS:PORT",
            help="Where this node answers control requests; by default at control.node_port of the topology, if any.",
        ),
    ] = None,
    plug: Annotated[bool, typer.Option("--plug", help="Begin with the cable in, as an endpoint.")] = False,
    state_dir: StateDir = None,
    ready_file: ReadyFile = None,
    quiet: Quiet = False,
) -> None:
    """Run one node of a topology in this process, under uvloop."""
    options = _gather(state_dir, ready_file=ready_file, quiet=quiet, brokers=broker)
    with _failing("the node cannot start"):
        lab_file = _load(topology)
        from posturelab.commands.one_node import run_node

        sound = run_node(lab_file, name, options=options, control=control, plug=plug)
    _end(sound=sound)


@app.command()
def doctor(
    topology: Topology = "campus",
    *,
    control: Annotated[
        list[str] | None,
        typer.Option(
            help="URL of a control API, of the lab or of one node, repeatable; by default where the topology has them, "
            "with $POSTURELAB_CONTROL for that of the lab."
        ),
    ] = None,
    broker: Brokers = None,
    ca: Annotated[
        Path | None, typer.Option(help="Certificate of the lab's authority; by default the one in the state folder.")
    ] = None,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Ask every node of a lab, and say what is wrong and what to do; exit status 1 if something is, 2 for bad input."""
    from posturelab.control.client import URL_VARIABLE

    with _failing("the lab cannot be examined"):
        lab_file = _load(topology)
        from posturelab.doctor.examination import DoctorOptions
        from posturelab.doctor.report import run_doctor

        options = DoctorOptions(
            default_state_dir=_choose_state_dir(None),
            state_dir=state_dir,
            ca=ca,
            controls=tuple(control or ()),
            usual_controls=tuple(os.environ.get(URL_VARIABLE, "").split()),
            brokers=tuple(broker or ()),
        )
        sound = run_doctor(lab_file, topology, options=options, as_json=as_json)
    raise typer.Exit(0 if sound else 1)


@app.command()
def certificate(
    name: Annotated[str, typer.Argument(help="Its host name.")],
    *,
    address: Annotated[str, typer.Option(help="Its IPv4 address.")],
    into: Annotated[Path, typer.Option(help="Folder for lab-ca.crt, NAME.crt and NAME.key.")],
    state_dir: StateDir = None,
) -> None:
    """Write a certificate of the lab's authority for a host that is no node, such as a message broker."""
    from datetime import UTC, datetime
    from ipaddress import AddressValueError

    from posturelab.authority import Authority

    with _failing("the certificate cannot be written"):
        authority = Authority(_choose_state_dir(state_dir), valid_at=[datetime.now(UTC)])
        try:
            authority.export(name, names=[name], address=address, folder=into)
        except AddressValueError:
            fail(f"{address!r} is not an IPv4 address")
        except ValueError as error:
            fail(str(error))


def _load(topology: str) -> LabFile:
    """Load a topology, with the token of the environment if there is one."""
    from posturelab.lab_file import load_lab_file
    from posturelab.reading.token import TOKEN_VARIABLE

    return load_lab_file(topology, token=os.environ.get(TOKEN_VARIABLE))


def _gather(state_dir: Path | None, *, ready_file: Path | None, quiet: bool, brokers: list[str] | None) -> StartOptions:
    """Gather what all commands that start something are told alike."""
    from posturelab.commands.start_options import StartOptions

    return StartOptions(
        state_dir=_choose_state_dir(state_dir), ready_file=ready_file, quiet=quiet, brokers=tuple(brokers or ())
    )


def _choose_state_dir(chosen: Path | None) -> Path:
    """Choose the folder of what outlives a lab."""
    if chosen is not None:
        return chosen
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "posturelab"


@contextmanager
def _failing(failure: str) -> Iterator[None]:
    """End with one sentence where input is unusable or the system refuses something; `failure` is what then fails."""
    from posturelab.reading.input_error import InputError

    try:
        yield
    except InputError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{failure}: {_explain(error)}")


def _explain(error: OSError) -> str:
    """Say what the system refused, without its number; and what helps where a database is of no use any more."""
    from nac.node.database import DatabaseUnusableError

    cure = "; posturelab up --fresh forgets all that the nodes have stored" * isinstance(error, DatabaseUnusableError)
    return f"{error.filename}: {error.strerror}" if error.filename else (error.strerror or str(error)) + cure


def _end(*, sound: bool) -> None:
    """End with the status that tells whether the lab itself made a mistake."""
    from posturelab.mistake import EXIT_STATUS

    raise typer.Exit(0 if sound else EXIT_STATUS)
