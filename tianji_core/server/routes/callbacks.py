"""What is told of calls, and whether it arrives: `/callbacks/list`, `/health/services`; how much is logged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tianji_core.api.errors import BadGatewayError, BadRequestError, NotFoundError
from tianji_core.server.permissions import Doc, GuardedRoute, Permission, route
from tianji_core.server.requests import read_object
from tianji_core.telemetry.logs import LEVELS, level, set_level

if TYPE_CHECKING:
    from tianji_core.server.app import App
    from tianji_core.telemetry.delivery import Delivery


def routes(app: App) -> list[GuardedRoute]:
    def deliveries() -> tuple[Delivery, ...]:
        return app.serving.gateway.pipeline.callbacks.deliveries

    async def listed(request: Request) -> Response:
        found: dict[str, list[str]] = {"success": [], "failure": [], "success_and_failure": []}
        told = []
        for each in deliveries():
            subscription = each.subscription
            both = subscription.successes and subscription.failures
            key = "success_and_failure" if both else "success" if subscription.successes else "failure"
            found[key].append(subscription.name)
            told.append(
                {
                    "name": subscription.name,
                    "queued": each.queued,
                    "delivered": each.delivered,
                    "retried": each.retried,
                    "failed": each.failed,
                    "dropped": each.dropped,
                    "rests": each.rests,
                }
            )
        return JSONResponse({**found, "deliveries": told})

    async def checked(request: Request) -> Response:
        name = request.query_params.get("service")
        if not name:
            raise BadRequestError("service has to name a callback.", param="service")
        delivery = next((each for each in deliveries() if each.subscription.name == name), None)
        if delivery is None:
            names = ", ".join(each.subscription.name for each in deliveries()) or "none"
            raise NotFoundError(f"No callback of the config is called so. There are: {names}.", param="service")
        why = await delivery.check()
        if why is not None:
            raise BadGatewayError(f"{name} did not take a trial: {why}.", type="callback_error")
        return JSONResponse({"status": "success", "message": f"{name} has taken a trial."})

    async def told_level(request: Request) -> Response:
        return JSONResponse({"level": level()})

    async def new_level(request: Request) -> Response:
        wanted = (await read_object(request, app.serving.max_request_bytes)).get("level")
        if not isinstance(wanted, str) or wanted.upper() not in LEVELS:
            raise BadRequestError(f"level has to be one of {', '.join(LEVELS)}.", param="level")
        set_level(wanted)
        return JSONResponse({"level": level()})

    listing = Doc("The callbacks of the config, and what became of what they were sent", "CallbackList")
    trying = Doc("Whether a callback's sink takes what it is sent", "ServiceHealth", query="{ service: string }")
    return [
        route("/callbacks/list", listed, Permission.ADMIN, doc=listing),
        route("/health/services", checked, Permission.ADMIN, doc=trying),
        route("/log_level", told_level, Permission.ADMIN, doc=Doc("How much is logged", "LogLevel")),
        route(
            "/log_level",
            new_level,
            Permission.ADMIN,
            methods=["POST"],
            doc=Doc("Log more or less from now on, in this process", "LogLevel", body="LogLevel"),
        ),
    ]
