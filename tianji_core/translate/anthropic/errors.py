"""Anthropic's errors as ours.

Source: Anthropic's "Errors" page (types, statuses, shape) and "Context windows" (texts of a prompt that is too long).
The same object comes as a body outside 2xx and as the `error` event of a stream.
"""

from __future__ import annotations

from typing import Any

import orjson

from tianji_core.api.errors import (
    BadRequestError,
    ContentPolicyViolationError,
    ContextWindowExceededError,
    GatewayError,
    error_class_for,
)
from tianji_core.api.http import Headers
from tianji_core.translate.retry import parse_retry_after

MAX_MESSAGE = 2000
"""Characters of the vendor's text that are passed on."""

STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}

_CONTEXT_TEXTS = ("prompt is too long", "prompt: length", "exceed context limit", "exceeds the context window")
_POLICY_TEXTS = ("content filtering policy",)


def parse_error(status: int, headers: Headers, body: bytes, provider: str | None = None) -> GatewayError:
    """The error that an answer outside 2xx means. Never raises."""
    try:
        value = orjson.loads(body)
    except ValueError:
        value = None
    fields = error_fields(value)
    message = fields.get("message") or _plain_text(body, value)
    return make_error(status, fields.get("type"), message, headers=headers, provider=provider)


def stream_error(event: dict[str, Any], provider: str | None = None) -> GatewayError:
    """The error that an `error` event of a stream tells; its type stands for the status there is none of."""
    fields = error_fields(event)
    kind = fields.get("type")
    return make_error(STATUS_OF_TYPE.get(kind or "", 500), kind, fields.get("message"), provider=provider)


def make_error(
    status: int,
    kind: str | None,
    message: str | None,
    *,
    headers: Headers | None = None,
    provider: str | None = None,
) -> GatewayError:
    """The error of a status, and of the vendor's type where it says more: overload may come as a plain 5xx."""
    if status >= 500 and kind == "overloaded_error":
        status = STATUS_OF_TYPE[kind]
    text = message or f"The provider answered with status {status} and no readable message."
    cls = error_class_for(status)
    by_status = cls
    lowered = text.lower()
    if issubclass(cls, BadRequestError) or status == 413:
        if any(found in lowered for found in _CONTEXT_TEXTS):
            cls = ContextWindowExceededError
        elif any(found in lowered for found in _POLICY_TEXTS):
            cls = ContentPolicyViolationError
    return cls(
        text[:MAX_MESSAGE],
        status=status if cls is by_status and status >= 400 else None,
        code=kind,
        provider=provider,
        retry_after=None if headers is None else parse_retry_after(headers),
        headers=headers,
    )


def error_fields(value: Any) -> dict[str, str | None]:
    """Type and message of `{"type": "error", "error": {…}}`; hosts in between write other shapes."""
    error = value.get("error", value) if isinstance(value, dict) else None
    if isinstance(error, str):
        return {"message": error or None}
    if not isinstance(error, dict):
        return {}
    kind, message = error.get("type"), error.get("message") or error.get("detail")
    return {
        "type": kind if isinstance(kind, str) and kind != "error" else None,
        "message": message if isinstance(message, str) else None,
    }


def _plain_text(body: bytes, value: Any) -> str | None:
    """The text of a body that is no JSON, if it is a message and not a page."""
    text = body[:MAX_MESSAGE].decode("utf-8", "replace").strip()
    readable = value is None and text and len(text) <= 500 and text.isprintable() and text[0] not in "<{["
    return text if readable else None
