"""The port link: what makes it up, and who hears of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nad_emulator.port_link import Attachment, PortLink, PortLinkState

LAPTOP = Attachment("02:00:00:00:10:01", "127.0.10.1")


@pytest.mark.parametrize(
    ("attachment", "obstacles", "expected"),
    [
        (None, [], PortLinkState.DOWN),
        (LAPTOP, [], PortLinkState.UP),
        (LAPTOP, [PortLink.begin_bounce], PortLinkState.BOUNCING),
        (None, [PortLink.begin_bounce], PortLinkState.BOUNCING),
        (LAPTOP, [PortLink.shut], PortLinkState.DISABLED),
        (LAPTOP, [PortLink.shut, PortLink.begin_bounce], PortLinkState.DISABLED),
        (None, [PortLink.shut], PortLinkState.DISABLED),
        (LAPTOP, [PortLink.shut, PortLink.begin_bounce, PortLink.no_shut], PortLinkState.BOUNCING),
        (LAPTOP, [PortLink.shut, PortLink.begin_bounce, PortLink.end_bounce], PortLinkState.DISABLED),
    ],
)
def test_frames_arrive_only_where_nothing_is_in_the_way(
    attachment: Attachment | None, obstacles: list[Callable[[PortLink], None]], expected: PortLinkState
) -> None:
    link = PortLink(lambda: None)
    link.attachment = attachment
    for change in obstacles:
        change(link)
    assert link.state is expected
    assert link.find_reachable() == (LAPTOP if expected is PortLinkState.UP else None)


def test_a_port_that_goes_down_and_comes_up_says_so_each_time() -> None:
    heard: list[PortLinkState] = []
    link = PortLink(lambda: heard.append(link.state))
    link.attachment = LAPTOP
    assert heard == [], "who plugs in knows it"
    for change in (link.begin_bounce, link.shut, link.end_bounce, link.no_shut):
        change()
    assert heard == [
        PortLinkState.BOUNCING,
        PortLinkState.DISABLED,
        PortLinkState.DISABLED,
        PortLinkState.UP,
    ]
