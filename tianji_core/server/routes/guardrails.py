"""The guardrails of the config and of the database, their verdict on a text, and how admins change those of the
database: `/guardrails…`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tianji_core.api.errors import BadRequestError, NotFoundError
from tianji_core.api.provider import Body
from tianji_core.config.secrets import conceal, harmless
from tianji_core.gateway.guardrails.trial import tried
from tianji_core.server.permissions import Doc, GuardedRoute, Permission, route
from tianji_core.server.requests import read_object, who

if TYPE_CHECKING:
    from tianji_core.config.schema import Guardrail as Row
    from tianji_core.config.schema import GuardrailParams
    from tianji_core.gateway.gateway import Gateway
    from tianji_core.gateway.stored.guardrail_changes import GuardrailChanges, Written
    from tianji_core.server.app import App


def routes(app: App) -> list[GuardedRoute]:
    def changes() -> GuardrailChanges:
        from tianji_core.gateway.stored.guardrail_changes import GuardrailChanges

        return GuardrailChanges(app.serving.gateway)

    async def body_of(request: Request) -> Body:
        return await read_object(request, app.serving.max_request_bytes)

    async def listed(request: Request) -> Response:
        rows = _rows(app.serving.gateway)
        return JSONResponse({"guardrails": [_shown(id, row, _brief(row.litellm_params)) for id, row in rows.items()]})

    async def create(request: Request) -> Response:
        return await written(await changes().add(await body_of(request), who(request)))

    async def get(request: Request) -> Response:
        return JSONResponse(await told(request.path_params["guardrail_id"]))

    async def put(request: Request) -> Response:
        return await changed(request, whole=True)

    async def patch(request: Request) -> Response:
        return await changed(request, whole=False)

    async def changed(request: Request, *, whole: bool) -> Response:
        key, body = request.path_params["guardrail_id"], await body_of(request)
        return await written(await changes().update(key, body, who(request), whole=whole))

    async def delete(request: Request) -> Response:
        gone = await changes().remove(request.path_params["guardrail_id"])
        await app.in_force()
        message = f"Guardrail {gone.id} deleted successfully"
        return JSONResponse({"message": message, "guardrail_name": gone.name})

    async def written(found: Written) -> Response:
        return JSONResponse({**await told(found.rule.id), "warnings": found.warnings})

    async def told(key: str) -> Body:
        """A guardrail as it is in force, found by its id or its name."""
        await app.in_force()
        gateway = app.serving.gateway
        rows = _rows(gateway)
        id = key if key in rows else next((id for id, row in rows.items() if row.guardrail_name == key), None)
        if id is None:
            raise NotFoundError(f"There is no guardrail {key!r}.", param="guardrail_id")
        history = next((rule.history for rule in gateway.stored.compiled.guardrails if rule.id == id), _NO_HISTORY)
        return {**_shown(id, rows[id], _settings(rows[id].litellm_params)), **history}

    async def applied(request: Request) -> Response:
        asked = await read_object(request, app.serving.max_request_bytes)
        name, side = asked.get("guardrail_name"), asked.get("input_type", "request")
        if not isinstance(name, str):
            raise BadRequestError("guardrail_name has to name a guardrail.", param="guardrail_name")
        if side not in ("request", "response"):
            raise BadRequestError("input_type is neither 'request' nor 'response'.", param="input_type")
        options = {key: asked[key] for key in ("language", "entities") if asked.get(key) is not None}
        chain = app.serving.gateway.pipeline.guardrails
        found = await tried(chain, name, _said(asked), side, options, request.scope["principal"])
        return JSONResponse({"response_text": found.text, "action": found.action})

    user, admin = Permission.CALL_MODELS, Permission.ADMIN
    one = "/guardrails/{guardrail_id}"
    listing = Doc("The guardrails of the config and of the database", "GuardrailList")
    applying = Doc("A guardrail's verdict on a text", "AppliedGuardrail", body="ApplyGuardrail")
    reading = Doc("A guardrail", "KnownGuardrail")
    return [
        route("/guardrails/list", listed, user, doc=listing),
        route("/v2/guardrails/list", listed, user, doc=listing),
        route("/guardrails/apply_guardrail", applied, user, methods=["POST"], doc=applying),
        route("/apply_guardrail", applied, user, methods=["POST"], doc=applying),
        route(
            "/guardrails",
            create,
            admin,
            ["POST"],
            Doc("A new guardrail in the database", "WrittenGuardrail", body="NewGuardrail"),
        ),
        route(one, get, admin, doc=reading),
        route(f"{one}/info", get, admin, doc=reading),
        route(one, put, admin, ["PUT"], Doc("Another guardrail in its place", "WrittenGuardrail", body="NewGuardrail")),
        route(one, patch, admin, ["PATCH"], Doc("A change of a guardrail", "WrittenGuardrail", body="GuardrailChange")),
        route(one, delete, admin, ["DELETE"], Doc("A guardrail is taken out of the database", "DeletedGuardrail")),
    ]


_NO_HISTORY = dict.fromkeys(("created_at", "updated_at", "created_by", "updated_by"))


def _rows(gateway: Gateway) -> dict[str, Row]:
    """All guardrails by id: that of the database, or one that a guardrail of the config has at its place there."""
    rows = enumerate(gateway.config.guardrails)
    return {row.stored_id or str(uuid5(NAMESPACE_URL, f"{index} {row.guardrail_name}")): row for index, row in rows}


def _shown(id: str, row: Row, params: Mapping[str, Any]) -> Body:
    return {
        "guardrail_id": id,
        "guardrail_name": row.guardrail_name,
        "litellm_params": params,
        "guardrail_info": dict(row.guardrail_info),
        "guardrail_definition_location": "config" if row.stored_id is None else "db",
    }


def _brief(params: GuardrailParams) -> Body:
    """A guardrail's parameters as any caller may see them."""
    return {"guardrail": params.guardrail, "mode": params.mode, "default_on": params.default_on}


def _settings(params: GuardrailParams) -> Body:
    """The same for admins, without secrets: which of a plugin's own texts are some, only the plugin knows."""
    said = params.model_dump(mode="json", exclude_unset=True)
    own = harmless(conceal(params.extra))
    return {**said, **own, **_brief(params)}


def _said(asked: Body) -> str | list[Any]:
    """What is to be judged. Raises BadRequestError."""
    messages = asked.get("messages")
    if isinstance(messages, list) and messages:
        return messages
    if messages is not None or not isinstance(asked.get("text"), str):
        raise BadRequestError("text, or a list of messages, has to say what is to be judged.", param="text")
    return str(asked["text"])
