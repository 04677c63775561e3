"""Keys that say what a model costs: in `litellm_params` and `model_info` of a row, the same names in both."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final

from tianji_core.config.schema.types import Before, Kind, wrong

PRICE_KEYS: Final = {
    "*_cost_per_*": "Price of one unit of something, in US dollars.",
    "*_token_cost*": "Price of one token of a kind, in US dollars.",
    "cost_per_second": "Price of a second of the model's work, in US dollars.",
    "tiered_pricing": "Prices by the length of the prompt: a list of {range: [from, to], input_cost_per_token, …}.",
    "off_peak_pricing": "Prices in hours of the day: {hours_utc, windows, input_cost_per_token, …}.",
}
"""Families of keys; a name may hold a `*`."""

STRUCTURED = frozenset({"tiered_pricing", "off_peak_pricing", "search_context_cost_per_query"})
"""Those of them that are more than a number."""


def is_price_key(name: str) -> bool:
    """Whether a key says what something costs."""
    return (
        "_cost_per_" in name
        or "_token_cost" in name
        or name == "cost_per_second"
        or name in ("tiered_pricing", "off_peak_pricing")
    )


def is_amount(value: Any) -> bool:
    """Whether a value is a price: a number of dollars that is not negative, or its text as YAML has it (3e-7)."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return False
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return False
    return number.is_finite() and 0 <= number <= 1_000_000


def _amount(value: Any) -> Any:
    if not is_amount(value):
        raise wrong("a number of dollars, not negative")
    return value


Amount = Annotated[Any, Before(_amount), Kind("number")]
"""A price as the config has it, so that none of its digits is lost."""


def _discounts(value: Any) -> Any:
    if not isinstance(value, dict) or not all(is_amount(part) and Decimal(str(part)) <= 1 for part in value.values()):
        raise wrong("parts between 0 and 1, by provider")
    return value


def _margins(value: Any) -> Any:
    for margin in value.values() if isinstance(value, dict) else [None]:
        parts = margin.values() if isinstance(margin, dict) else [margin]
        names = set(margin) if isinstance(margin, dict) else set()
        if not names <= {"percentage", "fixed_amount"} or not all(map(is_amount, parts)):
            raise wrong("for each provider a part of the cost, or {percentage, fixed_amount}")
    return value


Discounts = Annotated[dict[str, Any], Before(_discounts), Kind("map of numbers")]
Margins = Annotated[dict[str, Any], Before(_margins), Kind("map")]
