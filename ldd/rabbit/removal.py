"""How a deployment's queues are removed from its broker, with all that waits in them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from aio_pika import Connection
from aio_pika.exceptions import ChannelNotFoundEntity, ChannelPreconditionFailed

from ldd.broker_settings import BrokerSettings, show_url
from ldd.rabbit.connection import BrokerConnection
from ldd.rabbit.names import BrokerNames
from ldd.rabbit.trouble import SessionLostError, explain


class NodesConnectedError(Exception):
    """What waits for nodes is not removed because some of them are connected to the broker."""

    def __init__(self, nodes: Iterable[str]) -> None:
        """Keep which."""
        self.nodes = tuple(dict.fromkeys(nodes))
        super().__init__(f"nodes are connected to the broker: {', '.join(self.nodes)}")


async def remove_queues(settings: BrokerSettings, *, deployment: str, nodes: Iterable[str]) -> None:
    """Remove the queues and mailboxes of these nodes, those that there are; a link makes anew what it needs.

    Tries the URLs in turn, each no longer than a link tries to connect. Raises `NodesConnectedError` where any of
    them has a consumer, and then removes none; `SessionLostError` with the reasons where no URL serves, and
    `BrokerSettingsError` for certificates that do not.
    """
    every = [BrokerNames(deployment, node) for node in nodes]
    queues = {name: names.node for names in every for name in (names.queue, names.name_mailbox(names.node))}
    tls = settings.build_tls_context()
    reasons = []
    for url in settings.urls:
        connection = BrokerConnection(settings, url=url, name=f"posturelab.{deployment}", tls=tls)
        try:
            async with asyncio.timeout(settings.connect_timeout.total_seconds()):
                opened = await connection.open()
                if used := [node for queue, node in queues.items() if await _is_used(opened, queue)]:
                    raise NodesConnectedError(used)
                await _delete_unused(opened, queues)
            return
        except NodesConnectedError:
            raise
        except Exception as error:
            reasons.append(f"{show_url(url)}: {explain(error)}")
        finally:
            await connection.close()
    raise SessionLostError("; ".join(reasons))


async def _is_used(connection: Connection, queue: str) -> bool:
    """Tell whether a queue has a consumer; the broker closes the channel on which it is asked for one that is not."""
    try:
        async with connection.channel() as channel:
            return bool((await channel.declare_queue(queue, passive=True)).declaration_result.consumer_count)
    except ChannelNotFoundEntity:
        return False


async def _delete_unused(connection: Connection, queues: Mapping[str, str]) -> None:
    """Delete queues, given with their nodes, unless a node has come since they were looked at."""
    async with connection.channel() as channel:
        for queue, node in queues.items():
            try:
                await channel.queue_delete(queue, if_unused=True)
            except ChannelPreconditionFailed:
                raise NodesConnectedError([node]) from None
