"""One model's entry of a price table: which members it may have, and what they must be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tianji_core.accounting.prices.money import rate_of
from tianji_core.config.schema.prices import is_price_key

TEXTS = frozenset({"litellm_provider", "mode", "deprecation_date", "web_search_billing_unit"})
COUNTS = frozenset({"max_tokens", "max_input_tokens", "max_output_tokens", "output_vector_size"})
FACTORS = frozenset({"us", "eu", "fast"})
"""Members of `provider_specific_entry` that prices are multiplied by."""
_NOT_PRICES = frozenset({"input_dbu_cost_per_token", "output_dbu_cost_per_token", "guardrail_cost_per_unit"})
_SIZES = ("search_context_size_low", "search_context_size_medium", "search_context_size_high")
_RANGED = frozenset({"range", "max_results_range"})


def price_of(entry: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """What of a map's entry belongs into a table, and what is wrong with it if something is."""
    price: dict[str, Any] = {}
    for key, value in entry.items():
        if value is None or key in _NOT_PRICES:
            continue
        if key in TEXTS:
            if isinstance(value, str):
                price[key] = value
        elif key in COUNTS:
            if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
                price[key] = int(value)
        elif key == "provider_specific_entry":
            factors = {n: f for n, f in value.items() if n in FACTORS and _is_factor(f)} if _is_map(value) else {}
            if factors:
                price[key] = factors
        elif key.endswith(("_uplift_multiplier", "_uplift_multiplier_eu", "_uplift_multiplier_us")):
            if not _is_factor(value):
                return {}, f"{key} is no factor"
            price[key] = value
        elif key in ("tiered_pricing", "off_peak_pricing", "search_context_cost_per_query"):
            problem = _STRUCTURES[key](value)
            if problem is not None:
                return {}, f"{key} {problem}"
            price[key] = value
        elif is_price_key(key):
            if not _is_price(value):
                return {}, f"{key} is no price: {value!r}"
            price[key] = value
    return price, None


def name_problem(name: str) -> str | None:
    if not name or len(name) > 300 or not name.isprintable() or ",{" in name:
        return "no name of a model"
    return None


def _is_map(value: Any) -> bool:
    return isinstance(value, dict)


def _is_price(value: Any) -> bool:
    return isinstance(value, (int, float)) and rate_of(value) is not None


def _is_factor(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= 100


def _tiers_problem(value: Any) -> str | None:
    if not isinstance(value, list) or not all(isinstance(tier, dict) for tier in value):
        return "is no list of tiers"
    for tier in value:
        for key, price in tier.items():
            if key in _RANGED:
                if not (
                    isinstance(price, list) and len(price) == 2 and all(isinstance(e, (int, float)) for e in price)
                ):
                    return "has a range that is none"
            elif not _is_price(price):
                return f"has something that is no price: {key}"
    return None


def _off_peak_problem(value: Any) -> str | None:
    if not isinstance(value, dict):
        return "is no object"
    for key, price in value.items():
        if is_price_key(key) and not _is_price(price):
            return f"has something that is no price: {key}"
    return None


def _searches_problem(value: Any) -> str | None:
    if not isinstance(value, dict) or not all(_is_price(value.get(size, 0)) for size in _SIZES):
        return "is no price by size"
    return None


_STRUCTURES = {
    "tiered_pricing": _tiers_problem,
    "off_peak_pricing": _off_peak_problem,
    "search_context_cost_per_query": _searches_problem,
}
