"""Google's Gemini API for clients that speak it: `generateContent`, its streams, embeddings, `countTokens`, the models.

The paths hold the model, so they go by the router. All answers are in Google's form, refusals too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from tianji_core.api.call import Principal
from tianji_core.api.errors import GatewayError, InternalServerError, NotFoundError
from tianji_core.routing import Deployment
from tianji_core.server.asgi import ClientDisconnected, read_json, send_json
from tianji_core.server.errors import error_body
from tianji_core.server.permissions import Doc, GuardedRoute, Permission, route
from tianji_core.server.requests import read_dialect_call
from tianji_core.server.routes.models_api import ModelEndpoint
from tianji_core.telemetry import get_logger

if TYPE_CHECKING:
    from tianji_core.server.app import App

log = get_logger("tianji.server")

_PREFIXES = ("/v1beta/models", "/v1/models", "/models")
_KEY = b"x-goog-api-key"
_CLIENT = b"x-goog-api-client"
_CALLED = ["generateContent", "streamGenerateContent", "countTokens"]
_EMBED = ["embedContent", "batchEmbedContents"]
_MODES = frozenset({"chat", "completion", "responses"})
"""Modes of models that can be asked to generate content."""


_GENERATES = Doc(
    "Google's generateContent", "GeminiAnswer", body="GeminiBody", headers="CallHeaders", error="GeminiError"
)
_STREAMS = Doc(
    "The same as a stream: events with `alt=sse`, else one array",
    "(GeminiAnswer | GeminiError)[]",
    body="GeminiBody",
    query='{ alt?: "sse" }',
    headers="CallHeaders",
    stream="GeminiAnswer",
    error="GeminiError | GeminiError[]",
)
_COUNTS = Doc("How many tokens a prompt has", "GeminiCount", body="GeminiCountBody", error="GeminiError")
_EMBEDS = Doc("A vector of a text", "GeminiEmbedding", body="GeminiEmbedBody", error="GeminiError")
_EMBEDS_BATCH = Doc("Vectors of several texts", "GeminiEmbeddings", body="GeminiEmbedBatchBody", error="GeminiError")
_LISTS = Doc(
    "The models; those of Google's form to its own clients", "GeminiModels | ModelList", error="GeminiError | Error"
)
_TELLS = Doc("One of the models, as above", "GeminiModel | Model", error="GeminiError | Error")
_LACKS = Doc("There is no other method", body="object", error="GeminiError")


class GenerateEndpoint:
    """`:generateContent` and `:streamGenerateContent`; the latter is events with `alt=sse`, else an array."""

    guards_itself = True

    def __init__(self, app: App, *, streams: bool) -> None:
        self._app = app
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from tianji_core.translate.surfaces import gemini  # not before somebody speaks it

        surface = gemini.WHOLE
        if self._streams:
            query = _query(scope)
            surface = gemini.EVENTS if "sse" in (query.get("alt"), query.get("$alt")) else gemini.ARRAY
        await ModelEndpoint(self._app, "chat", surface)(_with_key(self._app, scope), receive, send)


class EmbedEndpoint:
    """`:embedContent`, and `:batchEmbedContents` for several texts."""

    guards_itself = True

    def __init__(self, app: App, *, batch: bool) -> None:
        self._app = app
        self._batch = batch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from tianji_core.translate.surfaces import gemini

        surface = gemini.EMBEDS_BATCH if self._batch else gemini.EMBEDS
        await ModelEndpoint(self._app, "embeddings", surface)(_with_key(self._app, scope), receive, send)


Work = Callable[[Scope, Receive, Principal], Awaitable[Any]]
"""Makes the answer to a request. Raises GatewayError."""


class PlainEndpoint:
    """Whatever is answered at once, in Google's form."""

    guards_itself = True

    def __init__(self, app: App, work: Work) -> None:
        self._app = app
        self._work = work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        serving = self._app.serving
        try:
            scope = _with_key(self._app, scope)
            principal = await serving.authenticator.principal(scope, dict(scope["headers"]))
            status, answer, error = 200, await self._work(scope, receive, principal), None
        except ClientDisconnected:
            return
        except GatewayError as failure:
            error = failure
        except Exception as failure:
            log.exception("request failed unexpectedly", path=scope["path"], error=repr(failure))
            error = InternalServerError("Internal server error.")
        if error is not None:
            status, answer = error.http_status, error_body(error, "gemini")
        fields = [] if error is None else serving.headers.error_fields(error, None)
        await send_json(send, status, fields, answer)


