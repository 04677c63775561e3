"""Calling models: chat, embeddings, images, speech and the rest in OpenAI's dialect, under all their paths.

These are the hot routes: plain ASGI, no request object, no router for the common paths.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import orjson
from starlette.datastructures import FormData
from starlette.types import Receive, Scope, Send

from tianji_core.api.call import Principal
from tianji_core.api.errors import ClientClosedError, GatewayError, InternalServerError, ServiceUnavailableError
from tianji_core.api.provider import UPLOADS, Operation
from tianji_core.gateway.call import Call
from tianji_core.gateway.dialects import DialectCall
from tianji_core.gateway.heavy import HEAVY, in_thread
from tianji_core.gateway.reply import Reply, StreamReply
from tianji_core.server.asgi import (
    EVENT_STREAM_LINES,
    JSON_LINE,
    PUSH,
    ClientDisconnected,
    DisconnectWatch,
    parse_json,
    read_body,
    send_json,
    send_written,
)
from tianji_core.server.errors import error_body, error_event, let_go
from tianji_core.server.fields import lines_of, value_of
from tianji_core.server.forms import is_form, read_form
from tianji_core.server.permissions import Doc, GuardedRoute, Permission, route
from tianji_core.server.requests import may_name_files, read_call, read_dialect_call
from tianji_core.server.routes import responses
from tianji_core.telemetry import get_logger
from tianji_core.translate.surfaces.contract import Surface
from tianji_core.translate.surfaces.messages import MESSAGES
from tianji_core.translate.surfaces.responses import RESPONSES

if TYPE_CHECKING:
    from tianji_core.gateway.responses.turn import Turn
    from tianji_core.server.app import App, Serving

log = get_logger("tianji.server")

_SUFFIXES: dict[Operation, str] = {
    "chat": "/chat/completions",
    "completions": "/completions",
    "embeddings": "/embeddings",
    "rerank": "/rerank",
    "moderations": "/moderations",
    "images": "/images/generations",
    "image_edits": "/images/edits",
    "image_variations": "/images/variations",
    "speech": "/audio/speech",
    "transcriptions": "/audio/transcriptions",
    "translations": "/audio/translations",
}
_DIALECTS: tuple[tuple[Surface, tuple[str, ...]], ...] = (
    (MESSAGES, ("/v1/messages",)),
    (RESPONSES, (*responses.PATHS, *(f"{path}/compact" for path in responses.PATHS))),
)
_DOCS: dict[str, Doc] = {
    "chat": Doc("Chat", "ChatCompletion", body="ChatBody", stream="ChatChunk"),
    "completions": Doc("The older completions", "Completion", body="CompletionBody", stream="Completion"),
    "embeddings": Doc("Embeddings", "Embeddings", body="EmbeddingsBody"),
    "rerank": Doc("Documents by relevance", "Rerank", body="RerankBody"),
    "moderations": Doc("Moderations", "Moderations", body="ModerationsBody"),
    "images": Doc("Images from a prompt", "Images", body="ImagesBody", stream="object"),
    "image_edits": Doc("Images changed by a prompt", "Images", form="ImageEditsForm", stream="object"),
    "image_variations": Doc("Images like another", "Images", form="ImageVariationsForm"),
    "speech": Doc("Speech from a text", body="SpeechBody", media=("audio/*",), stream="object"),
    "transcriptions": Doc(
        "Text from speech", "Transcription", form="TranscriptionForm", media=("text/plain",), stream="object"
    ),
    "translations": Doc("English text from speech", "Transcription", form="TranslationForm", media=("text/plain",)),
    "messages": Doc(
        "Anthropic's Messages", "Message", body="MessagesBody", stream="MessagesEvent", error="MessagesError"
    ),
    "responses": Doc(
        "OpenAI's Responses; below `/compact`, a conversation made shorter",
        "Response | Compaction",
        body="ResponsesBody",
        stream="ResponsesEvent",
    ),
}
"""What the API's document says, by operation or dialect."""
_PREFIXES = ("", "/v1", "/engines/{model:path}", "/openai/deployments/{model:path}")


