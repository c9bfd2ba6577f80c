"""Asks the members of a message broker whether they let us in, by TLS, user and virtual host. Declares nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ldd.broker_settings import BrokerSettings, show_url
from posturelab.doctor.sight import BrokerSight

TIMEOUT = 3.0
"""Seconds for one member; taking leave of one that hangs takes as long again."""

_NAME = "posturelab doctor"


async def ask_broker(settings: BrokerSettings | None) -> Sequence[BrokerSight]:
    """Ask every member at once; none where no broker is named."""
    if settings is None:
        return []
    return await asyncio.gather(*(_ask(settings, url) for url in settings.urls))


async def _ask(settings: BrokerSettings, url: str) -> BrokerSight:
    from ldd.rabbit.connection import BrokerConnection  # the library behind it takes a while
    from ldd.rabbit.trouble import explain, is_login_refused

    connection = BrokerConnection(settings, url=url, name=_NAME, tls=settings.build_tls_context())
    try:
        async with asyncio.timeout(TIMEOUT):
            await connection.open()
    except Exception as error:
        return BrokerSight(show_url(url), explain(error), is_login_refused(error))
    finally:
        await connection.close()
    return BrokerSight(show_url(url))
