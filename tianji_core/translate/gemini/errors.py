"""Google's errors as ours.

Source: Google's "API error model" (`google.rpc.Status`, `RetryInfo`) and the "Troubleshooting" page of the Gemini API.
The same object comes as a body outside 2xx, alone or in an array, and as an event of a stream.
"""

from __future__ import annotations

from typing import Any

import orjson

from tianji_core.api.errors import (
    AuthenticationError,
    BadRequestError,
    ContentPolicyViolationError,
    ContextWindowExceededError,
    GatewayError,
    error_class_for,
)
from tianji_core.api.http import Headers
from tianji_core.translate.retry import parse_retry_after
from tianji_core.translate.shapes import as_object, as_text, objects
from tianji_core.wire.google import STATUS_OF_CODE

MAX_MESSAGE = 2000
"""Characters of the vendor's text that are passed on."""

_CONTEXT_TEXTS = ("exceeds the maximum number of tokens", "request payload size exceeds", "input token count exceeds")
_POLICY_TEXTS = ("the response was blocked", "output blocked by content filtering policy", "violated google's")
_KEY_TEXTS = ("api key not valid", "api key expired", "api_key_invalid")


def parse_error(status: int, headers: Headers, body: bytes, provider: str) -> GatewayError:
    """The error that an answer outside 2xx means. Never raises."""
    try:
        value = orjson.loads(body)
    except ValueError:
        value = None
    error = error_in(value) or {}
    message = as_text(error.get("message")) or _plain_text(body, value)
    return make_error(status, error, message, headers=headers, provider=provider)


def stream_error(error: dict[str, Any], provider: str) -> GatewayError:
    """The error that stands in a stream or in an answer with status 200; its code stands for the status."""
    code = error.get("code")
    if not isinstance(code, int) or not 400 <= code <= 599:
        code = STATUS_OF_CODE.get(as_text(error.get("status")), 500)
    return make_error(code, error, as_text(error.get("message")), provider=provider)


def error_in(value: Any) -> dict[str, Any] | None:
    """The error object in a JSON value, None if it holds none."""
    if isinstance(value, list) and value:
        value = value[0]
    error = as_object(value).get("error")
    if isinstance(error, str):
        return {"message": error}
    return error if isinstance(error, dict) else None


def make_error(
    status: int, error: dict[str, Any], message: str | None, *, headers: Headers | None = None, provider: str
) -> GatewayError:
    """The error of a status, and of the text where it says more."""
    if status < 400:
        status = 502  # a redirect, say: it is no answer
    text = message or f"The provider answered with status {status} and no readable message."
    cls = by_status = error_class_for(status)
    lowered = text.lower()
    if issubclass(cls, BadRequestError):
        if any(found in lowered for found in _CONTEXT_TEXTS):
            cls = ContextWindowExceededError
        elif any(found in lowered for found in _POLICY_TEXTS):
            cls = ContentPolicyViolationError
        elif any(found in lowered for found in _KEY_TEXTS):
            cls = AuthenticationError
    return cls(
        text[:MAX_MESSAGE],
        status=status if cls is by_status else None,
        code=as_text(error.get("status")) or None,
        provider=provider,
        retry_after=_retry_after(error, headers),
        headers=headers,
    )


def _retry_after(error: dict[str, Any], headers: Headers | None) -> float | None:
    """Seconds to wait: of the header field, else of the error's `RetryInfo`, such as `"12.5s"`."""
    told = None if headers is None else parse_retry_after(headers)
    if told is not None:
        return told
    for detail in objects(error.get("details")):
        if as_text(detail.get("@type")).endswith("google.rpc.RetryInfo"):
            delay = as_text(detail.get("retryDelay")).removesuffix("s")
            return parse_retry_after(Headers([("retry-after", delay)])) if delay else None
    return None


def _plain_text(body: bytes, value: Any) -> str | None:
    """The text of a body that is no JSON, if it is a message and not a page."""
    text = body[:MAX_MESSAGE].decode("utf-8", "replace").strip()
    readable = value is None and text and len(text) <= 500 and text.isprintable() and text[0] not in "<{["
    return text if readable else None
