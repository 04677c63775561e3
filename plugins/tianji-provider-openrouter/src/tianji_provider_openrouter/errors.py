"""OpenRouter's errors: `{"error": {code, message, metadata}}`, the vendor's own words in `metadata.raw`.

See https://openrouter.ai/docs/api-reference/errors
"""

from __future__ import annotations

from typing import Any

import orjson

from tianji_core.api.errors import ContentPolicyViolationError, GatewayError
from tianji_core.api.http import Headers
from tianji_core.openai_compat import errors


def parse_error(status: int, headers: Headers, body: bytes, provider: str) -> GatewayError:
    """The error that an answer means. Never raises.

    "Provider returned error" says nothing, so the vendor's words are put behind it, and judged as well: a prompt that
    is too long for the model is told there.
    """
    error = _error(body)
    metadata = error.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    raw, name = metadata.get("raw"), metadata.get("provider_name")
    if isinstance(raw, str) and raw and isinstance(error.get("message"), str):
        vendor = f"{name}: " if isinstance(name, str) else ""
        body = orjson.dumps({"error": {**error, "message": f"{error['message']} ({vendor}{raw[:1500]})"}})
    found = errors.parse_error(status, headers, body, provider)
    if status == 403 and metadata.get("reasons"):
        return ContentPolicyViolationError(found.message, status=403, code=found.code, provider=provider)
    return found


def _error(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except ValueError:
        return {}
    error = value.get("error") if isinstance(value, dict) else None
    return error if isinstance(error, dict) else {}
