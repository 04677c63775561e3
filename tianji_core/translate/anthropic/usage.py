"""Token counts: Anthropic's leave cached tokens out of `input_tokens`, OpenAI's count them in.

Sources: Anthropic's "Messages" API reference (`usage`), "Prompt caching" (splits by lifetime), "Compaction" (its own
tokens stand in `iterations` only).
"""

from __future__ import annotations

from typing import Any

from tianji_core.translate.shapes import as_object, objects

_INPUT = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_COUNTS = (*_INPUT, "output_tokens")
_LIFETIMES = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
_PASSED_ON = ("server_tool_use", "service_tier", "inference_geo", "speed")
CHARACTERS_PER_TOKEN = 4
"""A rough measure for where the vendor does not count; nothing is billed by it."""


def openai_usage(usage: Any, *, reasoning_characters: int | None = 0) -> dict[str, Any]:
    """Usage in OpenAI's form, with Anthropic's own counts beside it.

    `reasoning_characters` is the length of the visible thinking, from which its tokens are estimated where the vendor
    does not tell; None says that there was thinking that cannot be seen.
    """
    usage = as_object(usage)
    counts = {name: _count(usage.get(name)) for name in _COUNTS}
    lifetimes = _lifetimes(usage)
    for iteration in objects(usage.get("iterations")):
        if iteration.get("type") == "compaction":
            for name in _COUNTS:
                counts[name] += _count(iteration.get(name))
            for name, tokens in _lifetimes(iteration).items():
                lifetimes[name] = lifetimes.get(name, 0) + tokens
    prompt = sum(counts[name] for name in _INPUT)
    completion = counts["output_tokens"]
    written, read = counts["cache_creation_input_tokens"], counts["cache_read_input_tokens"]
    converted: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {
            "cached_tokens": read,
            "cache_write_tokens": written,
            "cache_creation_tokens": written,
            "text_tokens": counts["input_tokens"],
        },
        "completion_tokens_details": _completion_details(usage, completion, reasoning_characters),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
    }
    if lifetimes:
        converted["cache_creation"] = lifetimes  # tokens written for an hour cost more than those for five minutes
    converted.update((name, usage[name]) for name in _PASSED_ON if usage.get(name) is not None)
    return converted


def merge_usage(known: dict[str, Any], update: Any) -> None:
    """Put the counts of a `message_delta` over those known so far: they are totals, not increments."""
    known.update((name, value) for name, value in as_object(update).items() if value is not None)


def _completion_details(usage: dict[str, Any], completion: int, characters: int | None) -> dict[str, int]:
    told = as_object(usage.get("output_tokens_details")).get("thinking_tokens")
    if isinstance(told, int):
        reasoning = told
    elif characters is None:
        return {}
    else:
        reasoning = min(-(-characters // CHARACTERS_PER_TOKEN), completion)
    return {"reasoning_tokens": reasoning, "text_tokens": max(completion - reasoning, 0)}


def _lifetimes(usage: dict[str, Any]) -> dict[str, int]:
    split = usage.get("cache_creation")
    return {name: _count(split.get(name)) for name in _LIFETIMES} if isinstance(split, dict) else {}


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
