"""Token counts: Google counts thoughts and tools apart from the rest, OpenAI counts them in.

Source: `UsageMetadata` in the Gemini API reference. `promptTokenCount` includes cached tokens, as OpenAI's does.
"""

from __future__ import annotations

from typing import Any

from tianji_core.translate.shapes import as_count, as_object, as_text, objects

_TIERS = {"ON_DEMAND_PRIORITY": "priority", "ON_DEMAND_FLEX": "flex", "PRIORITY": "priority", "FLEX": "flex"}
"""Of Vertex AI's `trafficType`, what has prices of its own, by OpenAI's names."""
MODALITIES = {
    "TEXT": "text_tokens",
    "DOCUMENT": "text_tokens",
    "IMAGE": "image_tokens",
    "AUDIO": "audio_tokens",
    "VIDEO": "video_tokens",
}


def openai_usage(usage: Any, *, searches: int = 0) -> dict[str, Any] | None:
    """`usageMetadata` in OpenAI's form; None where there is none. `searches` are those the answer is grounded on."""
    usage = as_object(usage)
    if not usage:
        return None
    told, answer = as_count(usage.get("promptTokenCount")), as_count(usage.get("candidatesTokenCount"))
    thoughts, total = as_count(usage.get("thoughtsTokenCount")), as_count(usage.get("totalTokenCount"))
    # What a search has read is not billed as part of the prompt; what other tools have read is.
    tools = 0 if searches else as_count(usage.get("toolUsePromptTokenCount"))
    prompt = told + tools
    # Some models count thoughts among the answer's tokens already; the total then leaves no room for them.
    completion = answer if thoughts and prompt + answer == total else answer + thoughts
    details = _by_modality(usage.get("promptTokensDetails"))
    if tools and "text_tokens" in details:
        details["text_tokens"] += tools
    if cached := as_count(usage.get("cachedContentTokenCount")):
        details["cached_tokens"] = min(cached, prompt)
    if searches:
        details["web_search_requests"] = searches
    made = _by_modality(usage.get("candidatesTokensDetails"))
    if thoughts:
        made["reasoning_tokens"] = min(thoughts, completion)
    made.setdefault("text_tokens", max(completion - sum(made.values()), 0))
    found: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": details,
        "completion_tokens_details": made,
    }
    tier = _TIERS.get(as_text(usage.get("trafficType")))
    if tier is not None:
        found["service_tier"] = tier
    return found


def _by_modality(counts: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in objects(counts):
        name = MODALITIES.get(as_text(each.get("modality")))
        if name is not None:
            found[name] = found.get(name, 0) + as_count(each.get("tokenCount"))
    return found
