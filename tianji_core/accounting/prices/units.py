"""What is paid for beside tokens: images, seconds, characters, searches, and what it comes to.

Sources: OpenAI's API reference (images: `size`, `quality`; audio: `duration`, `usage.seconds`), Cohere's
(`search_units`), and the reference of each vendor that counts searches (see `searches_in`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tianji_core.accounting.prices.money import times, times_part
from tianji_core.accounting.prices.rates import Rates
from tianji_core.accounting.prices.tokens import count
from tianji_core.api.provider import Body, Operation

IMAGES = frozenset({"images", "image_edits", "image_variations"})
HEARING = frozenset({"transcriptions", "translations"})
_SIZE = "1024x1024"
"""Of an image, where nobody says one."""
_FROM_REQUEST = frozenset({"openai", "azure", "text-completion-openai"})
"""Vendors whose models search whenever they are given `web_search_options`, and tell no count."""

Measured = Mapping[str, Any]
"""What was measured of an answer: `images`, `size`, `quality`; `seconds`; `characters`."""


def measure(operation: Operation, body: Body, answer: Body | None) -> Measured | None:
    """What there is to be paid for in an answer that its usage does not tell; None for operations without such."""
    if operation in IMAGES:
        answer = answer or {}
        made = answer.get("data")
        return {
            "images": len(made) if isinstance(made, list) else 0,
            "size": answer.get("size") or body.get("size"),
            "quality": answer.get("quality") or body.get("quality"),
        }
    if operation == "speech":
        said = body.get("input")
        return {"characters": len(said)} if isinstance(said, str) else None
    if operation in HEARING:
        seconds = (answer or {}).get("duration")
        return {"seconds": seconds} if isinstance(seconds, (int, float)) else None
    return None


def image_cost(rates: Rates, measured: Measured) -> int | None:
    """Images by their number, size and quality; None if there is no such price."""
    size, quality = measured.get("size"), measured.get("quality")
    if not isinstance(size, str) or not _pixels(size):
        size = _SIZE
    units = rates.for_size(size, quality if isinstance(quality, str) and quality != "auto" else None).units
    number = count(measured.get("images"))
    for key in ("input_cost_per_image", "output_cost_per_image"):
        if key in units:
            return times(number, units[key])
    for key in ("input_cost_per_pixel", "output_cost_per_pixel"):
        if units.get(key):
            return times(number * _pixels(size), units[key])
    return None


def heard_cost(rates: Rates, usage: Mapping[str, Any] | None, measured: Measured | None) -> int | None:
    """Recordings by their length; None if there is no such price, or nobody says the length."""
    seconds = None if usage is None else usage.get("seconds")
    if seconds is None and measured is not None:
        seconds = measured.get("seconds")
    return None if seconds is None else seconds_cost(rates, seconds)


def seconds_cost(rates: Rates, seconds: Any) -> int | None:
    """Seconds, of a recording or of a model's work; None if there is no such price."""
    for key in ("output_cost_per_second", "input_cost_per_second", "cost_per_second"):
        if rates.units.get(key):
            return times_part(seconds, rates.units[key])
    return None


def spoken_cost(rates: Rates, measured: Measured | None) -> int | None:
    """Speech by the characters that were spoken; None if there is no such price."""
    rate = rates.units.get("input_cost_per_character")
    return None if rate is None or measured is None else times(count(measured.get("characters")), rate)


_DETAILS = (
    ("character_count", "input_cost_per_character"),
    ("image_count", "input_cost_per_image"),
    ("audio_length_seconds", "input_cost_per_audio_per_second"),
    ("video_length_seconds", "input_cost_per_video_per_second"),
    ("query_count", "input_cost_per_query"),
)
"""Details of a prompt that is no text, and what is paid for them: embeddings of pictures and films."""


def detail_cost(rates: Rates, usage: Mapping[str, Any]) -> int:
    """What the details of a usage name that is no token, and has a price."""
    details = usage.get("prompt_tokens_details")
    found = 0
    if isinstance(details, dict):
        for name, key in _DETAILS:
            if details.get(name) and key in rates.units:
                found += times_part(details[name], rates.units[key])
    if usage.get("pages") and "ocr_cost_per_page" in rates.units:
        found += times_part(usage["pages"], rates.units["ocr_cost_per_page"])
    return found


def tool_cost(rates: Rates, usage: Mapping[str, Any], body: Body) -> int:
    """Searches and other tools that a vendor has run."""
    found = 0
    if rates.searches is not None:
        number = searches_in(usage, body, rates.price.get("litellm_provider") in _FROM_REQUEST)
        if number:
            options = body.get("web_search_options")
            size = options.get("search_context_size") if isinstance(options, dict) else None
            number = min(number, 1) if rates.searches_per_prompt else number
            found += times(number, rates.searches.get(size if isinstance(size, str) else "", rates.searches["medium"]))
    ran = usage.get("server_tool_use")
    if rates.units and isinstance(ran, dict):
        found += times(
            count(ran.get("code_interpreter_sessions")), rates.units.get("code_interpreter_cost_per_session", 0)
        )
        per_thousand = rates.units.get("file_search_cost_per_1k_calls", 0)
        found += times(count(ran.get("file_search_requests")), per_thousand // 1000)
    return found


def searches_in(usage: Mapping[str, Any], body: Body, from_request: bool = False) -> int:
    """How often a vendor has searched.

    Anthropic says it in `server_tool_use`, Gemini's and others' counts are details of the prompt, Perplexity has
    `num_search_queries`, xAI `server_side_tool_usage_details`.
    """
    for place in ("server_tool_use", "prompt_tokens_details"):
        told = usage.get(place)
        if isinstance(told, dict) and told.get("web_search_requests"):
            return count(told["web_search_requests"])
    if usage.get("num_search_queries"):
        return count(usage["num_search_queries"])
    told = usage.get("server_side_tool_usage_details")
    if isinstance(told, dict) and told.get("web_search_calls"):
        return count(told["web_search_calls"])
    return 1 if from_request and body.get("web_search_options") is not None else 0


def _pixels(size: str) -> int:
    """Width times height of a size such as 1024x1024; 0 for what is none."""
    width, _, height = size.replace("-x-", "x").partition("x")
    if not (width.isdecimal() and height.isdecimal() and len(width) < 6 and len(height) < 6):
        return 0
    return int(width) * int(height)
