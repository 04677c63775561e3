"""Embeddings from vendors that answer with bare vectors, and texts for those that take nothing else."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from typing import Any

from tianji_core.api.errors import BadGatewayError, BadRequestError
from tianji_core.api.provider import Body


def texts_of(given: Any) -> list[str]:
    """The texts of an embeddings request's `input`. Raises BadRequestError for arrays of tokens."""
    texts = given if isinstance(given, list) else [given]
    if not all(isinstance(text, str) for text in texts):
        raise BadRequestError("This model takes input as text, not as arrays of tokens.", param="input")
    return texts


def embeddings_answer(
    vectors: Any, model: str, *, encoding_format: Any = None, prompt_tokens: int | None = None
) -> Body:
    """The answer in OpenAI's shape. With `encoding_format` "base64" vectors are written as little-endian floats.

    Without `prompt_tokens` there is no usage. Raises BadGatewayError if `vectors` is no list of vectors.
    """
    if not isinstance(vectors, list) or not all(_is_vector(vector) for vector in vectors):
        raise BadGatewayError("The provider's answer holds no embeddings.")
    packs = encoding_format == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": pack_vector(vector) if packs else vector}
        for index, vector in enumerate(vectors)
    ]
    body: Body = {"object": "list", "data": data, "model": model}
    if prompt_tokens is not None:
        body["usage"] = {"prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens}
    return body


def pack_vector(vector: Sequence[float]) -> str:
    """A vector as OpenAI writes it for `encoding_format: base64`: 32-bit floats, little-endian."""
    try:
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    except (struct.error, OverflowError):
        raise BadGatewayError("The provider's answer holds numbers that are no embeddings.") from None


def _is_vector(value: Any) -> bool:
    return isinstance(value, list) and all(type(x) in (int, float) for x in value)
