"""What one model costs, worked out once: every price a whole number, every step of a price in its place.

A call that has used nothing but tokens at plain prices is then a few multiplications (`tokens.py`). What is rarer
(tiers of service, long prompts, off-peak hours, factors) is looked at only for models that have it.

The rules are those that LiteLLM's price map is written for, and are given here where they are not obvious.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from tianji_core.accounting.prices.money import decimal_of, rate_of
from tianji_core.accounting.prices.table import Price
from tianji_core.api.callback import PriceSource

if TYPE_CHECKING:
    from tianji_core.accounting.prices.off_peak import OffPeak

BATCH = "batches"
TIERS = {"flex": "flex", "priority": "priority", "fast": "priority", "balanced": "balanced", "ultrafast": "ultrafast"}
"""Tiers of service that have prices of their own, by the names that vendors have for them."""

_THRESHOLD = re.compile(r"_above_(\d+)(k?)_tokens")
_HALF = Decimal("0.5")
_REASONING = "output_cost_per_reasoning_token"
_INCLUSIVE = frozenset({"xai"})
"""Vendors for whom a prompt of exactly the threshold is a long one already."""
_HALF_CACHE = frozenset({"fireworks_ai"})
"""Vendors that read from their cache for half the price, where the price list does not say it."""

_SECONDS = ("input_cost_per_second", "output_cost_per_second", "cost_per_second")
_UNITS = (
    "input_cost_per_image",
    "output_cost_per_image",
    "input_cost_per_pixel",
    "output_cost_per_pixel",
    "input_cost_per_second",
    "output_cost_per_second",
    "cost_per_second",
    "input_cost_per_character",
    "output_cost_per_character",
    "input_cost_per_query",
    "input_cost_per_request",
    "input_cost_per_audio_per_second",
    "input_cost_per_video_per_second",
    "output_cost_per_video_per_second",
    "ocr_cost_per_page",
    "annotation_cost_per_page",
    "code_interpreter_cost_per_session",
    "file_search_cost_per_1k_calls",
    "google_maps_grounding_cost_per_query",
)
TOKEN_KEYS = ("input_cost_per_token", "output_cost_per_token", "input_cost_per_audio_token")
"""A model with one of these is paid for by tokens."""
_MORE_TOKENS = ("output_cost_per_audio_token", "input_cost_per_image_token", "output_cost_per_image_token")


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


class Rates:
    """What one model costs at one deployment.

    `factor` is what all prices are multiplied by, for the region that the deployment is in.
    """

    __slots__ = (
        "_factor",
        "_inclusive",
        "_ladders",
        "_price",
        "_sized",
        "by_tokens",
        "off_peak",
        "plain",
        "searches",
        "searches_per_prompt",
        "source",
        "units",
        "vendor_factors",
    )

    def __init__(
        self,
        price: Price,
        source: PriceSource,
        *,
        provider: str | None = None,
        factor: Decimal = Decimal(1),
        sized: Callable[[str], Price | None] | None = None,
    ) -> None:
        """`sized` finds what the table says of the model with a size or quality before its name."""
        vendor = provider if provider is not None else price.get("litellm_provider")
        if vendor in _HALF_CACHE and price.get("cache_read_input_token_cost") is None:
            half = decimal_of(price.get("input_cost_per_token"))
            if half is not None:
                price = {**price, "cache_read_input_token_cost": half / 2}
        self._price = price
        self._factor = factor
        self._inclusive = vendor in _INCLUSIVE
        self._sized = sized
        self.source: PriceSource = source
        said = [rate_of(price[key]) for key in (*TOKEN_KEYS, *_MORE_TOKENS) if price.get(key) is not None]
        self.by_tokens = (
            any(said) or (bool(said) and not any(price.get(key) for key in _SECONDS)) or bool(_tiers(price))
        )
        """Whether tokens are what is paid for, or one of the things."""
        self.off_peak: OffPeak | None = None
        if price.get("off_peak_pricing") is not None:  # a few models have it, and only they load what it takes
            from tianji_core.accounting.prices.off_peak import off_peak_of

            self.off_peak = off_peak_of(price, lambda p: self._rate(p, Decimal(1)))
        self._ladders: dict[tuple[str, Decimal], Ladder] = {}
        standard = self.ladder("")
        self.plain: TokenRates | None = standard.base if not standard.steps and self.off_peak is None else None
        """The rates of every call without a tier of service or factor; None if it takes more to find them."""
        self.units: dict[str, int] = {
            key: rate for key in _UNITS if (rate := self._rate(price.get(key), Decimal(1))) is not None
        }
        """Rates of other things than tokens."""
        self.searches: dict[str, int] | None = self._searches()
        self.searches_per_prompt = _vendor_is_google(price) and price.get("web_search_billing_unit") != "per_query"
        """Whether a call with several searches pays for one."""
        factors = price.get("provider_specific_entry")
        self.vendor_factors: dict[str, Decimal] | None = None
        if isinstance(factors, Mapping):
            found = {name: decimal_of(value) for name, value in factors.items()}
            self.vendor_factors = {name: value for name, value in found.items() if value is not None and value > 0}

    @property
    def price(self) -> Price:
        """What the rates were made of."""
        return self._price

    @property
    def is_free(self) -> bool:
        """Whether a price is known, and each of it is zero."""
        return not any(self.ladder("").base) and not any(self.units.values()) and not self._price.get("tiered_pricing")

    def ladder(self, tier: str, factor: Decimal = Decimal(1)) -> Ladder:
        """The rates of a tier of service ("" for the standard one), all of them times a factor."""
        found = self._ladders.get((tier, factor))
        if found is None:
            found = self._tiered(tier, factor) or self._stepped(tier, factor)
            if len(self._ladders) < 64:
                self._ladders[(tier, factor)] = found
        return found

    def for_size(self, size: str, quality: str | None) -> Rates:
        """The rates for images of a size (1024x1024) and quality, where they have prices of their own; else these."""
        if self._sized is None:
            return self
        size = size.replace("x", "-x-") if "-x-" not in size else size
        for name in (f"{quality}/{size}", size) if quality else (size, f"standard/{size}"):
            price = self._sized(name)
            if price is not None:
                return Rates(price, self.source, factor=self._factor)
        return self

    # -- compiling -----------------------------------------------------------------------------------------------

    def _rate(self, price: Any, factor: Decimal) -> int | None:
        if price is None:
            return None
        found = decimal_of(price)
        return None if found is None else rate_of(found * self._factor * factor)

    def _stepped(self, tier: str, factor: Decimal) -> Ladder:
        """Rates by flat keys, `KEY[_above_Nk_tokens][_TIER]`.

        What a tier does not price costs what it costs without one; in a batch, half of that. Beyond a threshold all
        tokens of the call have that threshold's rates, and what it does not price keeps those of the one below.
        """
        thresholds = sorted(
            {(int(m[1]) * (1000 if m[2] else 1), m[0]) for key in self._price if (m := _THRESHOLD.search(key))}
        )
        base = self._token_rates(self._flat(tier, factor, [""]))
        steps = []
        below = [""]
        for threshold, infix in thresholds:
            below = [infix, *below]
            steps.append((threshold - self._inclusive, self._token_rates(self._flat(tier, factor, below))))
        return Ladder(base, tuple(reversed(steps)))

    def _flat(self, tier: str, factor: Decimal, infixes: list[str]) -> Callable[[str], int | None]:
        """Looks up a key by its plain name; of `infixes` the first that there is a price for is taken."""
        suffix = f"_{tier}" if tier else ""
        price = self._price

        def follows(key: str) -> bool:
            """Whether it costs what the tier says of answers, rather than what it costs without the tier."""
            return bool(suffix) and key == _REASONING and price.get(f"output_cost_per_token{suffix}") is not None

        def find(key: str) -> int | None:
            if tier == BATCH:
                for infix in infixes:
                    found = self._rate(price.get(f"{key}{infix}{suffix}"), factor)
                    if found is not None:
                        return found
                return None if follows(key) else self._flat("", factor * _HALF, infixes)(key)
            for infix in infixes:
                for end in (suffix, "") if suffix and not follows(key) else (suffix,):
                    found = self._rate(price.get(f"{key}{infix}{end}"), factor)
                    if found is not None:
                        return found
            return None

        return find

    def _token_rates(self, find: Callable[[str], int | None]) -> TokenRates:
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

    def _tiered(self, tier: str, factor: Decimal) -> Ladder | None:
        """Rates by `tiered_pricing`: the length of the prompt picks a tier, and all tokens of the call are of it."""
        tiers = [(each["range"][0], each) for each in _tiers(self._price)]
        if not tiers:
            return None
        if tier == BATCH:
            factor *= _HALF
        steps = []
        for low, each in sorted(tiers, key=lambda pair: pair[0]):
            filled = dict(each)
            if each.get("output_cost_per_token") is None:
                filled["output_cost_per_token"] = self._price.get("output_cost_per_token")
            for key in ("cache_read_input_token_cost", "cache_creation_input_token_cost"):
                filled.setdefault(key, each["input_cost_per_token"])
            for key in ("input_cost_per_audio_token", "output_cost_per_audio_token", "output_cost_per_image_token"):
                filled.setdefault(key, self._price.get(key))
            steps.append((int(low), self._token_rates(lambda key, each=filled: self._rate(each.get(key), factor))))  # type: ignore[misc]
        flat = self._stepped("", factor) if self._price.get("input_cost_per_token") is not None else None
        return Ladder(flat.base if flat is not None else steps[0][1], tuple(reversed(steps)))

    def _searches(self) -> dict[str, int] | None:
        said = self._price.get("search_context_cost_per_query")
        if not isinstance(said, Mapping):
            rate = self._rate(said, Decimal(1))
            return None if rate is None else dict.fromkeys(("low", "medium", "high"), rate)
        found = {
            size: self._rate(said.get(f"search_context_size_{size}"), Decimal(1)) for size in ("low", "medium", "high")
        }
        known = {size: rate for size, rate in found.items() if rate is not None}
        if not known:
            return None
        usual = known.get("medium", next(iter(known.values())))
        return {size: known.get(size, usual) for size in found}


def _or(rate: int | None, otherwise: int) -> int:
    return otherwise if rate is None else rate


def _tiers(price: Price) -> list[Mapping[str, Any]]:
    tiers = price.get("tiered_pricing")
    if not isinstance(tiers, list):
        return []
    return [t for t in tiers if isinstance(t, Mapping) and _is_range(t.get("range")) and "input_cost_per_token" in t]


def _is_range(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(isinstance(e, (int, float)) for e in value)


def _vendor_is_google(price: Price) -> bool:
    vendor = str(price.get("litellm_provider") or "")
    return vendor == "gemini" or vendor.startswith("vertex_ai-language")
