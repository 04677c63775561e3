"""`/utils/route`: how a call would be routed, and why; for admins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tianji_core.api.errors import BadRequestError
from tianji_core.server.asgi import read_json
from tianji_core.server.permissions import Doc, GuardedRoute, Permission, route

if TYPE_CHECKING:
    from tianji_core.server.app import App


def routes(app: App) -> list[GuardedRoute]:
    async def explain(request: Request) -> Response:
        from tianji_core.gateway.explain import explained
        from tianji_core.gateway.explain_call import imagined

        limit = app.serving.max_request_bytes
        body = await read_json(request.scope, request.receive, dict(request.scope["headers"]), limit)
        if not isinstance(body, dict):
            raise BadRequestError("The request body must be a JSON object.", param="request_body")
        gateway = app.serving.gateway
        return JSONResponse(await explained(gateway.pipeline, imagined(gateway, body)))

    doc = Doc("How a call would be routed, and why", "Route", body="RouteQuestion")
    return [route("/utils/route", explain, Permission.ADMIN, ["POST"], doc)]
