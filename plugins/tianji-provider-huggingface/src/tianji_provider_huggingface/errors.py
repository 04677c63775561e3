"""Hugging Face's errors: OpenAI's shape, a text, a list of texts, or TEI's text with a type."""

from __future__ import annotations

from typing import Any

import orjson

from tianji_core.api.errors import BadGatewayError, GatewayError
from tianji_core.api.http import Headers
from tianji_core.openai_compat import classify
from tianji_core.openai_compat.errors import parse_error as parse_openai_error

_CONTEXT_TEXTS = ("`inputs` must have less than", "maximum input length is")
"""TEI and TGI on inputs that are too long (`Validation` errors)."""


def parse_error(status: int, headers: Headers, body: bytes, provider: str) -> GatewayError:
    """The error of an answer outside 2xx. Never raises."""
    fields = _fields(body)
    listed = fields.get("error")
    if isinstance(listed, list) and listed and all(isinstance(each, str) for each in listed):
        body = orjson.dumps({**fields, "error": "; ".join(listed)})
    error = parse_openai_error(status, headers, body, provider)
    text = error.message.lower()
    if 400 <= status < 500 and any(found in text for found in _CONTEXT_TEXTS):
        return classify(400, error.message, code="context_length_exceeded", provider=provider, headers=headers)
    if status == 424:  # "Failed Dependency": the model broke down while it generated
        error = BadGatewayError(error.message, code=error.code, provider=provider, headers=headers)
    if error.retry_after is None:
        error.retry_after = _loading_seconds(fields.get("estimated_time"))
    return error


def _fields(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _loading_seconds(value: Any) -> float | None:
    """`estimated_time` of a model that is being loaded."""
    return float(value) if type(value) in (int, float) and 0 <= value < 3600 else None
