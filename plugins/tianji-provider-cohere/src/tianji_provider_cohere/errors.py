"""Cohere's errors: `{"message": …}` with a status of its own now and then (https://docs.cohere.com/reference/errors)."""

from __future__ import annotations

from tianji_core.api.errors import (
    AuthenticationError,
    BadRequestError,
    ContextWindowExceededError,
    GatewayError,
    InternalServerError,
)
from tianji_core.api.http import Headers
from tianji_core.openai_compat.errors import parse_error as parse_openai_error

INVALID_TOKEN = 498
CANCELLED = 499


def parse_error(status: int, headers: Headers, body: bytes, provider: str) -> GatewayError:
    """The error that an answer outside 2xx means. Never raises."""
    error = parse_openai_error(status, headers, body, provider)
    cls: type[GatewayError] | None = None
    if status == INVALID_TOKEN:
        cls = AuthenticationError
    elif status == CANCELLED:  # by Cohere: here it means that somebody else has left
        cls, status = InternalServerError, 500
    elif isinstance(error, BadRequestError) and "too many tokens" in error.message.lower():
        cls = ContextWindowExceededError
    if cls is None:
        return error
    return cls(
        error.message, status=status, provider=provider, retry_after=error.retry_after, headers=headers, code=error.code
    )
