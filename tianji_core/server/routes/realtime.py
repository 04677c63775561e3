"""`/v1/realtime`: WebSockets to realtime models. Only the routes; the rest is loaded with the first session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.types import Receive, Scope, Send

from tianji_core.server.permissions import GuardedSocket, Permission, socket_route

if TYPE_CHECKING:
    from tianji_core.server.app import App

_PATHS = ("/v1/realtime", "/realtime", "/openai/v1/realtime", "/openai/realtime")


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
