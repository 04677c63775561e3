"""What the tokens of a call cost, by a usage in OpenAI's shape.

Details are parts of the totals; each token is paid for once. What a vendor counts twice, or more of than there is in
all, is cut down to what is left. Source of the shape: OpenAI's API reference (`usage` of chat), with the members that
`tianji_core.translate` adds for other vendors: `cache_creation` by lifetimes, modalities, searches.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from tianji_core.accounting.prices.ladders import BATCH, TokenRates
from tianji_core.accounting.prices.money import HALF, MOST_UNITS, SCALE, times
from tianji_core.accounting.prices.rates import Rates

ONE = Decimal(1)


class TokenCost(NamedTuple):
    """Amounts; see `tianji_core.api.callback.Cost`."""

    input: int
    cache_read: int
    cache_write: int
    output: int
    reasoning: int


def token_cost(rates: Rates, usage: Mapping[str, Any], tier: str = "", at: float = 0.0) -> TokenCost:
    """What the tokens of a usage cost. `tier` is the tier of service, "" for the standard one, `at` in Unix seconds."""
    prompt, answer = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
    each = rates.plain
    if each is None or tier or rates.vendor_factors is not None:
        each = _rates_at(rates, usage, prompt, tier, at)
    details, made = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    read = written = reasoning = 0
    if details or "cache_creation_input_tokens" in usage:
        paid, read, written = _prompt(each, usage, details, prompt)
    else:
        paid = (prompt * each.input + HALF) // SCALE
    if made:
        output, reasoning = _answer(each, made, answer)
    else:
        output = (answer * each.output + HALF) // SCALE
    return TokenCost(paid, read, written, output, reasoning)


def _rates_at(rates: Rates, usage: Mapping[str, Any], prompt: int, tier: str, at: float) -> TokenRates:
    """The rates of this call, where they are not the same for all."""
    factor = ONE
    if rates.vendor_factors is not None:
        place, speed = usage.get("inference_geo"), usage.get("speed")
        for name in (place, speed):
            if isinstance(name, str):
                factor *= rates.vendor_factors.get(name.lower(), ONE)
    found = rates.ladder(tier, factor).at(prompt)
    if rates.off_peak is not None and tier != BATCH and rates.off_peak.holds(at):
        found = found._replace(**rates.off_peak.rates)
    return found


def _prompt(each: TokenRates, usage: Mapping[str, Any], details: Any, prompt: int) -> tuple[int, int, int]:
    """Amounts for what was read, what of it came from a cache, and what went into one."""
    if not isinstance(details, dict):
        details = {}
    get = details.get
    left, read, kept, others = prompt, 0, 0, 0
    told = get("cached_tokens")
    if told and (cached := min(count(told), left)):
        left -= cached
        read = cached * each.cache_read
    else:
        cached = 0
    told = get("cache_write_tokens") or get("cache_creation_tokens") or usage.get("cache_creation_input_tokens")
    if told and (written := min(count(told), left)):
        left -= written
        kept = _written(each, usage.get("cache_creation") or get("cache_creation_token_details"), written)
    if get("audio_tokens") or get("image_tokens") or get("video_tokens"):
        audio, images = count(get("audio_tokens")), count(get("image_tokens"))
        of_cached = get("cached_tokens_details")
        if isinstance(of_cached, dict):
            sounds = min(count(of_cached.get("audio_tokens")), cached)
            pictures = min(count(of_cached.get("image_tokens")), cached - sounds)
            read += sounds * (each.cached_audio - each.cache_read) + pictures * (each.cached_image - each.cache_read)
            audio, images = max(audio - sounds, 0), max(images - pictures, 0)
        audio = min(audio, left)
        images = min(images, left - audio)
        video = min(count(get("video_tokens")), left - audio - images)
        left -= audio + images + video
        others = audio * each.audio_in + images * each.image_in + video * each.video_in
    return (left * each.input + others + HALF) // SCALE, (read + HALF) // SCALE, (kept + HALF) // SCALE


def _written(each: TokenRates, lifetimes: Any, written: int) -> int:
    """Tokens written into a cache, by how long they stay there."""
    if not isinstance(lifetimes, dict):
        return written * each.cache_write
    hours12 = min(count(lifetimes.get("ephemeral_12h_input_tokens")), written)
    hour = min(count(lifetimes.get("ephemeral_1h_input_tokens")), written - hours12)
    return (written - hours12 - hour) * each.cache_write + hour * each.cache_write_1h + hours12 * each.cache_write_12h


def _answer(each: TokenRates, made: Any, answer: int) -> tuple[int, int]:
    """Amounts for what was written, and for reasoning."""
    if not isinstance(made, dict):
        return times(answer, each.output), 0
    get = made.get
    left, thought, others = answer, 0, 0
    told = get("reasoning_tokens")
    if told and (reasoning := min(count(told), left)):
        left -= reasoning
        thought = (reasoning * each.reasoning + HALF) // SCALE
    if get("audio_tokens") or get("image_tokens") or get("video_tokens"):
        audio = min(count(get("audio_tokens")), left)
        images = min(count(get("image_tokens")), left - audio)
        video = min(count(get("video_tokens")), left - audio - images)
        left -= audio + images + video
        others = audio * each.audio_out + images * each.image_out + video * each.video_out
    return (left * each.output + others + HALF) // SCALE, thought


def count(value: Any) -> int:
    """A count of a vendor's, or none of what is no count."""
    if type(value) is int:
        return value if 0 < value < MOST_UNITS else 0 if value <= 0 else MOST_UNITS
    if isinstance(value, float) and value > 0:
        return int(min(value, MOST_UNITS))
    return 0
