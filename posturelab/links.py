"""The links of a lab's nodes: over a broker in memory, or over RabbitMQ where one is named."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from ldd.broker_settings import BrokerSettings, BrokerSettingsError, show_url
from ldd.embedded import EmbeddedBroker, EmbeddedLink
from ldd.link import Link
from posturelab.lab_error import NameTakenError
from posturelab.lab_file import LabFile
from posturelab.node_maker import MakeLink
from posturelab.reading.input_error import Fault, InputError, Mark
from posturelab.state_folder import spool_path
from posturelab.topology.broker import explain


def choose_broker(lab_file: LabFile, urls: Sequence[str]) -> BrokerSettings | None:
    """Choose the message broker: the one at these URLs, else the topology's; None where neither names one.

    Raises `InputError` for a URL of another form than a broker's, and for files that hold no certificates.
    """
    entry = lab_file.topology.broker
    try:
        settings = entry.build(urls or entry.list_urls(), lab_file.folder) if urls or entry.urls else None
    except BrokerSettingsError as error:
        raise InputError(Fault(Mark("--broker"), "", explain(error))) from None
    if settings is None:
        return None
    try:
        settings.build_tls_context()
    except BrokerSettingsError as error:
        raise InputError(lab_file.document.fault(("broker",), explain(error))) from None
    return settings


def render_broker(settings: BrokerSettings) -> str:
    """Render where a broker is, without user and password."""
    return ", ".join(map(show_url, settings.urls))


class BrokerLinks:
    """Makes the links of nodes over RabbitMQ (`posturelab.node_maker.MakeLink`)."""

    def __init__(self, settings: BrokerSettings, *, deployment: str, folder: Path, is_lasting: bool = True) -> None:
        """Keep the nodes of a `deployment` apart from those of other labs.

        Of one that is not lasting nothing stays at the broker.
        """
        self._settings = settings
        self._deployment = deployment
        self._folder = folder
        self._is_lasting = is_lasting

    def __call__(self, node: str) -> Link:
        """Make the link of a node."""
        from ldd.rabbit.link import RabbitLink  # the library behind it takes a while, and most labs need none

        chance = random.SystemRandom()  # for nothing but pauses between attempts, which must not fall together
        return RabbitLink(
            node,
            self._settings,
            deployment=self._deployment,
            random=chance,
            spool=spool_path(self._folder, node),
            is_lasting=self._is_lasting,
        )

    async def forget(self, nodes: Iterable[str]) -> str:
        """Remove all that waits for nodes at the broker; says so where that was not possible, else nothing.

        Raises `NameTakenError` where any of them is connected.
        """
        from ldd.rabbit.removal import NodesConnectedError, remove_queues
        from ldd.rabbit.trouble import SessionLostError

        try:
            await remove_queues(self._settings, deployment=self._deployment, nodes=nodes)
        except NodesConnectedError as error:
            raise NameTakenError(self._deployment, error.nodes) from None
        except SessionLostError as error:
            return f"what waits at the broker is not forgotten, and comes when the broker is back: {error}"
        return ""


def link_by_memory(broker: EmbeddedBroker, *, folder: Path) -> MakeLink:
    """Build what links nodes of this process over a broker in memory."""

    def link(node: str) -> EmbeddedLink:
        return broker.link(node, spool=spool_path(folder, node))

    return link
