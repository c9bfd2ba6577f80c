"""Commands to a lab that runs, over its control API. Each imports what it needs when it runs, to start fast."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated, Any, NoReturn

import typer

from posturelab.coa_words import COMMANDS

app = typer.Typer(rich_markup_mode=None)
clock_app = typer.Typer(help="The clock of a running lab.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(clock_app, name="clock")

Control = Annotated[
    str | None, typer.Option(help="URL of the lab's control API; by default $POSTURELAB_CONTROL or port 8600 here.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


Command = StrEnum("Command", [*COMMANDS])  # type: ignore[misc]  # mypy follows only words that stand here


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
def sessions(*, as_json: AsJson = False, control: Control = None) -> None:
    """Show agent, PSN, MNT and enforced access of every endpoint side by side, differences marked."""
    found = _get(control, "/sessions")["sessions"]
    if as_json:
        _print_json(found)
        return
    from rich.console import Console

    from posturelab.commands.sessions_table import print_sessions

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
    body: dict[str, Any] = {"endpoint": endpoint, "command": command.value, "direct": direct}
    from posturelab.control.client import LONGEST_TIMEOUT

    told = _post(control, "/coa", body | ({"psn": sender} if sender else {}), impossible=1, timeout=LONGEST_TIMEOUT)
    way = told["node"] if told["node"] == told["psn"] else f"{told['psn']} by way of {told['node']}"
    verdict = "acknowledged" if told["acknowledged"] else "failed"
    print(f"{command.value} of {endpoint} by {way}: {verdict}, {told['code']} {told['reason']}")
    raise typer.Exit(0 if told["acknowledged"] else 1)


@app.command()
def directory(
    endpoint: Annotated[
        str | None, typer.Argument(help="An endpoint of the topology by name, or any by its MAC; by default all.")
    ] = None,
    *,
    as_json: AsJson = False,
    control: Control = None,
) -> None:
    """Show the shared session directory as every node holds it, differences marked."""
    from urllib.parse import quote

    told = _get(control, "/directory" if endpoint is None else f"/directory?endpoint={quote(endpoint, safe='')}")
    if as_json:
        _print_json(told)
        return
    from rich.console import Console

    from posturelab.commands.directory_view import print_directory

    print_directory(Console(), told, endpoint=endpoint or "")


@app.command()
def journal(
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing until Ctrl-C.")] = False,
    node_name: Annotated[str | None, typer.Option("--node", help="Only records of this node.")] = None,
    event: Annotated[str | None, typer.Option(help="Only records of this event.")] = None,
    control: Control = None,
) -> None:
    """Print the journal of a running lab: every decision of every node, with its reason."""
    from posturelab.control.client import ControlClient, ControlError
    from posturelab.journal.log import print_journal

    try:
        print_journal(ControlClient(control), node=node_name, event=event, follow=follow)
    except ControlError as error:
        fail(str(error))


@clock_app.command()
def advance(by: Annotated[str, typer.Argument(help="How far: 90s, 30m, 8h, 5d.")], *, control: Control = None) -> None:
    """Leap forward; every timer on the way runs, and then the lab goes on in real time."""
    from posturelab.control.client import LONGEST_TIMEOUT

    told = _post(control, "/clock/advance", {"by": by}, timeout=LONGEST_TIMEOUT)
    print(f"the lab's clock is at {told['now']}")


def _get(control: str | None, path: str) -> dict[str, Any]:
    from posturelab.control.client import ControlClient, ControlError

    try:
        return ControlClient(control).get(path)
    except ControlError as error:
        fail(str(error))


def _post(
    control: str | None,
    path: str,
    body: dict[str, Any] | None = None,
    *,
    impossible: int = 2,
    timeout: float | None = None,
) -> dict[str, Any]:
    """Have something done; `impossible` is the exit status where that cannot be at present."""
    from http import HTTPStatus

    from posturelab.control.client import ACTION_TIMEOUT, ControlClient, ControlError

    try:
        return ControlClient(control).post(path, body, timeout=timeout or ACTION_TIMEOUT)
    except ControlError as error:
        fail(str(error), status=impossible if error.status == HTTPStatus.CONFLICT else 2)


def _print_json(value: object) -> None:
    import json

    print(json.dumps(value, indent=2))


def fail(sentence: str, *, status: int = 2) -> NoReturn:
    """End with one sentence on stderr."""
    print(f"posturelab: {sentence}", file=sys.stderr)
    raise typer.Exit(status)
