"""`/v1/realtime`: WebSockets to realtime models, and keys for them. What sessions need is loaded with the first one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from tianji_core.api.errors import BadRequestError
from tianji_core.gateway.body import check_models
from tianji_core.gateway.call import DEFAULT_OPTIONS
from tianji_core.server.asgi import read_json
from tianji_core.server.permissions import Doc, GuardedRoute, GuardedSocket, Permission, route, socket_route

if TYPE_CHECKING:
    from tianji_core.server.app import App
    from tianji_core.server.client_secrets import Wanted

_PATHS = ("/v1/realtime", "/realtime", "/openai/v1/realtime", "/openai/realtime")
_MOST = 1024 * 1024
"""Bytes of a session's set-up."""


class RealtimeEndpoint:
    """The ASGI endpoint of sessions."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from tianji_core.server.realtime import serve

        await serve(self._app, scope, receive, send)


def sockets(app: App) -> list[GuardedSocket]:
    endpoint = RealtimeEndpoint(app)
    return [socket_route(path, endpoint, Permission.CALL_MODELS) for path in _PATHS]


def routes(app: App) -> list[GuardedRoute]:
    """The older two answer with the session that has the secret in it, the newer one the other way round."""

    async def client_secrets(request: Request) -> Response:
        from tianji_core.server.client_secrets import read_wanted

        wanted = read_wanted(await _body(app, request))
        value, expires_at = await _kept(app, request, wanted)
        kind = "transcription" if wanted.transcribes else "realtime"
        session = {"object": "realtime.transcription_session" if wanted.transcribes else "realtime.session"}
        session |= {"type": kind, **wanted.session}
        return JSONResponse({"value": value, "expires_at": expires_at, "session": session})

    async def beta(request: Request, *, transcribes: bool) -> Response:
        from tianji_core.server.client_secrets import read_wanted_of_the_beta

        wanted = read_wanted_of_the_beta(await _body(app, request), transcribes=transcribes)
        value, expires_at = await _kept(app, request, wanted)
        kind = "realtime.transcription_session" if transcribes else "realtime.session"
        secret = {"value": value, "expires_at": expires_at}
        return JSONResponse({"object": kind, **wanted.session, "client_secret": secret})

    async def sessions(request: Request) -> Response:
        return await beta(request, transcribes=False)

    async def transcription_sessions(request: Request) -> Response:
        return await beta(request, transcribes=True)

    of_beta = Doc("A key for one realtime session, in the form of the beta", "RealtimeSession", body="RealtimeSetup")
    endpoints = {
        "client_secrets": (client_secrets, Doc("A key for one realtime session", "ClientSecret", body="SecretSetup")),
        "sessions": (sessions, of_beta),
        "transcription_sessions": (transcription_sessions, of_beta),
    }
    return [
        route(f"{prefix}/{name}", endpoint, Permission.CALL_MODELS, methods=["POST"], doc=doc)
        for name, (endpoint, doc) in endpoints.items()
        for prefix in _PATHS[:3]
    ]


async def _body(app: App, request: Request) -> object:
    limit = min(app.serving.max_request_bytes, _MOST)
    return await read_json(request.scope, request.receive, dict(request.scope["headers"]), limit)


async def _kept(app: App, request: Request, wanted: Wanted) -> tuple[str, int]:
    """The new secret, and when it expires, if the caller may call the model."""
    from tianji_core.server.client_secrets import keep

    gateway, principal = app.serving.gateway, request.scope["principal"]
    if principal.models:
        check_models(principal, wanted.model, DEFAULT_OPTIONS)
    if gateway.pipeline.models.resolve(wanted.model) is None:
        raise BadRequestError(f"Invalid model name passed in model={wanted.model}.", param="model")
    return await keep(gateway.store, wanted.secret(principal), wanted.seconds)
