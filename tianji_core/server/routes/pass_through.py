"""Native pass-through: `/{provider}/…`, and the endpoints of `general_settings.pass_through_endpoints`.

No route of the gateway has these paths; they are asked for here once Starlette's router has found nothing. What there
is depends on the config, and follows a reload.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote

import orjson
from starlette.types import Receive, Scope, Send

from tianji_core.api.call import Principal
from tianji_core.api.errors import (
    ClientClosedError,
    GatewayError,
    InternalServerError,
    NotFoundError,
    ServiceUnavailableError,
)
from tianji_core.api.pass_through import PassThrough
from tianji_core.api.provider import Body
from tianji_core.gateway.body import read_tags
from tianji_core.gateway.call import Call, CallOptions
from tianji_core.gateway.pass_through.endpoints import METHODS
from tianji_core.gateway.pass_through.headers import all_harmless, to_vendor
from tianji_core.gateway.pass_through.passing import Passed, Passing
from tianji_core.gateway.pass_through.paths import checked_query
from tianji_core.gateway.pass_through.table import Place
from tianji_core.server.asgi import ClientDisconnected, DisconnectWatch, parse_json, send_json
from tianji_core.server.errors import error_body
from tianji_core.server.fields import RawHeader
from tianji_core.server.permissions import Doc, GuardedRoute, Permission, route
from tianji_core.server.requests import call_id_of, end_user
from tianji_core.server.uploads import Incoming
from tianji_core.telemetry import get_logger

if TYPE_CHECKING:
    from tianji_core.server.app import App, Serving

log = get_logger("tianji.server")

HELD = 16 * 1024 * 1024
"""Bytes of JSON that are held to learn the model; a larger body goes on as it comes, and its model is not known."""
POLICY: RawHeader = (b"content-security-policy", b"default-src 'none'; sandbox; frame-ancestors 'none'")
"""A vendor's answer is shown by no browser as a page of ours."""
_PASSES = Doc("Passed through to the vendor as it comes", media=("*/*",), error="any")
_FILES = ("audio/", "image/", "video/", "multipart/", "application/octet-stream", "application/pdf", "application/zip")
"""Media types of bodies that are no JSON, so that nothing can be learnt from them."""


async def serve(app: App, scope: Scope, receive: Receive, send: Send) -> bool:
    """Pass the request through. False, and nothing done, if nothing is passed through at this path."""
    place = app.serving.gateway.pass_through.find(scope["path"], scope["method"])
    if place is None:
        return False
    await _Exchange(app, place, scope, receive, send).run()
    return True


def listed(serving: Serving) -> list[GuardedRoute]:
    """What is served now, for the API's document."""
    table = serving.gateway.pass_through
    found = []
    for target in table.targets():
        permission = Permission.PUBLIC if target.public else Permission.CALL_MODELS
        methods = sorted(target.methods)
        found.append(route(target.prefix, _nowhere, permission, methods, _PASSES))
        if target.below:
            found.append(route(f"{target.prefix}/{{path:path}}", _nowhere, permission, methods, _PASSES))
    if table.vendors is None or table.vendors:
        found.append(route("/{provider}/{path:path}", _nowhere, Permission.CALL_MODELS, sorted(METHODS), _PASSES))
    return found


async def _nowhere() -> None:
    """The endpoint of routes that are only listed."""


