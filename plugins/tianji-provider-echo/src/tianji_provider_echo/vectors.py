"""Embeddings by hashing: unit vectors in which texts that share words lie close together."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from typing import Any

from tianji_core.api.provider import Body, ModelRequest
from tianji_provider_echo.script import prompt_tokens

DIMENSIONS = 64
MAX_DIMENSIONS = 4096


def answer(request: ModelRequest) -> Body:
    """The answer to an embeddings request, in OpenAI's shape."""
    body = request.body
    value = body.get("input")
    inputs = value if isinstance(value, list) and not (value and isinstance(value[0], int)) else [value]
    asked = body.get("dimensions")
    size = min(max(1, asked), MAX_DIMENSIONS) if isinstance(asked, int) else DIMENSIONS
    found = [vector(each, size) for each in inputs]
    packed = [_base64(v) for v in found] if body.get("encoding_format") == "base64" else found
    tokens = prompt_tokens(body)
    return {
        "object": "list",
        "model": request.model,
        "data": [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(packed)],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def vector(value: Any, size: int) -> list[float]:
    """Each word (or token) adds to the place that its hash names; then all is brought to length 1."""
    words = [str(t) for t in value if isinstance(t, str | int)] if isinstance(value, list) else words_of(value)
    sums = [0.0] * size
    for word in words or [""]:
        digest = hashlib.sha256(word.encode()).digest()
        sums[int.from_bytes(digest[:4], "big") % size] += 1 if digest[4] & 1 else -1
    length = math.sqrt(sum(x * x for x in sums))
    if not length:  # words that cancel each other out
        return [1.0, *sums[1:]]
    return [x / length for x in sums]


def words_of(value: Any) -> list[str]:
    return value.lower().split() if isinstance(value, str) else []


def _base64(values: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