class OfGooglesClients(GuardedRoute):
    """A route that only Google's own clients see.

    With version `v1`, which the newer ones have by default, Google's path of the models is OpenAI's too.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if any(name == _CLIENT for name, _ in scope.get("headers", ())):
            return super().matches(scope)
        return Match.NONE, {}


def _query(scope: Scope) -> dict[str, str]:
    return dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))


def _with_key(app: App, scope: Scope) -> Scope:
    """The request with a key that came in its address put where all others come, unless it has one there."""
    query = _query(scope)
    key = query.pop("key", None)
    if key is None:
        return scope
    headers = list(scope["headers"])
    if key and app.serving.authenticator.find_key(dict(headers)) is None:
        headers.append((_KEY, key.encode("latin-1", "replace")))
    return {**scope, "query_string": urlencode(query).encode(), "headers": headers}


def _entry(name: str, deployment: Deployment) -> dict[str, Any]:
    """A model as Google lists it."""
    info = deployment.info
    can, mode = deployment.provider.capabilities.operations, info.get("mode")
    embeds = "embeddings" in can and (mode == "embedding" or "chat" not in can)
    chats = "chat" in can and info.get("mode", "chat") in _MODES
    entry: dict[str, Any] = {"name": f"models/{name}", "displayName": name}
    for member, of in (("inputTokenLimit", "max_input_tokens"), ("outputTokenLimit", "max_output_tokens")):
        if isinstance(info.get(of), int):
            entry[member] = info[of]
    entry["supportedGenerationMethods"] = _CALLED if chats else _EMBED if embeds else []
    return entry


def routes(app: App) -> list[GuardedRoute]:
    async def count(scope: Scope, receive: Receive, principal: Principal) -> Any:
        from tianji_core.gateway.prompt_tokens import count_prompt
        from tianji_core.translate.surfaces import gemini

        serving, headers = app.serving, dict(scope["headers"])
        body = await read_json(scope, receive, headers, serving.max_request_bytes)
        call = read_dialect_call(gemini.WHOLE, scope, headers, gemini.counted_request(body), principal)
        counted = await count_prompt(serving.gateway.pipeline.models, call)
        return gemini.count_answer(counted.tokens, counted.answer)

    async def list_models(scope: Scope, receive: Receive, principal: Principal) -> Any:
        listed = app.serving.gateway.pipeline.models.listed()
        return {"models": [_entry(n, d) for n, d in listed if not principal.models or n in principal.models]}

    async def get_model(scope: Scope, receive: Receive, principal: Principal) -> Any:
        name = scope["path_params"]["model"]
        target = app.serving.gateway.pipeline.models.resolve(name)
        if target is None or (principal.models and name not in principal.models):
            raise NotFoundError(f"models/{name} is not found, or may not be called.")
        return _entry(name, target.deployments[0])

    async def no_method(scope: Scope, receive: Receive, principal: Principal) -> Any:
        raise NotFoundError(f"There is no such method; of a model there are {', '.join(_CALLED + _EMBED)}.")

    found = []
    for prefix in _PREFIXES:
        for method, endpoint, doc in (
            ("generateContent", GenerateEndpoint(app, streams=False), _GENERATES),
            ("streamGenerateContent", GenerateEndpoint(app, streams=True), _STREAMS),
            ("embedContent", EmbedEndpoint(app, batch=False), _EMBEDS),
            ("batchEmbedContents", EmbedEndpoint(app, batch=True), _EMBEDS_BATCH),
            ("countTokens", PlainEndpoint(app, count), _COUNTS),
        ):
            path = f"{prefix}/{{model:path}}:{method}"
            found.append(route(path, endpoint, Permission.CALL_MODELS, methods=["POST"], doc=doc))
    for prefix, kind in ((_PREFIXES[0], GuardedRoute), (_PREFIXES[1], OfGooglesClients)):
        one = f"{prefix}/{{model:path}}"
        found.append(kind(prefix, PlainEndpoint(app, list_models), Permission.CALL_MODELS, ["GET"], _LISTS))
        found.append(kind(one, PlainEndpoint(app, get_model), Permission.CALL_MODELS, ["GET"], _TELLS))
        found.append(kind(one, PlainEndpoint(app, no_method), Permission.CALL_MODELS, ["POST"], _LACKS))
    return found
