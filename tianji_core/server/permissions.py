"""What a caller needs to have to use a route. Every route states it, or the server does not start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from starlette.routing import BaseRoute, Route, WebSocketRoute


class Permission(Enum):
    """Who may use a route."""

    PUBLIC = "public"
    """Anybody, without a key."""
    CALL_MODELS = "call_models"
    """Any caller that an auth backend knows; every caller, if there is no master key."""
    ADMIN = "admin"
    """Principals with the role `proxy_admin`."""


class GuardedRoute(Route):
    """A Starlette route that states its permission."""

    def __init__(
        self, path: str, endpoint: Callable[..., Any], permission: Permission, methods: Sequence[str] | None = None
    ) -> None:
        super().__init__(path, endpoint, methods=list(methods) if methods is not None else None)
        self.permission = permission


def route(
    path: str, endpoint: Callable[..., Any], permission: Permission, methods: Sequence[str] = ("GET",)
) -> GuardedRoute:
    """A route with its permission; plugins build theirs (`tianji_routes`) with it too."""
    return GuardedRoute(path, endpoint, permission, methods)


class GuardedSocket(WebSocketRoute):
    """The same for WebSockets."""

    def __init__(self, path: str, endpoint: Callable[..., Any], permission: Permission) -> None:
        super().__init__(path, endpoint)
        self.permission = permission


def socket_route(path: str, endpoint: Callable[..., Any], permission: Permission) -> GuardedSocket:
    """A route of WebSockets with its permission."""
    return GuardedSocket(path, endpoint, permission)


def check_permissions(routes: Sequence[BaseRoute]) -> None:
    """Raises ValueError naming the routes that state no permission."""
    missing = [getattr(r, "path", repr(r)) for r in routes if not isinstance(r, (GuardedRoute, GuardedSocket))]
    if missing:
        raise ValueError(f"routes without a permission: {', '.join(missing)}; build them with permissions.route()")
