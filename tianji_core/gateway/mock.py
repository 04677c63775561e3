"""`mock_response` in `litellm_params`: a canned answer in place of the vendor's, for tests of a configuration."""

from __future__ import annotations

import time
import uuid
from typing import Any

import orjson

from tianji_core.api.errors import (
    BadRequestError,
    ContextWindowExceededError,
    GatewayError,
    InternalServerError,
    RateLimitError,
)
from tianji_core.api.http import UpstreamReply
from tianji_core.api.provider import Body, LocalReply, ModelRequest
from tianji_core.openai_compat import OpenAIStreamDecoder
from tianji_core.openai_compat.errors import parse_error
from tianji_core.wire.sse import DONE_EVENT, encode_event

# The reference's made-up numbers, so that dashboards built on mocks look alike.
_USAGE = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
_EMBEDDING = [0.0] * 1536

_ERRORS: dict[str, type[GatewayError]] = {
    "litellm.RateLimitError": RateLimitError,
    "litellm.ContextWindowExceededError": ContextWindowExceededError,
    "litellm.InternalServerError": InternalServerError,
    "litellm.BadRequestError": BadRequestError,
}


def mock_reply(mock: Any, request: ModelRequest) -> LocalReply:
    """The answer in OpenAI's wire format. Raises the error that a text such as `litellm.RateLimitError` names."""
    text = mock if isinstance(mock, str) else orjson.dumps(mock).decode()
    error = _ERRORS.get(text)
    if error is not None:
        raise error("This is a mocked error.")
    head: Body = {"id": f"chatcmpl-{uuid.uuid4()}", "created": int(time.time()), "model": request.model}
    if request.operation == "embeddings":
        vector = mock if isinstance(mock, list) else _EMBEDDING
        data = [{"object": "embedding", "index": 0, "embedding": vector}]
        return _json({"object": "list", "model": request.model, "data": data, "usage": _USAGE})
    if request.operation == "completions":
        choice: Body = {"index": 0, "text": text, "finish_reason": "stop"}
        if request.stream:
            return _stream([{**head, "object": "text_completion", "choices": [choice]}], head, "text_completion")
        return _json({**head, "object": "text_completion", "choices": [choice], "usage": _USAGE})
    if request.stream:
        kind = "chat.completion.chunk"
        deltas: list[tuple[Body, str | None]] = [({"role": "assistant", "content": ""}, None)]
        deltas += [({"content": word}, None) for word in _words(text)]
        deltas.append(({}, "stop"))
        chunks = [
            {**head, "object": kind, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
            for delta, finish in deltas
        ]
        return _stream(chunks, head, kind)
    message = {"role": "assistant", "content": text}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return _json({**head, "object": "chat.completion", "choices": choices, "usage": _USAGE})


def mock_parse(reply: UpstreamReply) -> Body:
    """The body of a whole mocked answer."""
    body: Body = orjson.loads(reply.body)
    return body


def mock_decoder() -> OpenAIStreamDecoder:
    """The decoder of a streamed mocked answer."""
    return OpenAIStreamDecoder(lambda status, headers, body: parse_error(status, headers, body, "mock"))


def _json(body: Body) -> LocalReply:
    return LocalReply(200, (("content-type", "application/json"),), orjson.dumps(body))


def _stream(chunks: list[Body], head: Body, kind: str) -> LocalReply:
    usage = {**head, "object": kind, "choices": [], "usage": _USAGE}
    events = [encode_event(orjson.dumps(chunk)) for chunk in [*chunks, usage]]
    return LocalReply(200, (("content-type", "text/event-stream"),), b"".join(events) + DONE_EVENT)


def _words(text: str) -> list[str]:
    """The text in pieces that join to it again."""
    words = text.split(" ")
    return [word + " " for word in words[:-1]] + words[-1:]
