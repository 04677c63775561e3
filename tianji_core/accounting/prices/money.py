"""Money in whole numbers, so that it adds up (docs/adr/0023).

A rate is a whole number of 10^-18 US dollars for one unit of something; an amount is a whole number of 10^-12 US
dollars. Units times rate is rounded once, to the nearest amount; from there on there are only sums.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

PER_DOLLAR = 10**12
"""Of an amount."""
RATES_PER_DOLLAR = 10**18
SCALE = RATES_PER_DOLLAR // PER_DOLLAR
HALF = SCALE // 2

MOST_UNITS = 10**12
"""Of anything in one call; more is no measurement but a mistake of a vendor's, and is taken for this."""
_MOST_DOLLARS = 10**6
"""That a unit of something may cost."""


def rate_of(price: Any) -> int | None:
    """The rate for a price in dollars, a number or its text as YAML and JSON have it. None for what is no price."""
    found = decimal_of(price)
    if found is None or not 0 <= found <= _MOST_DOLLARS:
        return None
    return int((found * RATES_PER_DOLLAR).to_integral_value(ROUND_HALF_EVEN))


def decimal_of(number: Any) -> Decimal | None:
    """A number as it was written: of a float, its shortest decimal form. None for what is no finite number."""
    if isinstance(number, bool) or not isinstance(number, (int, float, str, Decimal)):
        return None
    try:
        found = Decimal(number.strip() if isinstance(number, str) else str(number))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def times(units: int, rate: int) -> int:
    """What so many units come to."""
    return (units * rate + HALF) // SCALE


def times_part(units: Any, rate: int) -> int:
    """The same for units that need not be whole: seconds, search units. What is no count is none."""
    found = decimal_of(units)
    if found is None or found <= 0:
        return 0
    return int((min(found, Decimal(MOST_UNITS)) * rate / SCALE).to_integral_value(ROUND_HALF_EVEN))


def amount_of(dollars: Any) -> int | None:
    """An amount in dollars that somebody tells us. None for what is no amount, or less than nothing."""
    found = decimal_of(dollars)
    if found is None or not 0 <= found <= _MOST_DOLLARS:
        return None
    return int((found * PER_DOLLAR).to_integral_value(ROUND_HALF_EVEN))


def share(amount: int, part: Decimal) -> int:
    """A part of an amount, such as a discount of Decimal("0.05")."""
    return int((amount * part).to_integral_value(ROUND_HALF_EVEN))
