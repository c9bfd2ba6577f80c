"""What a person with a browser sees of the client provisioning portal: one page per situation, no scripts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from string import Template

from ldd.record import SessionRecord
from nac.discovery import CA_PATH
from nac.posture import PostureStatus
from psn.session import Session

REFRESH_SECONDS = 5
"""How often the page of a device that waits for its check looks again."""

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""For every page; the address of a page holds the session's token."""


@dataclass(frozen=True, slots=True)
class _Situation:
    """The words of one page; `tone` names its colour."""

    tone: str
    badge: str
    title: str
    lead: str


_PENDING = _Situation(
    "wait",
    "Check pending",
    "One step before you are online",
    "This network lets devices in after a short check of their protection. The posture agent on this device does it.",
)
_SITUATIONS = {
    PostureStatus.COMPLIANT: _Situation(
        "good", "Compliant", "You now have Internet access", "This device has passed the check. Nothing is left to do."
    ),
    PostureStatus.NON_COMPLIANT: _Situation(
        "bad",
        "Not compliant",
        "This device does not meet the requirements",
        "Access stays limited until the points below are in order and the agent has scanned again.",
    ),
    PostureStatus.NOT_APPLICABLE: _Situation(
        "good", "No check needed", "You now have Internet access", "This device is let in without a check."
    ),
}
_SUCCEEDED = _Situation(
    "wait",
    "Newer session",
    "This device has connected again since",
    "This link belongs to an earlier connection. Another policy server looks after the present one.",
)
_NEW_LINK = "<p>Disconnect this device from the network, connect it again, and open any page to get a new link.</p>\n"

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
$refresh<title>$title</title>
<style>
:root { color-scheme: light dark; --ink: #1c2733; --soft: #5b6875; --line: #dde3e9; --card: #fff; --back: #f1f4f7;
  --good: #17794a; --wait: #9a6200; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf2; --soft: #9fadba; --line: #33404d; --card: #1d2732;
  --back: #121920; --good: #5fd39a; --wait: #f0b64a; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--back);
  color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
main { width: 100%; max-width: 34rem; background: var(--card); border: 1px solid var(--line); border-radius: 14px;
  border-top: 5px solid var(--$tone); padding: 2rem; box-shadow: 0 8px 30px rgb(0 0 0 / 8%); }
.badge { color: var(--$tone); font-weight: 600; font-size: .85rem; letter-spacing: .04em; text-transform: uppercase; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .35rem 0 .75rem; }
ul, ol { padding-left: 1.3rem; } li { margin: .4rem 0; }
dl { display: grid; grid-template-columns: auto 1fr; gap: .35rem 1.25rem; margin: 1.5rem 0 0; padding-top: 1.25rem;
  border-top: 1px solid var(--line); font-size: .9rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; font-family: ui-monospace, monospace; }
a { color: inherit; } footer { margin-top: 1.25rem; color: var(--soft); font-size: .85rem; }
</style>
</head>
<body><main>
<div class="badge">$badge</div>
<h1>$title</h1>
<p>$lead</p>
$steps$facts<footer>Warned about the certificate? <a href="$ca">Import the lab's certificate authority.</a></footer>
</main></body>
</html>
""")


def render_session_page(session: Session, *, policy_server: str, remedies: Iterable[str]) -> str:
    """Render the page of a session; `remedies` say what to do about each unmet requirement."""
    status = session.posture_status or PostureStatus.UNKNOWN
    situation = _SITUATIONS.get(status, _PENDING)
    facts = {
        "Posture status": status.shown,
        "Session": session.session_id,
        "User": session.user_name,
        "Device": session.mac,
        "Policy server": policy_server,
    }
    return _render(
        situation,
        steps=_render_steps(status, tuple(remedies)),
        facts=facts,
        refreshes=status is PostureStatus.UNKNOWN,
    )


def render_succeeded_page(session: Session, newer: SessionRecord) -> str:
    """Render the page of a session that a newer one of its device, on another policy server, has succeeded."""
    facts = {"Session": session.session_id, "Newer session": newer.session_id, "Policy server": newer.psn_fqdn}
    return _render(_SUCCEEDED, steps=_NEW_LINK, facts=facts, refreshes=False)


def render_problem_page(problem: str) -> str:
    """Render the page of an address that leads to no session."""
    situation = _Situation("bad", "No session", "This link is no longer valid", problem)
    return _render(situation, steps=_NEW_LINK, facts={}, refreshes=False)


def _render_steps(status: PostureStatus, remedies: tuple[str, ...]) -> str:
    """Render what the person should do."""
    if status is PostureStatus.UNKNOWN:
        return (
            "<ol>\n<li>Make sure that the posture agent is installed and runs.</li>\n"
            "<li>It finds this server by itself and scans the device; that takes a few seconds.</li>\n"
            "<li>Access opens as soon as the result is Compliant. This page follows along.</li>\n</ol>\n"
        )
    if status is PostureStatus.NON_COMPLIANT:
        items = "".join(f"<li>{escape(remedy)}</li>\n" for remedy in remedies)
        return f"<ul>\n{items}</ul>\n" if items else ""
    return ""


def _render(situation: _Situation, *, steps: str, facts: dict[str, str], refreshes: bool) -> str:
    """Fill the page."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>\n" for name, value in facts.items() if value)
    return _PAGE.substitute(
        refresh=f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">\n' if refreshes else "",
        tone=situation.tone,
        badge=escape(situation.badge),
        title=escape(situation.title),
        lead=escape(situation.lead),
        steps=steps,
        facts=f"<dl>\n{rows}</dl>\n" if rows else "",
        ca=CA_PATH,
    )
