"""Calls of the routes that keep things: each has its place in flight and its record, like calls to models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from tianji_core.api.callback import CallKind
from tianji_core.api.errors import (
    BadRequestError,
    ClientClosedError,
    GatewayError,
    InternalServerError,
    ServiceUnavailableError,
)
from tianji_core.gateway.body import read_tags
from tianji_core.gateway.call import Call
from tianji_core.gateway.limits import Reservation
from tianji_core.server.asgi import ClientDisconnected, DisconnectWatch
from tianji_core.server.errors import error_body, error_event
from tianji_core.server.fields import RawHeader
from tianji_core.server.permissions import Doc, GuardedRoute, Permission
from tianji_core.server.requests import call_id_of, end_user
from tianji_core.telemetry import get_logger

if TYPE_CHECKING:
    from tianji_core.server.app import App, Serving

log = get_logger("tianji.server")

Handler = Callable[[Request, "Serving", Call], Awaitable[Response]]


class KeptRoute(GuardedRoute):
    """A route of callers for what is kept. There are many of them, and what is passed through goes by all: they are
    told apart by a word first.
    """

    def __init__(
        self,
        word: str,
        path: str,
        endpoint: Callable[[Request], Awaitable[Response]],
        *methods: str,
        doc: Doc | None = None,
        dialect: str = "openai",
    ) -> None:
        super().__init__(path, endpoint, Permission.CALL_MODELS, methods, doc, dialect)
        self._word = word

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if self._word not in scope["path"]:
            return Match.NONE, {}
        match, found = super().matches(scope)
        if match is Match.NONE or "provider" not in found["path_params"]:
            return match, found
        return (Match.NONE, {}) if _is_passed(scope, found["path_params"]["provider"]) else (match, found)


def _is_passed(scope: Scope, provider: str) -> bool:
    """Whether a request that names a provider in its path is for pass-through: by a prefix that leaves no choice, or
    from Anthropic's own clients, which speak of files in another way.
    """
    from tianji_core.gateway.pass_through.table import ALIASES

    native = any(name == b"anthropic-version" for name, _ in scope.get("headers", ()))
    return provider in ALIASES or (provider == "anthropic" and native)


def recorded(
    app: App, kind: CallKind, handler: Handler, dialect: str = "openai"
) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint that runs a handler as a call of this kind; `dialect` is how its errors are told."""

    async def run(request: Request) -> Response:
        serving = app.serving
        call = _call(request, kind)
        call.dialect = dialect
        try:
            reservation = serving.gateway.pipeline.limits.reserve(call)
        except GatewayError as error:
            return _failed(serving, error, call)
        return await _run(handler, request, serving, call, reservation)

    return run


async def _run(handler: Handler, request: Request, serving: Serving, call: Call, reservation: Reservation) -> Response:
    pipeline = serving.gateway.pipeline
    try:
        response = await handler(request, serving, call)
    except GatewayError as error:
        pipeline.end(call, error, reservation)
        return _failed(serving, error, call)
    except ClientDisconnected:
        pipeline.end(call, ClientClosedError("The client closed the request."), reservation)
        return Response(status_code=499)  # nobody reads it
    except asyncio.CancelledError:
        pipeline.end(call, ServiceUnavailableError("The gateway is shutting down."), reservation)
        raise
    except Exception as error:
        log.exception("request failed unexpectedly", path=request.scope["path"], error=repr(error))
        failure = InternalServerError("Internal server error.")
        pipeline.end(call, failure, reservation)
        return _failed(serving, failure, call)
    _add(response, serving.headers.fields(call))
    if isinstance(response, Streamed):
        response.on_end = lambda error: pipeline.end(call, error, reservation)
    else:
        pipeline.end(call, None, reservation)
    return response


class Streamed(Response):
    """An answer that is sent while it comes in. `events` says that it is server-sent events.

    One that breaks off is left unfinished: the server closes the connection, and nobody takes it for whole.
    """

    def __init__(self, pieces: AsyncIterator[bytes], headers: Mapping[str, str], *, events: bool = False) -> None:
        super().__init__(None, headers=headers)
        if "content-length" not in headers:
            del self.headers["content-length"]
        self._pieces = pieces
        self._events = events
        self.on_end: Callable[[GatewayError | None], None] = _nothing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        failure: GatewayError | None = ClientClosedError("The client closed the request.")
        with DisconnectWatch(receive) as watch:
            try:
                watch.start()
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                async for piece in self._pieces:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
                failure = None
            except GatewayError as error:
                failure = error
                if self._events:
                    await send({"type": "http.response.body", "body": error_event(error)})
            except OSError:  # how ASGI lets servers say that the client has gone
                pass
            except asyncio.CancelledError:
                if not watch.gone:
                    failure = ServiceUnavailableError("The gateway is shutting down.")
                elif (task := asyncio.current_task()) is not None:
                    task.uncancel()  # the server's task goes on to its own end
            finally:
                if (close := getattr(self._pieces, "aclose", None)) is not None:
                    await close()
                self.on_end(failure)


def _nothing(error: GatewayError | None) -> None:
    """The end of an answer that is no call's."""


def _failed(serving: Serving, error: GatewayError, call: Call) -> Response:
    response = JSONResponse(error_body(error, call.dialect), error.http_status)
    _add(response, serving.headers.error_fields(error, call))
    return response


def _add(response: Response, fields: list[RawHeader]) -> None:
    response.raw_headers.extend(fields)


def _call(request: Request, kind: CallKind) -> Call:
    scope = request.scope
    headers: dict[bytes, bytes] = dict(scope["headers"])
    client, tags = scope.get("client"), headers.get(b"x-litellm-tags")
    return Call(
        "chat",
        "",
        {},
        principal=scope["principal"],
        kind=kind,
        route=scope["path"],
        headers=headers,
        client=client[0] if client else None,
        end_user=end_user(headers, {}),
        tags=read_tags({}, {}, None if tags is None else tags.decode("latin-1")),
        id=call_id_of(headers),
    )


def read_limit(said: str | None, default: int, most: int) -> int:
    """`limit` of a list. Raises BadRequestError."""
    if not said:
        return default
    if not said.isdecimal() or not 1 <= int(said[:9]) <= most:
        raise BadRequestError(f"limit must be a whole number from 1 to {most}.", param="limit")
    return int(said)


def read_order(said: str | None) -> Literal["asc", "desc"]:
    """`order` of a list. Raises BadRequestError."""
    if said not in (None, "", "asc", "desc"):
        raise BadRequestError("order must be 'asc' or 'desc'.", param="order")
    return "asc" if said == "asc" else "desc"
