"""`/utils/route`: how a call would be routed, and why; for admins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tianji_core.server.permissions import Doc, GuardedRoute, Permission, route
from tianji_core.server.requests import read_object

if TYPE_CHECKING:
    from tianji_core.server.app import App


def routes(app: App) -> list[GuardedRoute]:
    async def explain(request: Request) -> Response:
        from tianji_core.gateway.explain import explained
        from tianji_core.gateway.explain_call import imagined

        body = await read_object(request, app.serving.max_request_bytes)
        gateway = app.serving.gateway
        return JSONResponse(await explained(gateway.pipeline, imagined(gateway, body)))

    doc = Doc("How a call would be routed, and why", "Route", body="RouteQuestion")
    return [route("/utils/route", explain, Permission.ADMIN, ["POST"], doc)]
