"""Google's Gemini API as a client speaks it (https://ai.google.dev/api/generate-content), to chat and back.

Its paths say the model and whether the answer is a stream, so there are three of it: for whole answers, and for streams
of the two kinds that Google has.
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.provider import Body
from tianji_core.translate.shapes import as_object
from tianji_core.translate.surfaces.gemini.embeddings import Embeddings
from tianji_core.translate.surfaces.gemini.surface import Gemini
from tianji_core.translate.surfaces.gemini.usage import modalities

__all__ = ["ARRAY", "EMBEDS", "EMBEDS_BATCH", "EVENTS", "WHOLE", "Gemini", "count_answer", "counted_request"]

WHOLE = Gemini(streams=False)
EVENTS = Gemini(streams=True)
ARRAY = Gemini(streams=True, in_array=True)
EMBEDS = Embeddings(batch=False)
EMBEDS_BATCH = Embeddings(batch=True)


def counted_request(body: Any) -> Any:
    """The request whose prompt is to be counted: Google takes its contents alone, or all of it in a member."""
    inner = as_object(body).get("generateContentRequest") or as_object(body).get("generate_content_request")
    if not isinstance(inner, dict):
        return body
    return {
        **{k: v for k, v in body.items() if k not in ("generateContentRequest", "generate_content_request")},
        **inner,
    }


def count_answer(tokens: int, told: Body | None = None) -> Body:
    """An answer of countTokens; `told` is what the vendor has answered, which stays if it is one."""
    if told is not None and "totalTokens" in told:
        return told
    return {"totalTokens": tokens, "promptTokensDetails": modalities({"text_tokens": tokens})}
