"""`/v1/batches`: many calls from one file, done in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tianji_core.gateway.call import Call
from tianji_core.server.asgi import read_json
from tianji_core.server.permissions import Doc, GuardedRoute
from tianji_core.server.routes.recorded import KeptRoute, read_limit, recorded

if TYPE_CHECKING:
    from tianji_core.server.app import App, Serving

MAX_LIMIT = 100
_CREATES = Doc("Begins a batch", "Batch", body="BatchBody", query="{ custom_llm_provider?: string }")
_LISTS = Doc("The batches of the caller", "{ object: string, data: Batch[], has_more: boolean }", query="PageQuery")
_TELLS = Doc("How a batch stands", "Batch")
_CANCELS = Doc("Ends a batch", "Batch")
_PREFIXES = ("", "/v1", "/{provider}/v1")


def routes(app: App) -> list[GuardedRoute]:
    found: list[GuardedRoute] = []
    for prefix in _PREFIXES:
        for path, handler, method, doc in (
            ("/batches", create, "POST", _CREATES),
            ("/batches", listing, "GET", _LISTS),
            ("/batches/{batch_id}", show, "GET", _TELLS),
            ("/batches/{batch_id}/cancel", cancel, "POST", _CANCELS),
        ):
            found.append(KeptRoute("batches", prefix + path, recorded(app, "batches", handler), method, doc=doc))
    return found


async def create(request: Request, serving: Serving, call: Call) -> Response:
    from tianji_core.gateway.batches.shapes import batch_object, read_request

    scope, headers = request.scope, dict(request.scope["headers"])
    body = await read_json(scope, request.receive, headers, serving.max_request_bytes)
    asked = read_request(body, _provider(request))
    return JSONResponse(batch_object(await serving.gateway.batches.create(asked, call.principal)))


async def show(request: Request, serving: Serving, call: Call) -> Response:
    from tianji_core.gateway.batches.shapes import batch_object

    return JSONResponse(
        batch_object(await serving.gateway.batches.get(request.path_params["batch_id"], call.principal))
    )


async def cancel(request: Request, serving: Serving, call: Call) -> Response:
    from tianji_core.gateway.batches.shapes import batch_object

    found = await serving.gateway.batches.cancel(request.path_params["batch_id"], call.principal)
    return JSONResponse(batch_object(found))


async def listing(request: Request, serving: Serving, call: Call) -> Response:
    from tianji_core.gateway.batches.shapes import batch_object

    after, limit = request.query_params.get("after"), read_limit(request.query_params.get("limit"), 20, MAX_LIMIT)
    found, more = await serving.gateway.batches.list(call.principal, after, limit)
    shown: dict[str, Any] = {"object": "list", "data": [batch_object(each) for each in found], "has_more": more}
    shown["first_id"] = found[0].id if found else None
    shown["last_id"] = found[-1].id if found else None
    return JSONResponse(shown)


def _provider(request: Request) -> str | None:
    """The provider that the path, the query or a header names."""
    return (
        request.path_params.get("provider")
        or request.query_params.get("custom_llm_provider")
        or request.headers.get("custom-llm-provider")
    )
