"""What is to be said of the message broker and of the nodes' links to it. A broker that is away explains the links."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from posturelab.doctor.finding import Finding, Verdict
from posturelab.doctor.sight import BrokerSight, Evidence

_URL = "broker.urls of the topology, --broker, or POSTURELAB_BROKER"
_START = f"start RabbitMQ, or correct its URL: {_URL}"
_SEE_REASON = f"start RabbitMQ if it is not there, else correct URL, user or password: {_URL}"
_LOG_IN = f"correct user and password in its URL ({_URL}); RabbitMQ keeps those of its volume's first start"


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
            text = f"one member of the broker {_say_what_fails(member)}: {_render(member)}"
            yield _wrong(text, _choose_remedy(member), Verdict.WARNING)
    for node, reason in degraded.items():
        remedy = "the broker lets this machine in: compare its URL with the node's, and look at the network between"
        yield _wrong(f"its link is degraded: {reason}", remedy if evidence.broker else _SEE_REASON, subject=node)
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
    causes = dict.fromkeys(map(_say_what_fails, members))
    text = f"the nodes cannot share sessions, the broker {' or '.join(causes)}: {what}"
    return _wrong(text, "; ".join(dict.fromkeys(map(_choose_remedy, members))))


def _say_what_fails(member: BrokerSight) -> str:
    return "refuses the login" if member.is_refusal else "is not there"


def _choose_remedy(member: BrokerSight) -> str:
    return _LOG_IN if member.is_refusal else _START


def _judge_alone(alone: Sequence[str], evidence: Evidence) -> Iterator[Finding]:
    """Judge nodes that were started without a broker."""
    if not alone or len(evidence.topology.list_sharing()) < 2:
        return
    for node in alone:
        remedy = "start it with --broker URL, or name the broker in the topology (broker.urls)"
        yield _wrong("it is alone and shares no sessions: it was started without a broker", remedy, subject=node)


def _list_links(evidence: Evidence) -> dict[str, str | None]:
    """List the links that were told of, of the nodes that can have one."""
    told = {node: reason for control in evidence.controls for node, reason in control.links.items()}
    return {node: told[node] for node in evidence.topology.list_sharing() if node in told}


def _render(member: BrokerSight) -> str:
    return f"{member.url}: {member.reason}"


def _wrong(text: str, remedy: str, verdict: Verdict = Verdict.WRONG, *, subject: str = "") -> Finding:
    subjects = (subject,) if subject else ()
    return Finding(verdict=verdict, check="broker", text=text, subjects=subjects, remedy=remedy)
