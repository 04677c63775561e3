"""OpenAI's embeddings as Google's `batchEmbedContents`, which takes one text or many.

Source: "Embeddings" in the Gemini API reference.
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.provider import Body
from tianji_core.translate.embeddings import embeddings_answer, texts_of
from tianji_core.translate.gemini.media import type_of_address
from tianji_core.translate.media import parse_data_uri
from tianji_core.translate.shapes import as_count, as_object, objects

_TRANSLATED = frozenset({"dimensions", "encoding_format", "input", "model", "user"})
_RENAMED = {
    "auto_truncate": "autoTruncate",
    "input_type": "taskType",
    "output_dimensionality": "outputDimensionality",
    "task_type": "taskType",
}


def embeddings_to_gemini(body: Body, model: str) -> Body:
    """The vendor's request. Members of its own (`task_type`, `title`) go to every text. Raises BadRequestError."""
    own: Body = {"outputDimensionality": body["dimensions"]} if body.get("dimensions") is not None else {}
    for name, value in body.items():
        if name not in _TRANSLATED and value is not None:
            own[_RENAMED.get(name, name)] = value
    name = model if "/" in model else f"models/{model}"
    return {
        "requests": [
            {"model": name, "content": {"parts": [_part(each)]}, **own} for each in texts_of(body.get("input"))
        ]
    }


def gemini_to_embeddings(answer: dict[str, Any], body: Body, model: str) -> Body:
    """The answer in OpenAI's form. Raises BadGatewayError if it holds no vectors. Older models count no tokens."""
    found = objects(answer.get("embeddings")) or objects([answer.get("embedding")])
    tokens = as_count(as_object(answer.get("usageMetadata")).get("promptTokenCount"))
    return embeddings_answer(
        [each.get("values") for each in found] or None,
        model,
        encoding_format=body.get("encoding_format"),
        prompt_tokens=tokens or None,
    )


def _part(text: str) -> Body:
    """A text, or a file as a data URI or in Cloud Storage, which the multimodal models take."""
    kind = type_of_address(text) if text.startswith("gs://") else None
    if kind is not None:
        return {"fileData": {"fileUri": text, "mimeType": kind}}
    found = parse_data_uri(text) if text.startswith("data:") and ";base64," in text[:100] else None
    if found is None:
        return {"text": text}
    return {"inlineData": {"data": found.base64, "mimeType": found.content_type}}
