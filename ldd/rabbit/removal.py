"""How a deployment's queues are removed from its broker, with all that waits in them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from ldd.broker_settings import BrokerSettings, show_url
from ldd.rabbit.connection import BrokerConnection
from ldd.rabbit.names import BrokerNames
from ldd.rabbit.trouble import SessionLostError, explain


async def remove_queues(settings: BrokerSettings, *, deployment: str, nodes: Iterable[str]) -> None:
    """Remove the queues and mailboxes of these nodes, those that there are; a link makes anew what it needs.

    Tries the URLs in turn, each no longer than a link tries to connect. Raises `SessionLostError` with the reasons
    where none serves, and `BrokerSettingsError` for certificates that do not.
    """
    every = [BrokerNames(deployment, node) for node in nodes]
    queues = [name for names in every for name in (names.queue, names.name_mailbox(names.node))]
    tls = settings.build_tls_context()
    reasons = []
    for url in settings.urls:
        connection = BrokerConnection(settings, url=url, name=f"posturelab.{deployment}", tls=tls)
        try:
            async with asyncio.timeout(settings.connect_timeout.total_seconds()):
                channel = await (await connection.open()).channel()
                for queue in queues:
                    await channel.queue_delete(queue)
            return
        except Exception as error:
            reasons.append(f"{show_url(url)}: {explain(error)}")
        finally:
            await connection.close()
    raise SessionLostError("; ".join(reasons))