class ModelEndpoint:
    """The ASGI endpoint of one operation. It finds out itself who calls, by its own way to errors."""

    guards_itself = True

    def __init__(self, app: App, operation: Operation, surface: Surface | None = None) -> None:
        self._app = app
        self._operation: Operation = operation
        self._takes_files = operation in UPLOADS
        self._surface = surface
        self._dialect = "openai" if surface is None else surface.name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        serving = self._app.serving
        headers: dict[bytes, bytes] = dict(scope["headers"])
        call: Call | None = None
        form: FormData | None = None
        takes_files = self._takes_files
        answered = names_files = False
        with DisconnectWatch(receive) as watch:
            try:
                principal = await serving.authenticator.principal(scope, headers)
                heavy = False
                if takes_files and is_form(headers):
                    body, form = await read_form(scope, receive, headers, serving.max_request_bytes)
                else:
                    data = await read_body(scope, receive, headers, serving.max_request_bytes)
                    heavy = len(data) > HEAVY
                    body = parse_json(data) if not heavy else await in_thread(parse_json, data)
                    names_files = self._operation == "chat" and may_name_files(data, self._dialect)
                    del data  # a large one is not to stay until the answer's end
                serving = self._app.serving  # one gateway to the last byte; an upload may have outlived a reload
                if self._dialect == "openai":
                    if not heavy:
                        call = read_call(self._operation, scope, headers, body, principal)
                    else:
                        call = await in_thread(read_call, self._operation, scope, headers, body, principal)
                    call.heavy = heavy
                    if names_files:
                        call.kept = serving.gateway.prompt_files()
                    watch.start()
                    reply = await serving.gateway.pipeline.run(call)
                else:
                    asked = await self._asked(serving, scope, headers, body, principal, heavy)
                    call = asked.call
                    call.heavy = heavy
                    if names_files and call.kept is None:
                        call.kept = serving.gateway.prompt_files()
                    watch.start()
                    reply = await asked.run(serving.gateway.pipeline)
                if isinstance(reply, StreamReply):
                    answered = True
                    if PUSH in scope.get("extensions", ()):
                        reply.push_to(scope["extensions"][PUSH]["push"])
                    await _send_stream(serving, call, reply, scope, send, watch)
                else:
                    content_type, data = _written(reply)
                    answered = True
                    await send_written(scope, send, 200, content_type + serving.headers.lines(call), data)
            except GatewayError as error:
                fields = serving.headers.error_fields(error, call)
                await send_json(send, error.http_status, fields, self._told(error))
                let_go(error)
            except ClientDisconnected:
                return
            except asyncio.CancelledError:
                if not watch.gone:
                    # We are shutting down. Once the client has been told there is nothing left to cancel.
                    if not answered:
                        failure = ServiceUnavailableError("The gateway is shutting down.")
                        fields = serving.headers.error_fields(failure, call)
                        await send_json(send, failure.http_status, fields, self._told(failure))
                    return
                # The client has left and the call is ended; the server's task goes on to its own end.
                task = asyncio.current_task()
                if task is not None:
                    task.uncancel()
            except Exception as error:
                if answered:
                    raise  # the server ends the connection: the client must not take it for whole
                log.exception("request failed unexpectedly", path=scope["path"], error=repr(error))
                crash = InternalServerError("Internal server error.")
                fields = serving.headers.error_fields(crash, call)
                await send_json(send, crash.http_status, fields, self._told(crash))
                let_go(error)
            finally:
                if form is not None:
                    await form.close()

    async def _asked(
        self, serving: Serving, scope: Scope, headers: dict[bytes, bytes], body: Any, principal: Principal, heavy: bool
    ) -> DialectCall:
        """The call of a client that speaks another dialect."""
        assert self._surface is not None  # noqa: S101 - see __init__
        if heavy:
            return DialectCall(await in_thread(read_dialect_call, self._surface, scope, headers, body, principal))
        return DialectCall(read_dialect_call(self._surface, scope, headers, body, principal))

    def _told(self, error: GatewayError) -> Any:
        """The body of a failed call; where streams are arrays, their errors stand in one as well."""
        body = error_body(error, self._dialect)
        return [body] if self._surface is not None and self._surface.in_array else body


class ResponsesEndpoint(ModelEndpoint):
    """The endpoint of Responses, which follow one another and can be asked for again."""

    async def _asked(
        self, serving: Serving, scope: Scope, headers: dict[bytes, bytes], body: Any, principal: Principal, heavy: bool
    ) -> DialectCall:
        memory = serving.gateway.responses
        turn: Turn = await (memory.compaction if scope["path"].endswith("/compact") else memory.turn)(body, principal)
        if heavy:
            return turn.begin(await in_thread(read_dialect_call, turn, scope, headers, turn.body, principal))
        return turn.begin(read_dialect_call(turn, scope, headers, turn.body, principal))


