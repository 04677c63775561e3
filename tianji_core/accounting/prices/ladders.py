"""The rates of tokens: for each tier of service one row of rates, and further rows for long prompts.

The rules are those that LiteLLM's price map is written for, and are given here where they are not obvious.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from tianji_core.accounting.prices.money import decimal_of, rate_of
from tianji_core.accounting.prices.table import Price

BATCH = "batches"

_THRESHOLD = re.compile(r"_above_(\d+)(k?)_tokens")
_HALF = Decimal("0.5")
_REASONING = "output_cost_per_reasoning_token"

Find = Callable[[str], int | None]
"""Looks up the rate of a price by its plain name."""


class TokenRates(NamedTuple):
    """Rates of one kind of token each, as `money.py` counts them."""

    input: int
    output: int
    cache_read: int
    cache_write: int
    cache_write_1h: int
    cache_write_12h: int
    reasoning: int
    audio_in: int
    audio_out: int
    image_in: int
    image_out: int
    video_in: int
    video_out: int
    cached_audio: int
    cached_image: int


class Ladder(NamedTuple):
    """The rates of one tier of service: those of any prompt, and of prompts that are longer than so many tokens."""

    base: TokenRates
    steps: tuple[tuple[int, TokenRates], ...] = ()
    """The highest threshold first."""

    def at(self, prompt: int) -> TokenRates:
        """The rates for a prompt of so many tokens: they hold for all tokens of the call."""
        for threshold, rates in self.steps:
            if prompt > threshold:
                return rates
        return self.base


def ladder(price: Price, tier: str, factor: Decimal, *, inclusive: bool = False) -> Ladder:
    """The ladder of a tier of service, "" for the standard one; all prices times a factor.

    `inclusive`: a prompt of exactly the threshold is a long one already.
    """
    return _tiered(price, tier, factor) or _stepped(price, tier, factor, inclusive)


def scaled(price: Any, factor: Decimal) -> int | None:
    """The rate of a price times a factor; None for what is no price."""
    found = None if price is None else decimal_of(price)
    return None if found is None else rate_of(found * factor)


def tiers_of(price: Price) -> list[Mapping[str, Any]]:
    """The entries of `tiered_pricing` that say what tokens cost."""
    tiers = price.get("tiered_pricing")
    if not isinstance(tiers, list):
        return []
    return [t for t in tiers if isinstance(t, Mapping) and _is_range(t.get("range")) and "input_cost_per_token" in t]


def _stepped(price: Price, tier: str, factor: Decimal, inclusive: bool) -> Ladder:
    """Rates by flat keys, `KEY[_above_Nk_tokens][_TIER]`.

    What a tier does not price costs what it costs without one; in a batch, half of that. Beyond a threshold all tokens
    of the call have that threshold's rates, and what it does not price keeps those of the one below.
    """
    found = {(int(m[1]) * (1000 if m[2] else 1), m[0]) for key in price if (m := _THRESHOLD.search(key))}
    base = _token_rates(_flat(price, tier, factor, [""]))
    steps = []
    below = [""]
    for threshold, infix in sorted(found):
        below = [infix, *below]
        steps.append((threshold - inclusive, _token_rates(_flat(price, tier, factor, below))))
    return Ladder(base, tuple(reversed(steps)))


def _flat(price: Price, tier: str, factor: Decimal, infixes: list[str]) -> Find:
    """Looks up flat keys; of `infixes` the first that there is a price for is taken."""
    suffix = f"_{tier}" if tier else ""

    def follows(key: str) -> bool:
        """Whether it costs what the tier says of answers, rather than what it costs without the tier."""
        return bool(suffix) and key == _REASONING and price.get(f"output_cost_per_token{suffix}") is not None

    def find(key: str) -> int | None:
        if tier == BATCH:
            for infix in infixes:
                found = scaled(price.get(f"{key}{infix}{suffix}"), factor)
                if found is not None:
                    return found
            return None if follows(key) else _flat(price, "", factor * _HALF, infixes)(key)
        for infix in infixes:
            for end in (suffix, "") if suffix and not follows(key) else (suffix,):
                found = scaled(price.get(f"{key}{infix}{end}"), factor)
                if found is not None:
                    return found
        return None

    return find


def _tiered(price: Price, tier: str, factor: Decimal) -> Ladder | None:
    """Rates by `tiered_pricing`: the length of the prompt picks a tier, and all tokens of the call are of it."""
    tiers = sorted(tiers_of(price), key=lambda each: float(each["range"][0]))
    if not tiers:
        return None
    if tier == BATCH:
        factor *= _HALF
    steps = []
    for each in tiers:
        filled = dict(each)
        if each.get("output_cost_per_token") is None:
            filled["output_cost_per_token"] = price.get("output_cost_per_token")
        for key in ("cache_read_input_token_cost", "cache_creation_input_token_cost"):
            filled.setdefault(key, each["input_cost_per_token"])
        for key in ("input_cost_per_audio_token", "output_cost_per_audio_token", "output_cost_per_image_token"):
            filled.setdefault(key, price.get(key))
        steps.append((int(each["range"][0]), _token_rates(_of(filled, factor))))
    flat = _stepped(price, "", factor, False) if price.get("input_cost_per_token") is not None else None
    return Ladder(flat.base if flat is not None else steps[0][1], tuple(reversed(steps)))


def _of(prices: Price, factor: Decimal) -> Find:
    return lambda key: scaled(prices.get(key), factor)


def _token_rates(find: Find) -> TokenRates:
    """The rates that a look-up finds, and what stands in for those that it does not."""
    given = find("input_cost_per_token")
    paid = given or 0
    answer = find("output_cost_per_token") or find("output_cost_per_image_token") or 0
    read = _or(find("cache_read_input_token_cost"), paid)
    written = _or(find("cache_creation_input_token_cost"), paid)
    return TokenRates(
        input=paid,
        output=answer,
        cache_read=read,
        cache_write=written,
        cache_write_1h=_or(find("cache_creation_input_token_cost_above_1hr"), written),
        cache_write_12h=_or(find("cache_creation_input_token_cost_above_12hr"), written),
        reasoning=_or(find(_REASONING), answer),
        audio_in=_or(find("input_cost_per_audio_token"), paid),
        audio_out=_or(find("output_cost_per_audio_token"), answer),
        image_in=_or(find("input_cost_per_image_token"), paid),
        image_out=_or(find("output_cost_per_image_token"), answer),
        video_in=_or(find("input_cost_per_video_token"), paid),
        video_out=_or(find("output_cost_per_video_token"), answer),
        cached_audio=_or(find("cache_read_input_audio_token_cost"), read),
        cached_image=_or(find("cache_read_input_image_token_cost"), read),
    )


def _or(rate: int | None, otherwise: int) -> int:
    return otherwise if rate is None else rate


def _is_range(value: Any) -> bool:
    if not (isinstance(value, (list, tuple)) and len(value) == 2):
        return False
    return all(isinstance(end, (int, float)) for end in value) and math.isfinite(value[0])
