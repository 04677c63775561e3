"""What a route states beside its path: what a caller needs to have to use it, and what it takes and gives.

Without a permission the server does not start; what is said for the API's document costs nothing until it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, NamedTuple

from starlette.routing import BaseRoute, Route, WebSocketRoute


class Permission(Enum):
    """Who may use a route."""

    PUBLIC = "public"
    """Anybody, without a key."""
    CALL_MODELS = "call_models"
    """Any caller that an auth backend knows; every caller, if there is no master key."""
    ADMIN = "admin"
    """Principals with the role `proxy_admin`."""


class Doc(NamedTuple):
    """What `/openapi.json` says of a route. Types are written as in `tianji_core.server.openapi.notation`; those that
    have names stand in the folder `types` beside it.
    """

    summary: str
    answer: str = ""
    """The JSON of a good answer."""
    body: str = ""
    """The JSON that is sent."""
    form: str = ""
    """The fields of a form, for routes that take files."""
    query: str = ""
    """An object whose members are the parameters of the query."""
    headers: str = ""
    """The same for header fields."""
    stream: str = ""
    """The data of an event, for answers that may be streams."""
    media: tuple[str, ...] = ()
    """Media types of answers that are no JSON."""
    error: str = "Error"
    status: int = 200


class GuardedRoute(Route):
    """A Starlette route that states its permission."""

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        permission: Permission,
        methods: Sequence[str] | None = None,
        doc: Doc | None = None,
        dialect: str = "openai",
    ) -> None:
        super().__init__(path, endpoint, methods=list(methods) if methods is not None else None)
        self.permission = permission
        self.doc = doc
        self.dialect = dialect


def route(
    path: str,
    endpoint: Callable[..., Any],
    permission: Permission,
    methods: Sequence[str] = ("GET",),
    doc: Doc | None = None,
    dialect: str = "openai",
) -> GuardedRoute:
    """A route with its permission, and with what the API's document says of it; plugins build theirs (`tianji_routes`)
    with it too. `dialect` is the one that errors are told in.
    """
    return GuardedRoute(path, endpoint, permission, methods, doc, dialect)


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
