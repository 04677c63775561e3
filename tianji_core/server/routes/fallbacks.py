"""`/fallback`: where calls go once a model has failed; for admins. Errors are told in the reference's shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tianji_core.api.errors import BadRequestError
from tianji_core.routing import ModelTable
from tianji_core.routing.fallbacks import KINDS, Kind
from tianji_core.server.permissions import Doc, GuardedRoute, Permission, route
from tianji_core.server.requests import read_object

if TYPE_CHECKING:
    from tianji_core.gateway.stored_fallbacks import Changes
    from tianji_core.server.app import App

MOST = 100
"""Models in one list; `max_fallbacks` says how many of them are asked."""


def routes(app: App) -> list[GuardedRoute]:
    def models() -> ModelTable:
        return app.serving.gateway.pipeline.models

    def changes() -> Changes:
        from tianji_core.gateway.stored_fallbacks import Changes

        gateway = app.serving.gateway
        return Changes(gateway.pipeline.router.fallbacks, gateway.following)

    async def put(request: Request) -> Response:
        from tianji_core.gateway.stored_fallbacks import Place

        body = await read_object(request, app.serving.max_request_bytes)
        model, wanted, kind = body.get("model"), body.get("fallback_models"), _kind(body.get("fallback_type"))
        if not isinstance(model, str) or not model:
            raise BadRequestError("model must be a string.", param="model")
        if not isinstance(wanted, list) or not wanted or not all(isinstance(name, str) for name in wanted):
            raise BadRequestError("fallback_models must be an array of strings.", param="fallback_models")
        if len(wanted) > MOST:
            raise BadRequestError(f"More than {MOST} fallback_models.", param="fallback_models")
        table = models()
        if table.resolve(model) is None:
            return _refused(404, f"Model '{model}' not found in router", table)
        unknown = [name for name in wanted if table.resolve(name) is None]
        if unknown:
            return _refused(400, f"Invalid fallback models: {unknown}", table)
        if model in wanted:
            return _refused(400, f"Model '{model}' cannot be its own fallback")
        if len(set(wanted)) != len(wanted):
            return _refused(400, "fallback_models names a model twice")
        principal = request.scope["principal"]
        made = await changes().put(Place(model, kind), wanted, principal.user_id or principal.key_alias)
        done = "created" if made else "updated"
        told = {"model": model, "fallback_models": wanted, "fallback_type": kind}
        return JSONResponse({**told, "message": f"Fallback configuration {done} successfully"})

    async def get(request: Request) -> Response:
        model, kind = request.path_params["model"], _kind(request.query_params.get("fallback_type"))
        await app.serving.gateway.following.look()
        found = app.serving.gateway.pipeline.router.fallbacks.of(kind, model)
        if not found:
            return _refused(404, f"No {kind} fallbacks configured for model '{model}'")
        return JSONResponse({"model": model, "fallback_models": list(found), "fallback_type": kind})

    async def delete(request: Request) -> Response:
        from tianji_core.gateway.stored_fallbacks import Place

        model, kind = request.path_params["model"], _kind(request.query_params.get("fallback_type"))
        if not await changes().remove(Place(model, kind)):
            return _refused(404, f"No {kind} fallbacks configured for model '{model}'")
        message = "Fallback configuration deleted successfully"
        return JSONResponse({"model": model, "fallback_type": kind, "message": message})

    either = "Error | Detail"
    query = '{ fallback_type?: "general" | "context_window" | "content_policy" }'
    admin, one = Permission.ADMIN, "/fallback/{model:path}"
    setting = Doc("Where calls go once a model has failed", "FallbackSet", body="FallbackList", error=either)
    return [
        route("/fallback", put, admin, ["POST"], setting),
        route(one, get, admin, doc=Doc("The fallbacks of a model", "FallbackList", query=query, error=either)),
        route(
            one,
            delete,
            admin,
            ["DELETE"],
            Doc("No fallbacks any more", "FallbackGone", query=query, error=either),
        ),
    ]


def _kind(value: Any) -> Kind:
    """Raises BadRequestError."""
    if value is None:
        return "general"
    for kind in KINDS:
        if value == kind:
            return kind
    raise BadRequestError(f"fallback_type must be one of {', '.join(KINDS)}.", param="fallback_type")


def _refused(status: int, message: str, models: ModelTable | None = None) -> Response:
    detail: dict[str, Any] = {"error": message}
    if models is not None:
        detail["available_models"] = [name for name, _ in models.listed()]
    return JSONResponse({"detail": detail}, status_code=status)
