"""OpenAI's embeddings as Google's `batchEmbedContents`, which takes one text or many.

Source: "Embeddings" in the Gemini API reference.
"""

from __future__ import annotations

import base64
import struct
from typing import Any

from tianji_core.api.errors import BadGatewayError, BadRequestError
from tianji_core.api.provider import Body
from tianji_core.translate.media import parse_data_uri
from tianji_core.translate.shapes import as_count, as_list, as_object, objects

_TRANSLATED = frozenset({"dimensions", "encoding_format", "input", "model", "user"})
_RENAMED = {"task_type": "taskType", "output_dimensionality": "outputDimensionality"}


def embeddings_to_gemini(body: Body, model: str) -> Body:
    """The vendor's request. Members of its own (`task_type`, `title`) go to every text. Raises BadRequestError."""
    own: Body = {"outputDimensionality": body["dimensions"]} if body.get("dimensions") is not None else {}
    for name, value in body.items():
        if name not in _TRANSLATED and value is not None:
            own[_RENAMED.get(name, name)] = value
    name = model if "/" in model else f"models/{model}"
    return {"requests": [{"model": name, "content": {"parts": [_part(each)]}, **own} for each in input_texts(body)]}


def input_texts(body: Body) -> list[str]:
    """The texts of an embeddings body. Raises BadRequestError for tokens, which only OpenAI's models read."""
    given = body.get("input")
    texts = [given] if isinstance(given, str) else as_list(given)
    if not texts or not all(isinstance(text, str) for text in texts):
        raise BadRequestError("input must be a string or an array of strings; tokens are not taken.", param="input")
    return texts


def gemini_to_embeddings(answer: dict[str, Any], body: Body, model: str) -> Body:
    """The answer in OpenAI's form. Raises BadGatewayError if it holds no vectors. Older models count no tokens."""
    found = objects(answer.get("embeddings")) or objects([answer.get("embedding")])
    made = embeddings_answer([each.get("values") for each in found], body, model)
    tokens = as_count(as_object(answer.get("usageMetadata")).get("promptTokenCount"))
    if tokens:
        made["usage"] = {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens}
    return made


def embeddings_answer(vectors: list[Any], body: Body, model: str) -> Body:
    """Vectors in OpenAI's form, as numbers or, if that was asked for, as base64 of 32-bit floats."""
    if not vectors or not all(isinstance(vector, list) for vector in vectors):
        raise BadGatewayError("The provider's answer holds no embeddings.")
    packed = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": to_base64(vector) if packed else vector}
        for index, vector in enumerate(vectors)
    ]
    return {"object": "list", "data": data, "model": model}


def to_base64(vector: list[float]) -> str:
    """A vector as OpenAI packs it: 32-bit floats, little endian. Raises BadGatewayError for what is no number."""
    try:
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    except (struct.error, TypeError, OverflowError):
        raise BadGatewayError("The provider's answer holds a vector that is none.") from None


def _part(text: str) -> Body:
    """A text, or a file as a data URI, which the multimodal models take."""
    found = parse_data_uri(text) if text.startswith("data:") and ";base64," in text[:100] else None
    if found is None:
        return {"text": text}
    return {"inline_data": {"data": found.base64, "mime_type": found.content_type}}
