"""`/cache/*`: what administrators do with the response cache."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tianji_core.api.errors import BadRequestError, NotFoundError, ServiceUnavailableError
from tianji_core.server.asgi import read_json
from tianji_core.server.permissions import Doc, GuardedRoute, Permission, route

if TYPE_CHECKING:
    from tianji_core.gateway.cache import ResponseCache
    from tianji_core.server.app import App

T = TypeVar("T")

MAX_KEYS = 10_000


def routes(app: App) -> list[GuardedRoute]:
    def cache() -> ResponseCache:
        found = app.serving.gateway.pipeline.cache
        if found is None:
            raise NotFoundError("Cache not initialized. litellm_settings.cache is not set.", type="cache_ping_error")
        return found

    async def ping(request: Request) -> Response:
        found = cache()
        await _done(found.store.cache.ping(), "The cache cannot be reached.")
        return JSONResponse({"status": "healthy", "cache_type": found.store.kind, "ping_response": True})

    async def delete(request: Request) -> Response:
        limit = app.serving.max_request_bytes
        body = await read_json(request.scope, request.receive, dict(request.scope["headers"]), limit)
        keys = body.get("keys") if isinstance(body, dict) else None
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or len(keys) > MAX_KEYS:
            raise BadRequestError(f"keys has to be a list of at most {MAX_KEYS} strings.", param="keys")
        deleted = await _done(cache().store.cache.delete(keys), "The cache cannot be reached.") if keys else 0
        return JSONResponse({"status": "success", "deleted": deleted})

    async def flush(request: Request) -> Response:
        deleted = await _done(cache().store.cache.clear(), "The cache cannot be reached.")
        return JSONResponse({"status": "success", "deleted": deleted})

    async def info(request: Request) -> Response:
        found = cache()
        told = await _done(found.store.cache.info(), "The cache cannot be reached.")
        return JSONResponse({"cache_type": found.store.kind, "info": told})

    async def settings(request: Request) -> Response:
        return JSONResponse({"cache_type": cache().store.kind, "current_values": cache().shown})

    emptying = Doc("Forget every cached answer", "CacheDeleted")
    return [
        route("/cache/ping", ping, Permission.ADMIN, doc=Doc("Whether the response cache is there", "CachePing")),
        route(
            "/cache/delete",
            delete,
            Permission.ADMIN,
            methods=["POST"],
            doc=Doc("Forget cached answers", "CacheDeleted", body="{ keys: string[] }"),
        ),
        route("/cache/flushall", flush, Permission.ADMIN, methods=["POST"], doc=emptying),
        route("/cache/redis/info", info, Permission.ADMIN, doc=Doc("What the cache says of itself", "CacheInfo")),
        route("/cache/settings", settings, Permission.ADMIN, doc=Doc("How the cache is set up", "CacheSettings")),
    ]


async def _done(work: Awaitable[T], failure: str) -> T:
    """What an administrator asked of the cache. Raises ServiceUnavailableError: here somebody wants to know."""
    try:
        return await work
    except Exception as error:
        raise ServiceUnavailableError(failure, type="cache_ping_error") from error
