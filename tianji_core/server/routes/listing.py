"""`/v1/models`: what may be called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tianji_core.gateway.capabilities import price_facts
from tianji_core.routing import Deployment
from tianji_core.server.permissions import Doc, GuardedRoute, Permission, route

if TYPE_CHECKING:
    from tianji_core.server.app import App

CREATED = 1677610602
"""The reference's fixed date; clients only want a number here."""
_SHOWN = ("mode", "max_input_tokens", "max_output_tokens")


def _entry(name: str, deployment: Deployment) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": name, "object": "model", "created": CREATED, "owned_by": "openai"}
    known = {**price_facts(deployment, deployment.model), **deployment.info}
    entry.update((key, known[key]) for key in _SHOWN if known.get(key) is not None)
    return entry


def routes(app: App) -> list[GuardedRoute]:
    async def list_models(request: Request) -> Response:
        principal = request.scope["principal"]
        models = app.serving.gateway.pipeline.models
        listed = list(models.listed())
        if request.query_params.get("return_wildcard_routes", "").lower() == "true":
            listed += models.wildcards()
        data = [_entry(name, d) for name, d in listed if not principal.models or name in principal.models]
        return JSONResponse({"data": data, "object": "list"})

    async def get_model(request: Request) -> Response:
        principal = request.scope["principal"]
        name = request.path_params["model"]
        target = app.serving.gateway.pipeline.models.resolve(name)
        if target is None or (principal.models and name not in principal.models):
            message = f"The model `{name}` does not exist or is not accessible"
            return JSONResponse({"detail": message}, status_code=404)
        return JSONResponse(_entry(name, target.deployments[0]))

    several = Doc("The models that may be called", "ModelList", query="{ return_wildcard_routes?: boolean = false }")
    one = Doc("One of the models", "Model")
    found = []
    for prefix in ("", "/v1"):
        found.append(route(f"{prefix}/models", list_models, Permission.CALL_MODELS, doc=several))
        found.append(route(f"{prefix}/models/{{model:path}}", get_model, Permission.CALL_MODELS, doc=one))
    return found
