"""Commands to a lab that runs, over its control API. Each imports what it needs when it runs, to start fast."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated, Any, NoReturn

import typer

app = typer.Typer(rich_markup_mode=None)
clock_app = typer.Typer(help="The clock of a running lab.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(clock_app, name="clock")

Control = Annotated[
    str | None, typer.Option(help="URL of the lab's control API; by default $POSTURELAB_CONTROL or port 8600 here.")
]


class Command(StrEnum):
    """What a CoA can ask of a device."""

    REAUTH = "reauth"
    RERUN = "rerun"
    BOUNCE = "bounce"
    DISABLE = "disable"
    DISCONNECT = "disconnect"


class Change(StrEnum):
    """What can be done to an endpoint."""

    PLUG = "plug"
    UNPLUG = "unplug"
    RESCAN = "rescan"


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
def coa(
    command: Annotated[Command, typer.Argument(help="What the endpoint's network device is asked to do.")],
    endpoint: Annotated[str, typer.Argument(help="An endpoint of the topology by name, or any by its MAC.")],
    *,
    sender: Annotated[str | None, typer.Option("--from", help="The PSN that is asked; by default the owner.")] = None,
    direct: Annotated[
        bool, typer.Option("--direct", help="It sends it itself, also where it is not the owner.")
    ] = False,
    control: Control = None,
) -> None:
    """Have a PSN send a CoA for an endpoint's session; exit status 1 where it failed or there is no session."""
    word = "reauthenticate" if command is Command.REAUTH else command.value
    body: dict[str, Any] = {"endpoint": endpoint, "command": word, "direct": direct}
    told = _post(control, "/coa", body | ({"psn": sender} if sender else {}), impossible=1)
    way = told["node"] if told["node"] == told["psn"] else f"{told['psn']} by way of {told['node']}"
    verdict = "acknowledged" if told["acknowledged"] else "failed"
    print(f"{command.value} of {endpoint} by {way}: {verdict}, {told['code']} {told['reason']}")
    raise typer.Exit(0 if told["acknowledged"] else 1)


@app.command()
def directory(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False, control: Control = None
) -> None:
    """Show the shared session directory as every node holds it, differences marked."""
    told = _get(control, "/directory")
    if as_json:
        import json

        print(json.dumps(told, indent=2))
        return
    from rich.console import Console

    from posturelab.directory_view import print_directory

    print_directory(Console(), told["sessions"], era=told["ldd"])


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
        fail(str(error))


@clock_app.command()
def advance(by: Annotated[str, typer.Argument(help="How far: 90s, 30m, 8h, 5d.")], *, control: Control = None) -> None:
    """Leap forward; every timer on the way runs, and then the lab goes on in real time."""
    print(f"the lab's clock is at {_post(control, '/clock/advance', {'by': by})['now']}")


def _get(control: str | None, path: str) -> dict[str, Any]:
    from posturelab.control_client import ControlClient, ControlError

    try:
        return ControlClient(control).get(path)
    except ControlError as error:
        fail(str(error))


def _post(control: str | None, path: str, body: dict[str, Any] | None = None, *, impossible: int = 2) -> dict[str, Any]:
    """Have something done; `impossible` is the exit status where that cannot be at present."""
    from http import HTTPStatus

    from posturelab.control_client import ControlClient, ControlError

    try:
        return ControlClient(control).post(path, body)
    except ControlError as error:
        fail(str(error), status=impossible if error.status == HTTPStatus.CONFLICT else 2)


def fail(sentence: str, *, status: int = 2) -> NoReturn:
    """End with one sentence on stderr."""
    print(f"posturelab: {sentence}", file=sys.stderr)
    raise typer.Exit(status)
