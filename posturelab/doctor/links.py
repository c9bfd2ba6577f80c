"""What is to be said of the message broker and of the nodes' links to it. A broker that is away explains the links."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from posturelab.doctor.finding import Finding, Verdict
from posturelab.doctor.sight import BrokerSight, Evidence
from posturelab.topology.nodes import MntNode, PsnNode

_START = "start RabbitMQ, or correct its URL: broker.urls of the topology, --broker, or POSTURELAB_BROKER"


def judge_links(evidence: Evidence) -> Iterator[Finding]:
    """Judge the broker first, then the links that it does not explain."""
    if any(control.embedded for control in evidence.controls):
        yield from _judge_embedded(evidence)
        return
    links = _list_links(evidence)
    degraded = {node: reason for node, reason in links.items() if reason}
    refusing = [member for member in evidence.broker if member.reason]
    if refusing and len(refusing) == len(evidence.broker):
        yield _judge_absent_broker(refusing, up=[node for node, reason in links.items() if reason == ""])
        if len(degraded) == len(links):
            return
    else:
        for member in refusing:
            yield _wrong(f"one member of the broker is not there: {_render(member)}", _START, Verdict.WARNING)
    for node, reason in degraded.items():
        remedy = "the broker lets this machine in: look at the network between the node and the broker"
        yield _wrong(f"its link is degraded: {reason}", remedy if evidence.broker else _START, subject=node)
    yield from _judge_alone([node for node, reason in links.items() if reason is None], evidence)
    if links and not any(reason or reason is None for reason in links.values()):
        text = f"the links of {', '.join(links)} are up"
        yield Finding(verdict=Verdict.FINE, check="broker", text=text)


def _judge_embedded(evidence: Evidence) -> Iterator[Finding]:
    """Judge links over a broker in memory, which are down only because somebody has cut them."""
    for node, reason in _list_links(evidence).items():
        if reason:
            yield _wrong(f"its link is degraded: {reason}", "whoever has cut it can restore it", subject=node)
    if evidence.broker:
        remedy = f"start it with the broker: posturelab up {evidence.reference} --broker URL"
        text = "a broker is named, but the lab that runs shares over memory and does not use it"
        yield _wrong(text, remedy, Verdict.WARNING)


def _judge_absent_broker(members: Sequence[BrokerSight], *, up: Sequence[str]) -> Finding:
    what = "; ".join(map(_render, members))
    if up:
        text = f"this machine does not get to the broker, but {', '.join(up)} do: {what}"
        return _wrong(text, "nothing, unless this machine is to get there", Verdict.NOTE)
    text = f"the nodes cannot share sessions, the broker is not there: {what}"
    return _wrong(text, _START)


def _judge_alone(alone: Sequence[str], evidence: Evidence) -> Iterator[Finding]:
    """Judge nodes that were started without a broker."""
    if not alone or len(_list_sharing(evidence)) < 2:
        return
    for node in alone:
        remedy = "start it with --broker URL, or name the broker in the topology (broker.urls)"
        yield _wrong("it is alone and shares no sessions: it was started without a broker", remedy, subject=node)


def _list_links(evidence: Evidence) -> dict[str, str | None]:
    """List the links that were told of, of the nodes that can have one."""
    sharing = _list_sharing(evidence)
    told = {node: reason for control in evidence.controls for node, reason in control.links.items()}
    return {node: told[node] for node in sharing if node in told}


def _list_sharing(evidence: Evidence) -> list[str]:
    return [*evidence.topology.select(MntNode), *evidence.topology.select(PsnNode)]


def _render(member: BrokerSight) -> str:
    return f"{member.url}: {member.reason}"


def _wrong(text: str, remedy: str, verdict: Verdict = Verdict.WRONG, *, subject: str = "") -> Finding:
    subjects = (subject,) if subject else ()
    return Finding(verdict=verdict, check="broker", text=text, subjects=subjects, remedy=remedy)
