"""From a vendor's error answer to our error tree: the rules that OpenAI-shaped vendors share.

The texts looked for are listed with their vendors in OpenAI's error-code guide and the vendors' own pages; they are
compared in lower case.
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
    RateLimitError,
    UnprocessableEntityError,
    error_class_for,
)
from tianji_core.api.http import Headers
from tianji_core.translate.retry import parse_retry_after

MAX_MESSAGE = 2000
"""Characters of a vendor's text that are passed on; more than that is a page, not a message."""

FILTER_CODE = "content_filter"
_AZURE_FILTER = "ResponsibleAIPolicyViolation"

_CONTEXT_TEXTS = (
    "this model's maximum context length is",
    "string too long. expected a string with maximum length",
    "input tokens exceed the configured limit",
    "model's maximum context limit",
    "is longer than the model's context length",
    "exceeds the available context size",
    "length limit exceeded",
    "`inputs` tokens + `max_new_tokens` must be",
    "prompt is too long",  # Claude, wherever it is hosted
    "exceed context limit",
    "longer than the maximum model length",  # vLLM
    "too long to fit into the model",
    "exceeded model token limit",  # Moonshot
    "maximum prompt length is",  # xAI
    "too large for model with",  # Mistral
    "prompt has too many tokens",  # AI21
)
_CONTEXT_PAIRS = (
    ("current length is", "while limit is"),  # Cerebras
    ("maximum input length is", "tokens"),  # embeddings of vLLM
)
_CONTEXT_EXCEPT = ("string_above_max_length", "invalid 'user'")
_POLICY_TEXTS = (
    "content_policy_violation",
    "request was rejected as a result of the safety system",
    "the response was filtered due to the prompt triggering",
    "content filtering policy",
    "content exists risk",  # DeepSeek
    "violates usage guidelines",  # xAI, with status 403
    "your task failed as a result of our safety system",
    "the model produced invalid content",
    "content_filter_policy",
)


def parse_error(status: int, headers: Headers, body: bytes, provider: str) -> GatewayError:
    """The error that an answer outside 2xx means, for bodies in OpenAI's shape or near it. Never raises."""
    fields = _error_fields(body)
    inner = fields.get("innererror") or fields.get("inner_error")
    reason = _text(inner.get("code")) if isinstance(inner, dict) else None
    error = classify(
        status,
        _text(fields.get("message")) or _plain_message(status, body),
        kind=_text(fields.get("type")),
        param=_text(fields.get("param")),
        code=FILTER_CODE if reason == _AZURE_FILTER else _text(fields.get("code") or fields.get("error_code")),
        provider=provider,
        headers=headers,
    )
    if isinstance(inner, dict):  # what Azure's filter has found
        error.detail = {"innererror": inner, "inner_error": inner, "azure_error": fields}
    return error


def classify(
    status: int,
    message: str,
    *,
    kind: str | None = None,
    param: str | None = None,
    code: str | None = None,
    provider: str | None = None,
    headers: Headers | None = None,
) -> GatewayError:
    """The error class of a vendor's status, code and text.

    A vendor's own `type` is kept on plain 400s and 422s only: there it says something about the request; on other
    statuses clients go by the type that belongs to the status.
    """
    if status < 400:
        status = 502  # a redirect, say: nobody follows it, and it is no answer
    cls = by_status = error_class_for(status)
    text = message.lower()
    if issubclass(cls, BadRequestError) or status in (403, 413, 422):
        if code == "context_length_exceeded" or is_context_window(text):
            cls, kind, param = ContextWindowExceededError, None, None
        elif is_content_policy(text, code) or kind == "content_filter":
            cls, kind, param = ContentPolicyViolationError, None, None
        elif "incorrect api key provided" in text:
            cls, kind = AuthenticationError, None
        elif "request too large" in text and "tokens per min" in text:
            cls, kind = RateLimitError, None
    keeps_type = cls in (BadRequestError, UnprocessableEntityError)
    return cls(
        message[:MAX_MESSAGE],
        status=status if cls is by_status else None,
        type=kind if keeps_type else None,
        param=param if keeps_type else None,
        code=code,
        provider=provider,
        retry_after=parse_retry_after(headers) if headers is not None else None,
        headers=headers,
    )


def is_context_window(text: str) -> bool:
    """Whether a lower-case error text says that the prompt is too long for the model."""
    if any(first in text and second in text for first, second in _CONTEXT_PAIRS):
        return True
    return any(t in text for t in _CONTEXT_TEXTS) and not any(t in text for t in _CONTEXT_EXCEPT)


def is_content_policy(text: str, code: str | None = None) -> bool:
    """Whether a vendor's safety system refused the prompt; `text` is in lower case."""
    if code in ("content_policy_violation", FILTER_CODE):
        return True
    if any(t in text for t in _POLICY_TEXTS):
        return True
    return "invalid prompt" in text and "violating our usage policy" in text


def _error_fields(body: bytes) -> dict[str, Any]:
    """`error` of the body, or what stands for it: a bare string, `message`, `detail`, or a list called `errors`."""
    try:
        value = orjson.loads(body)
    except ValueError:
        return {}
    if isinstance(value, list) and value:  # Gemini's OpenAI surface wraps the object in a list
        value = value[0]
    if not isinstance(value, dict):
        return {}
    error = value.get("error", value)
    several = value.get("errors")
    if error is value and isinstance(several, list) and several and isinstance(several[0], dict):
        error = several[0]
    if isinstance(error, dict):
        if not error.get("message"):
            message = value.get("message") or value.get("detail") or error.get("detail")
            return {**error, "message": message}
        return error
    return {"message": error if isinstance(error, str) else value.get("message"), "code": value.get("code")}


def _text(value: Any) -> str | None:
    """A field as text; validation errors come as lists or objects and are shown as JSON."""
    if value is None or isinstance(value, str):
        return value or None
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return None


def _plain_message(status: int, body: bytes) -> str:
    """A message for a body that is no JSON: short plain text is shown, pages of HTML are not."""
    text = body[:MAX_MESSAGE].decode("utf-8", "replace").strip()
    if text and not text.startswith(("<", "{", "[")) and len(text) <= 500 and text.isprintable():
        return text
    return f"The provider answered with status {status} and no readable message."
