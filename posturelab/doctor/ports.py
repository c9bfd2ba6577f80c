"""What is to be said of the ports of nodes that are there: who answers, who does not, and with which certificate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby

from posturelab.doctor.finding import Finding, Verdict
from posturelab.doctor.sight import Evidence, Outcome, Service, Sight
from posturelab.doctor.targets import list_declared
from posturelab.port_assignment import render_ports

EXPIRY_WARNING = timedelta(days=30)
"""How long before its end a certificate is spoken of."""

_RADIUS = frozenset({Service.STATUS, Service.COA})
_CERTIFICATE = frozenset({Outcome.UNTRUSTED, Outcome.EXPIRED, Outcome.MISNAMED})
_EXPLAINED = _CERTIFICATE | {Outcome.ANSWERED}
_SHOWN_PORTS = 4


def judge_bound(evidence: Evidence, node: str) -> Iterator[Finding]:
    """Judge what a node says it has bound against what the topology says."""
    declared = {use: port for use, port in list_declared(evidence.topology, node).items() if port}
    for control in evidence.controls:
        bound = control.ports.get(node, {})
        other = {use: bound[use] for use, port in declared.items() if bound.get(use, port) != port}
        missing = {use: port for use, port in declared.items() if bound and use not in bound}
        if other or missing:
            wanted = render_ports({use: declared[use] for use in other | missing})
            text = f"it has bound {render_ports(other) or 'nothing'} where {evidence.reference} says {wanted}"
            remedy = "it was started with another topology file; start it with this one, or name that one"
            yield Finding(verdict=Verdict.WRONG, check="ports", text=text, subjects=(node,), remedy=remedy)


def judge_ports(evidence: Evidence, node: str) -> Iterator[Finding]:
    """Judge what was seen at the ports of one node, alike ones together."""
    seen = [sight for sight in evidence.sights if sight.target.node == node]
    yield from judge_holders(seen, evidence)
    for sights in _group(sight for sight in seen if sight.outcome not in _EXPLAINED and not sight.holder):
        yield _explain(sights)
    for sight in seen:
        if sight.outcome in _CERTIFICATE and not sight.holder:
            yield _judge_certificate(sight, evidence)
        elif sight.expires_at is not None and sight.expires_at - evidence.now < EXPIRY_WARNING:
            yield _warn_of_expiry(node, sight.expires_at)
    if all(sight.outcome in {Outcome.ANSWERED, Outcome.BARRED} for sight in seen):
        answered = {sight.target.use: sight.target.port for sight in seen if sight.outcome is Outcome.ANSWERED}
        if answered:
            yield Finding(verdict=Verdict.FINE, check="ports", text=render_ports(answered), subjects=(node,))


def judge_holders(sights: Iterable[Sight], evidence: Evidence) -> Iterator[Finding]:
    """Name the programs that hold ports of nodes and do not answer, one finding for each program."""
    held = sorted((sight for sight in sights if sight.holder), key=lambda sight: sight.holder)
    for holder, group in groupby(held, key=lambda sight: sight.holder):
        targets = [sight.target for sight in group]
        shown = ", ".join(str(target) for target in targets[:_SHOWN_PORTS])
        more = f" and {len(targets) - _SHOWN_PORTS} ports more" if len(targets) > _SHOWN_PORTS else ""
        yield Finding(
            verdict=Verdict.WRONG,
            check="ports",
            text=f"{shown}{more} held by {holder}, which does not answer as a node of this lab",
            subjects=tuple(dict.fromkeys(target.node for target in targets)),
            remedy=f"end that program, or choose other ports in {evidence.reference}; if it is a node itself, it hangs",
        )


def _group(sights: Iterable[Sight]) -> list[list[Sight]]:
    """Put together what is to be said in one sentence."""
    keyed = sorted(((_find_likeness(sight), sight) for sight in sights), key=lambda item: item[0])
    return [[sight for _, sight in group] for _, group in groupby(keyed, key=lambda item: item[0])]


def _find_likeness(sight: Sight) -> tuple[str, ...]:
    kind = "radius" if sight.target.service in _RADIUS else "tcp"
    return (sight.outcome, kind, sight.reason, sight.complaint)


def _explain(sights: list[Sight]) -> Finding:
    """Explain ports of one node that do not answer as they should, all for the same reason."""
    first = sights[0]
    where = render_ports({sight.target.use: sight.target.port for sight in sights})
    node = first.target.node
    is_radius = first.target.service in _RADIUS
    verdict = Verdict.WRONG
    match first.outcome:
        case Outcome.BARRED:
            source = first.source[0] if first.source else "this machine"
            verdict = Verdict.NOTE
            text = f"{where} not asked: no client of the topology covers {source}"
            remedy = "add this machine to radius.clients, or ask from one that is a client"
        case Outcome.DENIED:
            text = f"{where}: user and password of the REST API are refused"
            remedy = "api_user and api_password in this topology file are not those the node was started with"
        case Outcome.SILENT if first.complaint:
            text = f"{where}: it discards what this machine sends: {first.complaint}"
            remedy = "name the topology file that the node was started with, or start the node again with this one"
        case Outcome.SILENT if is_radius:
            text = f"{where}: no answer; its secret is another, or the datagrams are lost on the way"
            remedy = (
                f"posturelab journal --node {node} --event radius-drop tells which; if nothing, look at the network"
            )
        case Outcome.SILENT:
            text, remedy = f"{where}: no answer in time; the node hangs, or the network loses it", "start it again"
        case Outcome.CLOSED:
            text, remedy = f"{where}: nothing listens there", "its journal tells why; start it again"
        case _:
            text, remedy = f"{where}: {first.reason}", f"look at what runs at {first.target}"
    check = "radius" if is_radius else "ports"
    return Finding(verdict=verdict, check=check, text=text, subjects=(node,), remedy=remedy)


def _judge_certificate(sight: Sight, evidence: Evidence) -> Finding:
    match sight.outcome:
        case Outcome.UNTRUSTED:
            text = f"its certificate is not of the lab's authority in {evidence.ca_path}"
            remedy = "name the lab's own with --ca or --state-dir; all nodes of one lab share one state folder"
        case Outcome.EXPIRED:
            text = f"its certificate is not valid now: {sight.reason}"
            remedy = "if this machine's clock is right, start the node again: it then gets a new one"
        case _:
            text = f"its certificate is for another node: {sight.reason}"
            remedy = "another topology has used this state folder meanwhile; start the node again"
    subjects = (sight.target.node,)
    return Finding(verdict=Verdict.WRONG, check="certificate", text=text, subjects=subjects, remedy=remedy)


def _warn_of_expiry(node: str, expires_at: datetime) -> Finding:
    return Finding(
        verdict=Verdict.WARNING,
        check="certificate",
        text=f"its certificate ends on {expires_at:%Y-%m-%d}",
        subjects=(node,),
        remedy="a start after that day makes a new one; so does one now, if its .crt in the state folder is removed",
    )
