"""What one model costs, worked out once: every price a whole number, every step of a price in its place.

A call that has used nothing but tokens at plain prices is then a few multiplications (`tokens.py`). What is rarer
(tiers of service, long prompts, off-peak hours, factors) is looked at only for models that have it.

Rates of tokens are made in `ladders.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from tianji_core.accounting.prices.ladders import Ladder, TokenRates, ladder, scaled, tiers_of
from tianji_core.accounting.prices.money import decimal_of, rate_of
from tianji_core.accounting.prices.table import Price
from tianji_core.api.callback import PriceSource
from tianji_core.config.schema.prices import is_price_key

if TYPE_CHECKING:
    from tianji_core.accounting.prices.off_peak import OffPeak

TIERS = {"flex": "flex", "priority": "priority", "fast": "priority", "balanced": "balanced", "ultrafast": "ultrafast"}
"""Tiers of service that have prices of their own, by the names that vendors have for them."""

_INCLUSIVE = frozenset({"xai"})
"""Vendors for whom a prompt of exactly the threshold is a long one already."""
_HALF_CACHE = frozenset({"fireworks_ai"})
"""Vendors that read from their cache for half the price, where the price list does not say it."""

_UNITS = (
    "input_cost_per_image",
    "output_cost_per_image",
    "input_cost_per_pixel",
    "output_cost_per_pixel",
    "input_cost_per_second",
    "output_cost_per_second",
    "cost_per_second",
    "input_cost_per_character",
    "input_cost_per_query",
    "input_cost_per_request",
    "input_cost_per_audio_per_second",
    "input_cost_per_video_per_second",
    "ocr_cost_per_page",
    "code_interpreter_cost_per_session",
    "file_search_cost_per_1k_calls",
)
TOKEN_KEYS = ("input_cost_per_token", "output_cost_per_token", "input_cost_per_audio_token")
"""A model with one of these is paid for by tokens."""
_MORE_TOKENS = ("output_cost_per_audio_token", "input_cost_per_image_token", "output_cost_per_image_token")


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
        "is_plain",
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
        self.units: dict[str, int] = {
            key: rate for key in _UNITS if (rate := scaled(price.get(key), factor)) is not None
        }
        """Rates of other things than tokens."""
        said = [rate_of(price[key]) for key in (*TOKEN_KEYS, *_MORE_TOKENS) if price.get(key) is not None]
        self.by_tokens = any(said) or bool(tiers_of(price)) or (bool(said) and not any(self.units.values()))
        """Whether tokens are what is paid for, or one of the things."""
        self.off_peak: OffPeak | None = None
        if price.get("off_peak_pricing") is not None:  # a few models have it, and only they load what it takes
            from tianji_core.accounting.prices.off_peak import off_peak_of

            self.off_peak = off_peak_of(price, lambda said: scaled(said, factor))
        self._ladders: dict[tuple[str, Decimal], Ladder] = {}
        standard = self.ladder("")
        self.plain: TokenRates | None = standard.base if not standard.steps and self.off_peak is None else None
        """The rates of every call without a tier of service or factor; None if it takes more to find them."""
        self.searches: dict[str, int] | None = _searches(price)
        self.searches_per_prompt = _vendor_is_google(price) and price.get("web_search_billing_unit") != "per_query"
        """Whether a call with several searches pays for one."""
        factors = price.get("provider_specific_entry")
        self.vendor_factors: dict[str, Decimal] | None = None
        if isinstance(factors, Mapping):
            found = {name: decimal_of(value) for name, value in factors.items()}
            self.vendor_factors = {name: value for name, value in found.items() if value is not None and value > 0}

        self.is_plain = (
            self.plain is not None
            and self.vendor_factors is None
            and self.by_tokens
            and not self.units.get("input_cost_per_request")
        )
        """Whether a call without details costs so much for each token of prompt and answer, and nothing else."""

    @property
    def price(self) -> Price:
        """What the rates were made of."""
        return self._price

    @property
    def is_free(self) -> bool:
        """Whether every price that is known of the model, and one is, is zero."""
        said = [value for key, value in self._price.items() if is_price_key(key)]
        return bool(said) and all(rate_of(value) == 0 for value in said)

    def ladder(self, tier: str, factor: Decimal = Decimal(1)) -> Ladder:
        """The rates of a tier of service ("" for the standard one), all of them times a factor."""
        found = self._ladders.get((tier, factor))
        if found is None:
            found = ladder(self._price, tier, self._factor * factor, inclusive=self._inclusive)
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


def _searches(price: Price) -> dict[str, int] | None:
    """Rates of a search by the size of its context; None if there are none. They are the same in every region."""
    said = price.get("search_context_cost_per_query")
    sizes = ("low", "medium", "high")
    if not isinstance(said, Mapping):
        rate = rate_of(said)
        return None if rate is None else dict.fromkeys(sizes, rate)
    known = {size: rate for size in sizes if (rate := rate_of(said.get(f"search_context_size_{size}"))) is not None}
    if not known:
        return None
    usual = known.get("medium", next(iter(known.values())))
    return {size: known.get(size, usual) for size in sizes}


def _vendor_is_google(price: Price) -> bool:
    vendor = str(price.get("litellm_provider") or "")
    return vendor == "gemini" or vendor.startswith("vertex_ai-language")
