"""Token counts as Google tells them: the way back from `translate.gemini.usage`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tianji_core.api.provider import Body
from tianji_core.translate.gemini.usage import MODALITIES
from tianji_core.translate.shapes import as_count, as_object

_BY_NAME = {name: modality for modality, name in reversed(MODALITIES.items())}


def usage_metadata(usage: Mapping[str, Any] | None) -> Body:
    """`usageMetadata` for OpenAI's counts: Google counts thoughts apart from the rest of the answer."""
    usage = usage or {}
    prompt, completion = as_count(usage.get("prompt_tokens")), as_count(usage.get("completion_tokens"))
    read, made = as_object(usage.get("prompt_tokens_details")), as_object(usage.get("completion_tokens_details"))
    thoughts = min(as_count(made.get("reasoning_tokens")), completion)
    found: Body = {
        "promptTokenCount": prompt,
        "candidatesTokenCount": completion - thoughts,
        "totalTokenCount": prompt + completion,
    }
    cached = as_count(read.get("cached_tokens")) or as_count(usage.get("cache_read_input_tokens"))
    if cached:
        found["cachedContentTokenCount"] = cached
    if thoughts:
        found["thoughtsTokenCount"] = thoughts
    for name, details in (("promptTokensDetails", read), ("candidatesTokensDetails", made)):
        if counts := modalities(details):
            found[name] = counts
    return found


def modalities(details: Body) -> list[Body]:
    """The counts by modality, as far as they are known."""
    return [
        {"modality": modality, "tokenCount": count}
        for name, modality in _BY_NAME.items()
        if (count := as_count(details.get(name)))
    ]
