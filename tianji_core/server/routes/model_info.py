"""`/model/info`, `/model_group/info`, `/utils/supported_openai_params`: what is known of the models. No credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tianji_core.api.call import Principal
from tianji_core.api.provider import Provider
from tianji_core.config.secrets import conceal, veil
from tianji_core.gateway.bare_names import provider_of
from tianji_core.gateway.capabilities import group_facts, model_facts, operation_of, supported_params
from tianji_core.routing import Deployment, ModelTable
from tianji_core.server.permissions import Doc, GuardedRoute, Permission, route

if TYPE_CHECKING:
    from tianji_core.server.app import App


def _may_see(principal: Principal, name: str) -> bool:
    return not principal.models or name in principal.models


def _row(deployment: Deployment) -> dict[str, Any]:
    # People write free-form keys into model_info; what looks like a credential there is hidden.
    info = veil(conceal(dict(deployment.info)))
    return {
        "model_name": deployment.model_name,
        "litellm_params": deployment.params,
        "model_info": {"id": deployment.id, "db_model": False, **model_facts(deployment), **info},
    }


def _provider(models: ModelTable, name: str) -> tuple[Provider, str] | None:
    """The provider and the vendor's name of a model: one of ours, or `provider/model` of a provider in use."""
    target = models.resolve(name)
    if target is not None:
        deployment = target.deployments[0]
        return deployment.provider, target.upstream_model(deployment)
    prefix, slash, rest = name.partition("/")
    wanted, model = (prefix, rest) if slash else (provider_of(name), name)
    for deployment in models.deployments:
        if deployment.provider_name == wanted:
            return deployment.provider, model
    return None


def _refused(message: str) -> Response:
    return JSONResponse({"detail": {"error": message}}, status_code=400)


def routes(app: App) -> list[GuardedRoute]:
    def models() -> ModelTable:
        return app.serving.gateway.pipeline.models

    async def model_info(request: Request) -> Response:
        principal: Principal = request.scope["principal"]
        wanted = request.query_params.get("litellm_model_id")
        shown = [d for d in models().deployments if _may_see(principal, d.model_name)]
        if wanted is not None:
            shown = [d for d in shown if d.id == wanted]
            if not shown:
                return _refused(f"Model id = {wanted} not found on litellm proxy")
        return JSONResponse({"data": [_row(d) for d in shown]})

    async def group_info(request: Request) -> Response:
        principal: Principal = request.scope["principal"]
        wanted = request.query_params.get("model_group")
        table = models()
        names = [name for name, _ in table.listed()] if wanted is None else [wanted]
        data = []
        for name in names:
            target = table.resolve(name)
            if target is not None and _may_see(principal, name):
                data.append(group_facts(name, target.deployments))
        return JSONResponse({"data": data})

    async def params(request: Request) -> Response:
        principal: Principal = request.scope["principal"]
        name = request.query_params.get("model", "")
        found = _provider(models(), name) if _may_see(principal, name) else None
        if found is None:
            return _refused(f"Could not map model={name}")
        provider, model = found
        return JSONResponse(
            {"supported_openai_params": supported_params(provider, model, operation_of(provider, model))}
        )

    of_one = Doc("What is known of each deployment", "ModelInfo", query="{ litellm_model_id?: string }")
    of_group = Doc("What is known of each model group", "GroupInfo", query="{ model_group?: string }")
    of_params = Doc(
        "The OpenAI parameters that a model takes",
        "{ supported_openai_params: string[] }",
        query="{ model: string }",
    )
    return [
        *(route(path, model_info, Permission.CALL_MODELS, doc=of_one) for path in ("/model/info", "/v1/model/info")),
        *(
            route(path, group_info, Permission.CALL_MODELS, doc=of_group)
            for path in ("/model_group/info", "/v1/model_group/info")
        ),
        route("/utils/supported_openai_params", params, Permission.CALL_MODELS, doc=of_params),
    ]
