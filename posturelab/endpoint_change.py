"""What can be done to an endpoint over a control API, be it one of a whole lab or in a process of its own."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from agent_emulator.endpoint import Endpoint

CHANGE_PATH = "/endpoints/{name}/{change:plug|unplug|rescan}"


async def change_endpoint(request: web.Request, get_endpoint: Callable[[str], Endpoint]) -> web.Response:
    """Plug in, pull out or scan; raises what `get_endpoint` does for a name that is none."""
    endpoint = get_endpoint(request.match_info["name"])
    await getattr(endpoint, request.match_info["change"])()
    return web.json_response({"endpoint": endpoint.name, "agent": endpoint.view().status})
