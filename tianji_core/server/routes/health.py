"""Health probes: is the process alive, may it get traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tianji_core.server.permissions import Doc, GuardedRoute, Permission, route

if TYPE_CHECKING:
    from tianji_core.server.app import App


def routes(app: App) -> list[GuardedRoute]:
    async def alive(request: Request) -> Response:
        return JSONResponse("I'm alive!")

    async def ready(request: Request) -> Response:
        if app.draining:
            return JSONResponse({"status": "draining"}, status_code=503, headers={"retry-after": "1"})
        # A database that is away keeps nobody out: calls to models go on without it.
        opened = app.serving.gateway.store.opened
        connected = opened is not None and await opened.ping()
        return JSONResponse({"status": "healthy", "db": "connected" if connected else "Not connected"})

    living = Doc("Whether the process lives", answer="string")
    readiness = Doc("Whether it may get traffic", answer="Readiness", error="Readiness")
    return [
        route("/health/liveliness", alive, Permission.PUBLIC, doc=living),
        route("/health/liveness", alive, Permission.PUBLIC, doc=living),
        route("/health/readiness", ready, Permission.PUBLIC, doc=readiness),
    ]
