"""Health probes: is the process alive, may it get traffic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tianji_core.api.errors import NotFoundError
from tianji_core.server.permissions import Doc, GuardedRoute, Permission, route

if TYPE_CHECKING:
    from tianji_core.routing import Deployment
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

    async def checked(request: Request) -> Response:
        from tianji_core.gateway.health import report

        gateway = app.serving.gateway
        query = request.query_params
        wanted = _wanted(gateway.pipeline.models.deployments, query.get("model"), query.get("model_id"))
        if not gateway.config.general_settings.background_health_checks or query.get("now") == "true":
            await gateway.health.check(wanted)
        return JSONResponse(report(wanted, gateway.health.found))

    async def newest(request: Request) -> Response:
        from tianji_core.gateway.health import latest

        pipeline = app.serving.gateway.pipeline
        query = request.query_params
        wanted = _wanted(pipeline.models.deployments, query.get("model"), query.get("model_id"))
        return JSONResponse({"deployments": latest(wanted, pipeline.stats)})

    asking = "{ model?: string, model_id?: string, now?: boolean = false }"
    checking = Doc("Which deployments answer", "HealthReport", query=asking)
    knowing = Doc(
        "What is known of each deployment, without asking it",
        "LatestHealth",
        query="{ model?: string, model_id?: string }",
    )
    living = Doc("Whether the process lives", answer="string")
    readiness = Doc("Whether it may get traffic", answer="Readiness", error="Readiness")
    return [
        route("/health", checked, Permission.ADMIN, doc=checking),
        route("/health/latest", newest, Permission.ADMIN, doc=knowing),
        route("/health/liveliness", alive, Permission.PUBLIC, doc=living),
        route("/health/liveness", alive, Permission.PUBLIC, doc=living),
        route("/health/readiness", ready, Permission.PUBLIC, doc=readiness),
    ]


def _wanted(deployments: Sequence[Deployment], model: str | None, model_id: str | None) -> list[Deployment]:
    """The deployments that a request asks about. Raises NotFoundError if there are none of that name or id."""
    found = [
        d
        for d in deployments
        if (model is None or model in (d.model_name, d.model)) and (model_id is None or d.id == model_id)
    ]
    if not found and (model is not None or model_id is not None):
        raise NotFoundError("No deployment has this name or id.", param="model" if model is not None else "model_id")
    return found
