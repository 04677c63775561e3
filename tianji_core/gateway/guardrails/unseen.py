"""What the normal form does not hold of a request or an answer in another dialect.

Where vendor and client speak the same dialect, messages pass as they are; guardrails see the normal form made of them.
A text that has no place there would pass unseen, so it is shown beside it.
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.provider import Body
from tianji_core.api.texts import answer_places, last_name, request_places, strings

_NO_PROSE = frozenset(
    (
        "type", "id", "role", "model", "name", "status", "object", "call_id", "tool_use_id", "item_id", "response_id",
        "signature", "encrypted_content", "data", "cache_control", "media_type", "mime_type", "mimeType", "url", "uri",
        "image_url", "file_id", "file_data", "format", "previous_response_id", "stop_reason", "finishReason", "effort",
        "service_tier", "thoughtSignature", "modelVersion", "responseId", "required", "enum", "key", "user", "metadata",
        "safety_identifier", "prompt_cache_key", "include", "truncation", "betas", "container", "encoding_format",
    )
)  # fmt: skip
"""Members of the dialects that hold names, ids, files and settings."""


def unseen_texts(native: Any, normal: Body, *, answer: bool = False) -> tuple[str, ...]:
    """The texts of a body in a dialect that its normal form does not have, in order."""
    places = answer_places(normal) if answer else request_places(normal)
    seen = "\n".join(place.text for place in places)
    return tuple(
        found.text
        for found in strings(native)
        if found.path[:1] and found.path[0] not in _NO_PROSE
        if found.text.strip() and last_name(found.path) not in _NO_PROSE and found.text not in seen
    )
