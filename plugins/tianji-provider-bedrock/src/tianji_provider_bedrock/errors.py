"""Bedrock's errors as ours.

Sources: `Converse` and `InvokeModel` API references (types and statuses), Smithy's AWS JSON protocol (where the type
stands). The same types come as exceptions inside of streams, with a small first letter.
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
from tianji_core.translate.shapes import as_object, as_text

MAX_MESSAGE = 2000
"""Characters of the vendor's text that are passed on."""

STATUS_OF_TYPE = {
    "ValidationException": 400,
    "ServiceQuotaExceededException": 400,
    "IncompleteSignatureException": 401,
    "InvalidSignatureException": 401,
    "MissingAuthenticationTokenException": 401,
    "SignatureDoesNotMatch": 401,
    "UnrecognizedClientException": 401,
    "AccessDeniedException": 403,
    "ExpiredTokenException": 403,
    "ResourceNotFoundException": 404,
    "ModelTimeoutException": 408,
    "ModelErrorException": 424,
    "ModelStreamErrorException": 424,
    "ModelNotReadyException": 429,
    "ThrottlingException": 429,
    "TooManyRequestsException": 429,
    "InternalServerException": 500,
    "InternalFailure": 500,
    "ServiceUnavailableException": 503,
}
_BY_TYPE = frozenset({401, 429})
"""Statuses for which the type is believed: proxies and older endpoints answer such errors with 400 or 403."""
_CONTEXT_TEXTS = (
    "expected maxlength:",
    "input is too long",
    "prompt is too long",
    "prompt: length: 1",
    "too many input tokens",
    "too many tokens",
    "exceed context limit",
    "exceed model maximum",
)
"""With status 400; with 429 the same words are about the rate."""
_CANONICAL = "The Canonical String for this request"
"""From here on AWS repeats what was signed, with the session token; the client must not see that."""
_POLICY_TEXTS = ("content filtering policy", "blocked by our content filters", "violate our acceptable use")


def parse_error(status: int, headers: Headers, body: bytes, provider: str) -> GatewayError:
    """The error that an answer outside 2xx means. Never raises."""
    try:
        value = orjson.loads(body)
    except ValueError:
        value = None
    fields = as_object(value)
    kind = headers.get("x-amzn-errortype") or as_text(fields.get("__type")) or as_text(fields.get("code"))
    message = error_message(fields) or _plain_text(body, value)
    return make_error(status, plain_type(kind), message, provider=provider, headers=headers)


def stream_error(kind: str, payload: bytes, provider: str) -> GatewayError:
    """The error that an exception inside of a stream means."""
    try:
        fields = as_object(orjson.loads(payload))
    except ValueError:
        fields = {}
    kind = plain_type(kind[:1].upper() + kind[1:])
    status = STATUS_OF_TYPE.get(kind, 500)
    original = fields.get("originalStatusCode")
    if kind == "ModelStreamErrorException" and isinstance(original, int) and 400 <= original < 600:
        status = original
    return make_error(status, kind, error_message(fields), provider=provider)


def make_error(
    status: int, kind: str, message: str | None, *, provider: str, headers: Headers | None = None
) -> GatewayError:
    """The error of a status and of AWS's type."""
    told = STATUS_OF_TYPE.get(kind)
    if told in _BY_TYPE and status < 500:
        status = told
    if status < 400:
        status = 502
    elif status == 424:
        status = 500  # the model failed, not the request
    cls = error_class_for(status)
    text = (message or "").partition(_CANONICAL)[0].strip()
    text = text or f"The provider answered with status {status} and no readable message."
    by_status = cls
    if issubclass(cls, BadRequestError) or status == 413:
        lowered = text.lower()
        if any(found in lowered for found in _CONTEXT_TEXTS):
            cls = ContextWindowExceededError
        elif any(found in lowered for found in _POLICY_TEXTS):
            cls = ContentPolicyViolationError
    return cls(
        text[:MAX_MESSAGE],
        status=status if cls is by_status else None,
        code=kind or None,
        provider=provider,
        retry_after=None if headers is None else parse_retry_after(headers),
        headers=headers,
    )


def plain_type(kind: str) -> str:
    """The bare name of a type: `aws.protocoltests#Throttling:http://…` is `Throttling`."""
    return kind.partition(":")[0].rpartition("#")[2].strip()


def error_message(fields: dict[str, Any]) -> str | None:
    for name in ("message", "Message", "originalMessage"):
        if isinstance(fields.get(name), str) and fields[name]:
            return str(fields[name])
    inner = as_object(fields.get("error"))  # models that speak OpenAI's or Anthropic's format
    return as_text(inner.get("message")) or None


def _plain_text(body: bytes, value: Any) -> str | None:
    """The text of a body that is no JSON, if it is a message and not a page."""
    text = body[:MAX_MESSAGE].decode("utf-8", "replace").strip()
    readable = value is None and text and len(text) <= 500 and text.isprintable() and text[0] not in "<{["
    return text if readable else None
