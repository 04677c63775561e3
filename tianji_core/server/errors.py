"""Errors on the wire: the same tree, told in the caller's own dialect."""

from __future__ import annotations

from typing import Any

import orjson

from tianji_core.api.errors import GatewayError
from tianji_core.wire import anthropic, google, openai
from tianji_core.wire.sse import encode_event


def error_body(error: GatewayError, dialect: str = "openai") -> dict[str, Any]:
    """The body of a failed call."""
    if dialect == "messages":
        return anthropic.error_body(error.message, error.http_status)
    if dialect == "gemini":
        return google.error_body(error.message, error.http_status, error.code, error.retry_after)
    return openai.error_body(error.message, error.error_type, error.param, str(error.http_status), error.detail)


def let_go(error: BaseException | None) -> None:
    """Drop the tracebacks of an error that has been told, and of those before it.

    Tracebacks hold the frames that it went through, these the call with its request, and more than one thing on the way
    holds the error: a ring that would stay in memory until the garbage collector came by.
    """
    while error is not None:
        error.__traceback__ = None
        error = error.__context__


def error_event(error: GatewayError, dialect: str = "openai", number: int = 0) -> bytes:
    """An error as an event of a stream that has begun; the stream ends with it, without a `[DONE]`.

    `number` is the event's own, in dialects that number them.
    """
    body = error_body(error, dialect)
    if dialect == "responses":
        # OpenAI tells it flat, the Open Responses specification in an object of its own: clients of both are out there.
        told = {name: body["error"].get(name) for name in ("code", "message", "param")}
        return encode_event(orjson.dumps({"type": "error", "sequence_number": number, **told, **body}), "error")
    data = orjson.dumps(body)
    return encode_event(data, "error") if dialect == "messages" else encode_event(data)
