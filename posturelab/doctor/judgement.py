"""What is wrong with a lab, from what was seen of it: the verdicts and their order, from the cause to what follows.

What a cause explains is not said again: a node that is not there has no ports, no certificate, no link and no clock.
Nothing is asked here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from posturelab.control.client import URL_VARIABLE
from posturelab.doctor.clocks import judge_clocks
from posturelab.doctor.finding import Finding, Verdict, unite
from posturelab.doctor.links import judge_links
from posturelab.doctor.ports import judge_bound, judge_holders, judge_ports
from posturelab.doctor.sight import ALIVE, ControlSight, Evidence, Outcome
from posturelab.doctor.targets import list_declared
from posturelab.reading.token import TOKEN_VARIABLE
from posturelab.topology.nodes import SwitchNode

_SHOWN_ADDRESSES = 3
_NO_ANSWER = frozenset({Outcome.CLOSED, Outcome.SILENT, Outcome.UNREACHABLE})


def judge(evidence: Evidence) -> list[Finding]:
    """Judge everything that was seen; findings of one kind come together, causes before what they cause."""
    return unite(_Doctor(evidence).judge())


class _Doctor:
    """One examination."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._answered = [control for control in evidence.controls if control.outcome is Outcome.ANSWERED]
        self._lab = next((control for control in self._answered if control.is_lab), None)
        self._present = self._list_present()
        self._absent = [name for name in evidence.topology.nodes if self._is_absent(name)]

    def judge(self) -> Iterator[Finding]:
        """Judge in the order of causes."""
        evidence = self._evidence
        foreign = [control for control in evidence.controls if control.outcome is Outcome.FOREIGN]
        if foreign and not self._answered:
            yield from map(self._name_other_lab, foreign)
            return
        yield from self._judge_controls()
        if not self._present and not self._answered:
            yield from self._judge_nobody()
            return
        yield from self._judge_nodes_of_lab()
        yield from self._judge_addresses()
        yield from self._judge_absent()
        yield from judge_links(evidence)
        if evidence.ca_path is None:
            yield _note_missing_authority(evidence)
        for name in evidence.topology.nodes:
            if name in self._present:
                yield from judge_bound(evidence, name)
                yield from judge_ports(evidence, name)
        switches = evidence.topology.select(SwitchNode).values()
        window = min((switch.event_timestamp_window for switch in switches), default=None)
        yield from judge_clocks(self._answered, window=window)

    def _list_present(self) -> set[str]:
        """List the nodes of which something is alive."""
        present = {sight.target.node for sight in self._evidence.sights if sight.outcome in ALIVE}
        return present | {control.node for control in self._answered if control.node == control.place.node}

    def _is_absent(self, name: str) -> bool:
        """Tell whether a node is not there; one that cannot be asked is given the benefit of the doubt."""
        own = [control for control in self._evidence.controls if control.place.node == name]
        if name in self._present or any(control.outcome is Outcome.FOREIGN for control in own):
            return False
        sights = [sight for sight in self._evidence.sights if sight.target.node == name]
        if sights:
            return any(sight.outcome is not Outcome.BARRED for sight in sights)
        if self._lab is not None:
            return bool(list_declared(self._evidence.topology, name))
        return any(control.outcome in _NO_ANSWER for control in own)

    def _judge_controls(self) -> Iterator[Finding]:
        """Judge the control APIs that should be there."""
        for control in self._evidence.controls:
            place = control.place
            subjects = (place.node,) if place.node else ()
            match control.outcome:
                case Outcome.ANSWERED:
                    yield from self._judge_answer(control)
                case Outcome.DENIED:
                    yield self._explain_denial(control)
                case Outcome.FOREIGN:
                    yield self._name_other_lab(control)
                case Outcome.STRANGE:
                    text = f"what answers at {place.url} is no control API of a lab"
                    remedy = "see what runs there; name the right place with --control or in `control` of the topology"
                    yield _wrong("control", text, remedy, subjects=subjects)
                case _ if place.given and (self._present or self._answered):
                    text = f"no control API answers at {place.url} ({control.reason}){self._say_what_is_unseen()}"
                    remedy = f"start what should run there, or correct --control or {URL_VARIABLE}"
                    yield _wrong("control", text, remedy)
                case _ if place.node in self._present and self._lab is None:
                    text = f"it works, but its control API does not answer at {place.url} ({control.reason})"
                    remedy = "start it without --control, so that it takes the place that the topology names"
                    yield _wrong("control", text, remedy, verdict=Verdict.WARNING, subjects=subjects)
        silent = [control for control in self._evidence.controls if control.outcome in _NO_ANSWER]
        is_told = any(control.place.given for control in silent)
        if self._present and len(silent) == len(self._evidence.controls) and not is_told:
            text = f"no control API answers{_place(silent)}{self._say_what_is_unseen()}"
            yield _wrong("control", text, "name one with --control URL", verdict=Verdict.WARNING)

    def _say_what_is_unseen(self) -> str:
        return "" if self._answered else ": links, clocks and bound ports not seen"

    def _judge_answer(self, control: ControlSight) -> Iterator[Finding]:
        place = control.place
        if place.node and control.node != place.node:
            text = f"{control.node or 'a whole lab'} answers at {place.url}, where its control API should be"
            remedy = "see which topology file was used to start it"
            yield _wrong("control", text, remedy, subjects=(place.node,))
        elif control.is_lab:
            text = f"the lab {control.topology} answers at {place.url}"
            yield Finding(verdict=Verdict.FINE, check="control", text=text)

    def _explain_denial(self, control: ControlSight) -> Finding:
        whose = "the token that it is shown is another" if self._evidence.has_token else "no token is known here"
        text = f"a control API answers only to who knows its token, and {whose}"
        remedy = f"set {TOKEN_VARIABLE} to what it was started with"
        return _wrong("control", text, remedy, subjects=(control.place.node or control.place.url,))

    def _name_other_lab(self, other: ControlSight) -> Finding:
        """Name a lab that runs where this one should; beside this one it is another matter."""
        place, name = other.place, self._evidence.topology.name
        what = f"{other.node} of the lab {other.topology}, not of {name}" if other.node else ""
        text = f"at {place.url} runs {what or f'the lab {other.topology}, not {name}'}"
        if place.node:
            remedy = "see which topology file was used to start it"
            return _wrong("control", text, remedy, subjects=(place.node,))
        if self._answered and not place.given:
            return Finding(verdict=Verdict.NOTE, check="control", text=text)
        remedy = "name the topology that runs: posturelab doctor TOPOLOGY; or the right lab, with --control"
        return _wrong("control", text, remedy)

    def _judge_nobody(self) -> Iterator[Finding]:
        """Say once that nothing runs, after what may be the reason."""
        evidence = self._evidence
        yield from judge_holders(evidence.sights, evidence)
        asked = [control for control in evidence.controls if control.outcome in _NO_ANSWER]
        if len(asked) < len(evidence.controls):
            return  # something is there, and was spoken of
        where = f", and no control API{_place(asked)}" if asked else ""
        text = f"no lab runs: none of the {len(evidence.topology.nodes)} nodes of {evidence.reference} answers{where}"
        remedy = f"start it: posturelab up {evidence.reference}"
        outcomes = {sight.outcome for sight in evidence.sights} - {Outcome.BARRED}
        if outcomes and Outcome.CLOSED not in outcomes:
            remedy = f"if it runs elsewhere, look at the network between; else {remedy}"
        yield _wrong("nodes", text, remedy)

    def _judge_nodes_of_lab(self) -> Iterator[Finding]:
        """Compare the nodes of a lab with those of the topology."""
        lab, topology = self._lab, self._evidence.topology
        if lab is None:
            return
        for name in sorted(topology.nodes.keys() ^ lab.ports.keys()):
            text = "the lab that runs does not have it" if name in topology.nodes else "it is in no topology file"
            remedy = f"the lab runs with another edition of {self._evidence.reference}: start it again"
            yield _wrong("nodes", text, remedy, subjects=(name,))

    def _judge_addresses(self) -> Iterator[Finding]:
        """Compare where nodes are with where the topology has them; they were looked for where they say."""
        evidence, nodes = self._evidence, self._evidence.topology.nodes
        told = {name: address for control in self._answered for name, address in control.addresses.items()}
        other = {name: told[name] for name in nodes if told.get(name, nodes[name].address) != nodes[name].address}
        if not other:
            return
        first = list(other)[:_SHOWN_ADDRESSES]
        shown = "; ".join(f"{name} at {other[name]}, not {nodes[name].address}" for name in first)
        more = f"; and {len(other) - len(first)} more" if len(other) > len(first) else ""
        text = f"another edition of {evidence.reference} runs: {shown}{more}"
        remedy = "name the file that it was started with: posturelab doctor FILE; or start it again with this one"
        yield _wrong("nodes", text, remedy)

    def _judge_absent(self) -> Iterator[Finding]:
        """Name the nodes that are not there, after the programs that have their ports."""
        evidence = self._evidence
        held = [sight for sight in evidence.sights if sight.holder and sight.target.node in self._absent]
        yield from judge_holders(held, evidence)
        robbed = {sight.target.node for sight in held}
        missing: dict[tuple[str, str], list[str]] = {}
        for name in self._absent:
            if name not in robbed:
                missing.setdefault(self._explain_absence(name), []).append(name)
        for (text, first), names in missing.items():
            yield _wrong("nodes", text, first + self._say_how_to_start(names), subjects=tuple(names))

    def _explain_absence(self, name: str) -> tuple[str, str]:
        """Say how it is known that a node is not there, and what to look at before it is started."""
        sights = [sight for sight in self._evidence.sights if sight.target.node == name]
        outcomes = {sight.outcome for sight in sights} - {Outcome.BARRED}
        if not outcomes:
            return "it is not there: no control API answers for it", ""
        if Outcome.CLOSED in outcomes:
            return "it is not there: nothing listens on its ports", ""
        return f"it is not there: no answer from {sights[0].target.address}", "look at the network between; "

    def _say_how_to_start(self, names: Sequence[str]) -> str:
        reference = self._evidence.reference
        if self._lab is not None:
            return f"it was stopped, or a fault holds it; all begins anew with posturelab up {reference}"
        command = f"posturelab node {names[0]} --topology {reference}"
        if len(names) == 1:
            return f"start it: {command}; or its container"
        return f"start them: {command}, and so on; or their containers"


def _place(controls: Sequence[ControlSight]) -> str:
    """Say where a control API was looked for first, and what became of it."""
    return f" at {controls[0].place.url} ({controls[0].reason})" if controls else ""


def _note_missing_authority(evidence: Evidence) -> Finding:
    other = evidence.other_ca_path
    why = f"the CA in {other} is another lab's" if other else "the lab's own CA was not found"
    return Finding(
        verdict=Verdict.NOTE,
        check="certificate",
        text=f"certificates were not verified: {why}; user and password of the REST API were therefore not tried",
        remedy="name the lab's own with --ca or --state-dir; every PSN offers it at https://<its address>:8443/ca.pem",
    )


def _wrong(
    check: str, text: str, remedy: str, *, verdict: Verdict = Verdict.WRONG, subjects: tuple[str, ...] = ()
) -> Finding:
    return Finding(verdict=verdict, check=check, text=text, subjects=subjects, remedy=remedy)