class _Exchange:
    """One request and its answer."""

    def __init__(self, app: App, place: Place, scope: Scope, receive: Receive, send: Send) -> None:
        self._app = app
        self._place = place
        self._scope = scope
        self._receive = receive
        self._send = send
        self._serving = app.serving
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self._passing: Passing | None = None
        self._passed: Passed | None = None
        self._begun = False

    async def run(self) -> None:
        with DisconnectWatch(self._receive) as watch:
            try:
                await self._pass(watch)
                return
            except GatewayError as error:
                await self._fail(error)
            except (ClientDisconnected, OSError):  # the latter is how ASGI lets servers say it
                await self._end(ClientClosedError("The client closed the request."))
            except asyncio.CancelledError:
                if watch.gone:
                    await self._end(ClientClosedError("The client closed the request."))
                    # The call is ended; the server's task goes on to its own end.
                    task = asyncio.current_task()
                    if task is not None:
                        task.uncancel()
                    return
                await self._fail(ServiceUnavailableError("The gateway is shutting down."))
            except Exception as error:
                log.exception("request failed unexpectedly", path=self._scope["path"], error=repr(error))
                await self._fail(InternalServerError("Internal server error."))

    async def _pass(self, watch: DisconnectWatch) -> None:
        scope = self._scope
        principal = await self._authenticate()
        serving, place = self._serving, self._place
        client = scope.get("client")
        tags = self._headers.get(b"x-litellm-tags")
        call = Call(
            "chat",
            "",
            {},
            principal=principal,
            options=CallOptions(guardrails=frozenset(place.guardrails)),
            dialect="native",
            kind="pass_through",
            route=scope["path"],
            headers=self._headers,
            client=client[0] if client else None,
            end_user=end_user(self._headers, {}),
            tags=read_tags({}, {}, None if tags is None else tags.decode("latin-1")),
            id=call_id_of(self._headers),
        )
        passing = self._passing = Passing(serving.gateway.pipeline, call)
        if scope["method"] not in place.methods:
            await self._refuse_method()
            return
        task, watching = asyncio.current_task(), False

        def start_watching() -> None:
            nonlocal watching
            if not watching:
                watching = True
                watch.start(task)

        request = await self._request(call, start_watching)
        self._passed = await passing.send(place, request)
        start_watching()  # an answer that comes early leaves the rest of the body unread
        await self._answer(self._passed, [POLICY, *serving.headers.fields(call)])

    async def _authenticate(self) -> Principal:
        """Who calls. Raises AuthenticationError, and NotFoundError if a reload has taken the place away meanwhile."""
        serving, scope, place = self._serving, self._scope, self._place
        headers = _with_key(self._headers, scope, place.name)
        permission = Permission.PUBLIC if place.public else Permission.CALL_MODELS
        principal = await serving.authenticator.require(permission, scope, headers)
        if serving is not self._app.serving:
            serving = self._serving = self._app.serving
            found = serving.gateway.pass_through.find(scope["path"], scope["method"])
            if found is None or found.public != place.public:
                raise NotFoundError("Not Found")
            self._place = found
        return principal

    async def _request(self, call: Call, ended: Callable[[], None]) -> PassThrough:
        """What the provider gets. Raises BadRequestError, RequestTooLargeError."""
        serving, scope, place = self._serving, self._scope, self._place
        path = place.rest(_raw_path(scope, self._app.root))
        query = checked_query(scope.get("query_string", b"").decode("latin-1"))
        if place.forwards_all:
            fields = all_harmless(scope["headers"], serving.authenticator.find_key(self._headers))
        else:
            extra = (await place.rows())[0].provider.pass_through_headers
            fields = to_vendor(scope["headers"], extra)
        request = PassThrough(scope["method"], path, query, fields)
        await self._take_body(request, call, ended)
        return request

    async def _take_body(self, request: PassThrough, call: Call, ended: Callable[[], None]) -> None:
        """Hold the body as far as somebody has to see it; the rest goes on as it comes."""
        serving = self._serving
        general = serving.gateway.config.general_settings
        pipeline = serving.gateway.pipeline
        signs = (await self._place.rows())[0].provider.pass_through_signs
        # Which policies hold depends on the model, and that may stand in the body.
        judged = bool(pipeline.guardrails.stages(call)) or pipeline.policies.concern(call)
        whole = signs or judged or bool(call.principal.models)
        limit = serving.max_request_bytes if whole else int(general.max_pass_through_size_mb * 1024 * 1024)
        incoming = Incoming(self._receive, self._headers, limit, ended)
        kind = self._headers.get(b"content-type", b"").decode("latin-1").lower()
        most = limit if whole else 0 if kind.startswith(_FILES) else HELD
        body = await incoming.hold(most)
        if body is None:
            request.body, request.length = incoming.parts(), incoming.length
            return
        request.body = body
        if body and not kind.startswith(_FILES):
            request.json = _json_of(body, strictly=bool(call.principal.models) or judged)

    async def _answer(self, passed: Passed, fields: list[RawHeader]) -> None:
        """Send the answer on as it comes."""
        self._begun = True
        ours = {name for name, _ in fields}
        headers = [*(field for field in passed.headers if field[0] not in ours), *fields]
        await self._send({"type": "http.response.start", "status": passed.status, "headers": headers})
        async for piece in passed:
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})

    async def _refuse_method(self) -> None:
        allowed = ", ".join(sorted(self._place.methods)).encode()
        error = GatewayError("Method Not Allowed", status=405, type="invalid_request_error")
        await self._end(error)
        body = error_body(error, self._place.dialect)
        await send_json(self._send, 405, [(b"allow", allowed), *self._error_fields(error)], body)

    async def _fail(self, error: GatewayError) -> None:
        """End the call with an error. Once the answer has begun, there is no place for it: what is sent is left
        unfinished, the server closes the connection, and nobody takes it for whole.
        """
        await self._end(error)
        if not self._begun:
            body = error_body(error, self._place.dialect)
            await send_json(self._send, error.http_status, self._error_fields(error), body)

    async def _end(self, error: GatewayError) -> None:
        if self._passed is not None:
            await self._passed.aclose(error, quick=True)
        if self._passing is not None:
            self._passing.end(error)

    def _error_fields(self, error: GatewayError) -> list[RawHeader]:
        call = self._passing.call if self._passing is not None else None
        return self._serving.headers.error_fields(error, call)


def _json_of(body: bytes, *, strictly: bool) -> Body | None:
    """The object that a body is. Where it decides what is allowed, it has to mean the same to everybody who reads it.

    Raises BadRequestError then.
    """
    if strictly:
        value = parse_json(body)
    else:
        try:
            value = orjson.loads(body)
        except ValueError:
            return None
    return value if isinstance(value, dict) else None


def _raw_path(scope: Scope, root: str) -> str:
    """The path as it came, percent-encoded, without what stands before every path of ours."""
    raw = scope.get("raw_path")
    path: str = quote(scope["path"], safe="/:@!$&'()*+,;=~-._") if raw is None else raw.decode("latin-1")
    path = path.partition("?")[0]
    if raw is not None and root and (path + "/").startswith(quote(root) + "/"):
        path = path[len(quote(root)) :] or "/"
    return path


def _with_key(headers: dict[bytes, bytes], scope: Scope, provider: str) -> dict[bytes, bytes]:
    """The header fields, with the caller's key where it is always looked for.

    Google's clients may put it into the query, and AWS's sign with it: there it is the access key's id. The signature
    cannot be checked, and need not be; the id is the secret here.
    """
    if provider in ("gemini", "vertex_ai") and b"x-goog-api-key" not in headers and b"authorization" not in headers:
        key = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"))).get("key")
        return {**headers, b"x-goog-api-key": key.encode("latin-1", "replace")} if key else headers
    signed = headers.get(b"authorization", b"")
    if signed.startswith(b"AWS4-HMAC-SHA256 "):
        _, _, rest = signed.partition(b"Credential=")
        return {**headers, b"authorization": b"Bearer " + rest.partition(b"/")[0].strip()}
    return headers
