"""What the clocks of a lab say beside this machine's. A lab in one process may have leapt, which is no error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from posturelab.doctor.finding import Finding, Verdict
from posturelab.doctor.sight import ControlSight

TOLERANCE = timedelta(seconds=5)
"""Clocks this near agree, whatever the asking took."""


def judge_clocks(controls: Sequence[ControlSight], *, window: timedelta | None) -> Iterator[Finding]:
    """Judge the clock of a lab, and those of nodes in processes of their own.

    `window` is how old a CoA may be for the least patient switch (Event-Timestamp, RFC 5176 3.6), None without one.
    """
    for control in controls:
        if control.is_lab and abs(control.ahead) > TOLERANCE:
            yield _note_leap(control.ahead)
    nodes = list({control.node: control for control in controls if control.node}.values())
    astray = [control for control in nodes if abs(control.ahead) > TOLERANCE]
    aheads = [control.ahead for control in nodes]
    if len(nodes) > 1 and len(astray) == len(nodes) and max(aheads) - min(aheads) <= TOLERANCE:
        text = f"the clocks of all nodes agree, but this machine's is {_render(-aheads[0])} them"
        yield Finding(verdict=Verdict.WARNING, check="clock", text=text, remedy="set this machine's clock, by NTP")
        return
    for control in astray:
        yield _judge_node(control, window)
    if nodes and not astray:
        whose = f"{len(nodes)} nodes" if len(nodes) > 1 else nodes[0].node
        text = f"the clocks of {whose} and of this machine agree within {TOLERANCE.seconds} s"
        yield Finding(verdict=Verdict.FINE, check="clock", text=text)


def _note_leap(ahead: timedelta) -> Finding:
    if ahead > timedelta(0):
        text = f"the lab's clock is {_render(ahead)} this machine's: it has leapt (posturelab clock advance)"
        return Finding(verdict=Verdict.NOTE, check="clock", text=text)
    text = f"the lab's clock is {_render(ahead)} this machine's, which was set forward since the lab began"
    return Finding(verdict=Verdict.NOTE, check="clock", text=text, remedy="start the lab again")


def _judge_node(control: ControlSight, window: timedelta | None) -> Finding:
    text = f"its clock is {_render(control.ahead)} this machine's"
    verdict = Verdict.WARNING
    if window is not None and abs(control.ahead) > window:
        verdict = Verdict.WRONG
        text += f"; a switch ignores a CoA that is more than {window.total_seconds():g} s away from its own clock"
    remedy = "set the clocks of the machines, by NTP"
    return Finding(verdict=verdict, check="clock", text=text, subjects=(control.node,), remedy=remedy)


def _render(ahead: timedelta) -> str:
    """Render a difference, ``1 day, 2:00:00 ahead of`` or ``0:00:07 behind``."""
    rounded = timedelta(seconds=round(abs(ahead).total_seconds()))
    return f"{rounded} {'ahead of' if ahead > timedelta(0) else 'behind'}"
