"""`/v1/messages/batches`: batches for Anthropic's own clients, to any model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tianji_core.api.errors import NotFoundError
from tianji_core.gateway.call import Call
from tianji_core.server.asgi import read_json
from tianji_core.server.permissions import Doc, GuardedRoute
from tianji_core.server.routes.recorded import KeptRoute, Streamed, read_limit, recorded
from tianji_core.translate.surfaces.messages import MESSAGES

if TYPE_CHECKING:
    from tianji_core.server.app import App, Serving
    from tianji_core.store.objects import StoredObject

PATH = "/v1/messages/batches"
MAX_LIMIT = 1000
_CREATES = Doc("Begins a batch of Messages", "MessageBatch", body="MessageBatchBody", error="MessagesError")
_LISTS = Doc(
    "The batches of the caller",
    "{ data: MessageBatch[], has_more: boolean, first_id: string | null, last_id: string | null }",
    query="{ after_id?: string, before_id?: string, limit?: integer }",
    error="MessagesError",
)
_TELLS = Doc("How a batch stands", "MessageBatch", error="MessagesError")
_CANCELS = Doc("Ends a batch", "MessageBatch", error="MessagesError")
_RESULTS = Doc("The answers of a batch, one a line", media=("application/x-jsonl",), error="MessagesError")


def routes(app: App) -> list[GuardedRoute]:
    found: list[GuardedRoute] = []
    for path, handler, method, doc in (
        ("", create, "POST", _CREATES),
        ("", listing, "GET", _LISTS),
        ("/{batch_id}", show, "GET", _TELLS),
        ("/{batch_id}/cancel", cancel, "POST", _CANCELS),
        ("/{batch_id}/results", results, "GET", _RESULTS),
    ):
        endpoint = recorded(app, "batches", handler, MESSAGES.name)
        found.append(KeptRoute("batches", PATH + path, endpoint, method, doc=doc, dialect=MESSAGES.name))
    return found


async def create(request: Request, serving: Serving, call: Call) -> Response:
    from tianji_core.gateway.batches.messages import PREFIX, asked_for, message_batch, read_requests

    scope, headers, gateway = request.scope, dict(request.scope["headers"]), serving.gateway
    body = await read_json(scope, request.receive, headers, serving.max_request_bytes)
    lines = read_requests(body)

    async def parts() -> AsyncIterator[bytes]:
        for each in lines:
            yield each

    file = await gateway.files.create(call.principal.owner, "message_batch.jsonl", "batch", parts())
    shown = message_batch(await gateway.batches.create(asked_for(file.id), call.principal, PREFIX))
    shown["request_counts"]["processing"] = len(lines)
    return JSONResponse(shown)


async def show(request: Request, serving: Serving, call: Call) -> Response:
    from tianji_core.gateway.batches.messages import message_batch

    return JSONResponse(message_batch(await _found(request, serving, call)))


async def cancel(request: Request, serving: Serving, call: Call) -> Response:
    from tianji_core.gateway.batches.messages import message_batch

    found = await _found(request, serving, call)
    return JSONResponse(message_batch(await serving.gateway.batches.cancel(found.id, call.principal)))


async def listing(request: Request, serving: Serving, call: Call) -> Response:
    from tianji_core.gateway.batches.messages import ENDPOINT, message_batch

    query = request.query_params
    limit = read_limit(query.get("limit"), 20, MAX_LIMIT)
    found, more = await serving.gateway.batches.list(
        call.principal, query.get("after_id"), limit, before=query.get("before_id"), endpoint=ENDPOINT
    )
    first, last = (found[0].id, found[-1].id) if found else (None, None)
    data = [message_batch(each) for each in found]
    return JSONResponse({"data": data, "has_more": more, "first_id": first, "last_id": last})


async def results(request: Request, serving: Serving, call: Call) -> Response:
    from tianji_core.gateway.batches.messages import results as told

    found, files = await _found(request, serving, call), serving.gateway.files
    ids = [found.data.get("output_file_id"), found.data.get("error_file_id")]
    kept = [await files.get(id, call.principal) for id in ids if id is not None]
    if not kept:
        raise NotFoundError("This batch has no results.")

    async def pieces() -> AsyncIterator[bytes]:
        for each in kept:
            async for piece in told(files.content(each)):
                yield piece

    return Streamed(pieces(), {"content-type": "application/x-jsonl"})


async def _found(request: Request, serving: Serving, call: Call) -> StoredObject:
    """The batch that the path names. Raises NotFoundError."""
    from tianji_core.gateway.batches.messages import ENDPOINT

    found = await serving.gateway.batches.get(request.path_params["batch_id"], call.principal)
    if found.data["endpoint"] != ENDPOINT:
        raise NotFoundError("There is no message batch of this id.")
    return found