def _endpoint(app: App, surface: Surface) -> ModelEndpoint:
    return (ResponsesEndpoint if surface is RESPONSES else ModelEndpoint)(app, "chat", surface)


def _written(reply: Reply) -> tuple[bytes, bytes]:
    """The line of the answer's content type, and its body."""
    if reply.binary is None:
        return JSON_LINE, orjson.dumps(reply.body)
    return lines_of([(b"content-type", value_of(reply.binary.content_type))]), reply.binary.data


async def _send_stream(
    serving: Serving, call: Call, reply: StreamReply, scope: Scope, send: Send, watch: DisconnectWatch
) -> None:
    """Send a stream that has begun: to its end, its error or the client's leaving."""
    content_type = reply.content_type
    kind = EVENT_STREAM_LINES if content_type is None else lines_of([(b"content-type", value_of(content_type))])
    try:
        await send_written(scope, send, 200, kind + serving.headers.lines(call), None)
        async for data in reply:
            await send({"type": "http.response.body", "body": data, "more_body": True})
    except GatewayError as error:
        told = reply.failure(error_event(error, call.dialect, reply.number))
        if told is None:
            raise  # no place for an error in it: the server ends the connection, and nobody takes it for whole
        await send({"type": "http.response.body", "body": told, "more_body": True})
        let_go(error)
    except OSError:  # how ASGI lets servers say that the client has gone
        await reply.aclose(ClientClosedError("The client closed the request."))
        return
    except Exception as error:
        log.exception("stream failed unexpectedly", call_id=call.id, error=repr(error))
        crash = InternalServerError("Internal server error.")
        await reply.aclose(crash)
        told = reply.failure(error_event(crash, call.dialect, reply.number))
        if told is None:
            raise
        await send({"type": "http.response.body", "body": told, "more_body": True})
    except BaseException:
        await _abandon(reply, watch, send, call.dialect)
        raise
    await send({"type": "http.response.body", "body": b""})


async def _abandon(reply: StreamReply, watch: DisconnectWatch, send: Send, dialect: str) -> None:
    """End a stream before its time; a client that is still there (we are shutting down) is told so."""
    if watch.gone:
        await reply.aclose(ClientClosedError("The client closed the request."))
        return
    failure = ServiceUnavailableError("The gateway is shutting down.")
    await reply.aclose(failure, quick=True)
    told = reply.failure(error_event(failure, dialect, reply.number))
    if told is not None:
        await send({"type": "http.response.body", "body": told, "more_body": False})


def hot_routes(app: App) -> Iterator[tuple[str, ModelEndpoint]]:
    """Exact paths, to be looked up in a dict."""
    for operation, suffix in _SUFFIXES.items():
        endpoint = ModelEndpoint(app, operation)
        for prefix in ("", "/v1"):
            yield prefix + suffix, endpoint
        if operation == "rerank":
            yield "/v2/rerank", endpoint
    for surface, paths in _DIALECTS:
        endpoint = _endpoint(app, surface)
        for path in paths:
            yield path, endpoint


def routes(app: App) -> list[GuardedRoute]:
    """The same for Starlette's router: all paths, with the ones that name the model."""
    found: list[GuardedRoute] = []
    for operation, suffix in _SUFFIXES.items():
        endpoint = ModelEndpoint(app, operation)
        prefixes = (*_PREFIXES, "/v2") if operation == "rerank" else _PREFIXES
        found += [_route(prefix + suffix, endpoint, _DOCS[operation]) for prefix in prefixes]
    for surface, paths in _DIALECTS:
        endpoint = _endpoint(app, surface)
        found += [_route(path, endpoint, _DOCS[surface.name]) for path in paths]
    return found


def _route(path: str, endpoint: ModelEndpoint, doc: Doc) -> GuardedRoute:
    doc = doc._replace(headers="CallHeaders")
    if "{model" not in path:  # else the path names it
        body, form = (f"{{ model: string }} & {name}" if name else "" for name in (doc.body, doc.form))
        doc = doc._replace(body=body, form=form)
    return route(path, endpoint, Permission.CALL_MODELS, methods=["POST"], doc=doc)
