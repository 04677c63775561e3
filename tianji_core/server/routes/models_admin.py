"""`/model/new`, `/model/update`, `/model/delete`: models in the database; for admins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tianji_core.api.errors import BadRequestError
from tianji_core.server.permissions import Doc, GuardedRoute, Permission, route
from tianji_core.server.requests import read_object, who

if TYPE_CHECKING:
    from tianji_core.gateway.stored.model_changes import ModelChanges
    from tianji_core.server.app import App
    from tianji_core.store.rules import Rule


def routes(app: App) -> list[GuardedRoute]:
    def changes() -> ModelChanges:
        from tianji_core.gateway.stored.model_changes import ModelChanges

        return ModelChanges(app.serving.gateway)

    async def body_of(request: Request) -> dict[str, Any]:
        return await read_object(request, app.serving.max_request_bytes)

    def ident_of(body: dict[str, Any]) -> str:
        info = body.get("model_info")
        ident = body.get("id") or body.get("model_id") or (info.get("id") if isinstance(info, dict) else None)
        if not isinstance(ident, str):
            raise BadRequestError("The id of the model is needed.", param="model_info.id")
        return ident

    async def new(request: Request) -> Response:
        rule = await changes().add(await body_of(request), who(request))
        await app.in_force()
        return JSONResponse(_told(rule))

    async def update(request: Request) -> Response:
        body = await body_of(request)
        ident = request.path_params.get("model_id") or ident_of(body)
        rule = await changes().update(ident, body, who(request))
        await app.in_force()
        return JSONResponse(_told(rule))

    async def delete(request: Request) -> Response:
        ident = ident_of(await body_of(request))
        await changes().remove(ident)
        await app.in_force()
        return JSONResponse({"message": f"Model: {ident} deleted successfully"})

    admin = Permission.ADMIN
    adding = Doc("A new model in the database", "StoredModel", body="NewModel")
    changing = Doc("A change of a model in the database", "StoredModel", body="ModelChange")
    removing = Doc("A model is taken out of the database", "{ message: string }", body="{ id: string }")
    return [
        route("/model/new", new, admin, ["POST"], adding),
        route("/model/update", update, admin, ["POST"], changing),
        route("/model/{model_id}/update", update, admin, ["PATCH"], changing),
        route("/model/delete", delete, admin, ["POST"], removing),
    ]


def _told(rule: Rule) -> dict[str, Any]:
    """A stored model without what it is reached with: nobody gets a secret back."""
    return {
        "model_id": rule.name,
        "model_name": rule.data["model_name"],
        "litellm_params": sorted(rule.data["litellm_params"]),
        "model_info": {**rule.data.get("model_info", {}), "id": rule.name, "db_model": True},
        "created_at": rule.created_at,
        "created_by": rule.created_by,
        "updated_at": rule.updated_at,
        "updated_by": rule.updated_by,
    }
