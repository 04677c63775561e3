"""`/v1/files`: what callers upload and may ask for again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive

from tianji_core.api.errors import BadRequestError, RequestTimeoutError
from tianji_core.server.asgi import ClientDisconnected, too_large
from tianji_core.server.permissions import GuardedRoute, Permission, route

if TYPE_CHECKING:
    from tianji_core.server.app import App

SILENCE = 60.0
"""Seconds that a client may be silent in the middle of its upload."""
MAX_LISTED = 10_000
_PREFIXES = ("", "/v1")


def routes(app: App) -> list[GuardedRoute]:
    async def create(request: Request) -> Response:
        from tianji_core.gateway.objects.shapes import check_life, check_purpose, file_object
        from tianji_core.server.form_stream import FormStream

        serving = app.serving
        limit = int(serving.gateway.config.general_settings.max_upload_size_mb * 1024 * 1024)
        form = FormStream(request.headers.get("content-type", ""), _parts(request.receive, request.headers, limit))
        file = await form.file()
        if file is None or file.name != "file":
            raise BadRequestError("Missing required parameter: 'file'.", param="file")
        if "purpose" in form.fields:
            check_purpose(form.fields["purpose"])
        files = serving.gateway.files
        coming = await files.take(request.scope["principal"].owner, form.content())
        try:
            await form.rest()
            purpose = check_purpose(form.fields.get("purpose"))
            life = check_life(form.fields.get("expires_after[anchor]"), form.fields.get("expires_after[seconds]"))
            made = await files.keep(coming, file.filename, purpose, content_type=file.content_type, life=life)
        except BaseException:
            await files.drop(coming)
            raise
        return JSONResponse(file_object(made))

    async def listing(request: Request) -> Response:
        from tianji_core.gateway.objects.shapes import file_object

        query = request.query_params
        order = query.get("order") or "desc"
        if order not in ("asc", "desc"):
            raise BadRequestError("order must be 'asc' or 'desc'.", param="order")
        found, more = await app.serving.gateway.files.list(
            request.scope["principal"],
            purpose=query.get("purpose") or None,
            after=query.get("after") or None,
            limit=_limit(query.get("limit")),
            order="asc" if order == "asc" else "desc",
        )
        data = [file_object(each) for each in found]
        first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
        return JSONResponse({"object": "list", "data": data, "has_more": more, "first_id": first, "last_id": last})

    async def one(request: Request) -> Response:
        from tianji_core.gateway.objects.shapes import file_object

        files = app.serving.gateway.files
        return JSONResponse(file_object(await files.get(request.path_params["file_id"], request.scope["principal"])))

    async def content(request: Request) -> Response:
        from tianji_core.gateway.objects.shapes import disposition

        gateway = app.serving.gateway
        stored = await gateway.files.get(request.path_params["file_id"], request.scope["principal"])
        pieces = gateway.files.content(stored)
        first = await anext(pieces, b"")  # a failure is still an answer of its own
        headers = {
            "content-disposition": disposition(stored.data["filename"]),
            "content-length": str(stored.data["bytes"]),
        }
        return StreamingResponse(_from(first, pieces), media_type=stored.data["content_type"], headers=headers)

    async def remove(request: Request) -> Response:
        gateway = app.serving.gateway
        stored = await gateway.files.get(request.path_params["file_id"], request.scope["principal"])
        await gateway.files.remove(stored)
        return JSONResponse({"id": stored.id, "object": "file", "deleted": True})

    found = []
    for prefix in _PREFIXES:
        path = f"{prefix}/files"
        found += [
            route(path, _quiet(create), Permission.CALL_MODELS, ["POST"]),
            route(path, listing, Permission.CALL_MODELS),
            route(f"{path}/{{file_id}}", one, Permission.CALL_MODELS),
            route(f"{path}/{{file_id}}", remove, Permission.CALL_MODELS, ["DELETE"]),
            route(f"{path}/{{file_id}}/content", content, Permission.CALL_MODELS),
        ]
    return found


def _quiet(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint, which ends without a word if the client has gone: nobody would read it."""

    async def run(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ClientDisconnected:
            return Response(status_code=499)

    return run


async def _parts(receive: Receive, headers: Headers, limit: int) -> AsyncIterator[bytes]:
    """A request's body as it comes. Raises RequestTooLargeError, RequestTimeoutError, ClientDisconnected."""
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise too_large(limit)
    size, more = 0, True
    while more:
        try:
            async with asyncio.timeout(SILENCE):
                message = await receive()
        except TimeoutError:
            raise RequestTimeoutError("The request body did not arrive in time.") from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise too_large(limit)
        more = message.get("more_body", False)
        if part:
            yield part


async def _from(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in rest:
        yield piece


def _limit(said: str | None) -> int:
    if not said:
        return MAX_LISTED
    if not said.isdigit() or not 1 <= int(said) <= MAX_LISTED:
        raise BadRequestError(f"limit must be a whole number from 1 to {MAX_LISTED}.", param="limit")
    return int(said)
