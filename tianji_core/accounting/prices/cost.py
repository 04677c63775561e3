"""What a call costs: its rates times what it has used, a discount, a margin."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from tianji_core.accounting.prices.ladders import BATCH
from tianji_core.accounting.prices.money import amount_of, share, times, times_part
from tianji_core.accounting.prices.rates import Rates
from tianji_core.accounting.prices.tokens import token_cost
from tianji_core.accounting.prices.units import (
    HEARING,
    IMAGES,
    Measured,
    detail_cost,
    heard_cost,
    image_cost,
    seconds_cost,
    spoken_cost,
    tool_cost,
)
from tianji_core.api.callback import Cost
from tianji_core.api.provider import Body, Operation

_TICKS = Decimal(10) ** 10
"""xAI's, of a dollar."""


class Terms(NamedTuple):
    """What is taken off list prices, and what is put on them after that."""

    discount: Decimal = Decimal(0)
    margin: Decimal = Decimal(0)
    """The part of the cost, 0.1 for ten percent."""
    fixed: int = 0
    """An amount for each call."""


class Used(NamedTuple):
    """What a call has used, as far as it is known."""

    usage: Mapping[str, Any] | None
    operation: Operation = "chat"
    body: Body = {}  # noqa: RUF012 - read only
    measured: Measured | None = None
    seconds: float = 0.0
    """That the vendor has worked for."""
    tier: str = ""
    """The tier of service whose prices hold, "" for the standard one."""
    at: float = 0.0
    """When it was, in Unix seconds."""


class Unpriced(NamedTuple):
    """Why nobody can say what a call costs."""

    reason: str


def cost_of(rates: Rates | None, terms: Terms | None, used: Used, name: str = "") -> Cost | Unpriced:
    """The cost of a call; `name` is the model's, for the reason why there is none.

    What the vendor says that it charges goes over the price table, and prices in the config over that.
    """
    usage = used.usage
    if rates is None or rates.source != "config":
        reported = None if usage is None else _reported(usage)
        if reported is not None:
            return with_terms(Cost(reported, reported, "vendor", other=reported), terms)
        if rates is None:
            return Unpriced(f"no price is known for {name}")
    tier = used.tier or None
    if used.operation == "chat" and usage and rates.by_tokens:
        paid, read, written, output, reasoning = token_cost(rates, usage, used.tier, used.at)
        tools = other = 0
        if rates.searches is not None or rates.units:
            tools = tool_cost(rates, usage, used.body)
            other = _extras(rates, usage)
        total = paid + read + written + output + reasoning + tools + other
        cost = Cost(total, total, rates.source, paid, read, written, output, reasoning, tools, other, service_tier=tier)
        return cost if terms is None else with_terms(cost, terms)
    found = _other_cost(rates, used)
    if isinstance(found, Unpriced):
        return found
    return with_terms(found if tier is None else found._replace(service_tier=tier), terms)


def with_terms(cost: Cost, terms: Terms | None) -> Cost:
    """The cost with a discount, and then a margin."""
    if terms is None:
        return cost
    discount = share(cost.original, terms.discount)
    reduced = cost.original - discount
    margin = share(reduced, terms.margin) + terms.fixed
    return cost._replace(total=reduced + margin, discount=discount, margin=margin, margin_percent=float(terms.margin))


def _other_cost(rates: Rates, used: Used) -> Cost | Unpriced:
    """The cost of what is not plain chat by tokens."""
    usage, operation, source = used.usage, used.operation, rates.source
    other = 0 if usage is None else _extras(rates, usage)
    if usage and rates.by_tokens and "input_cost_per_character" in rates.units and _characters(usage):
        usage = {**usage, "prompt_tokens": 0}  # paid for by the letter, not by both
    if operation in IMAGES:
        if usage is not None and rates.by_tokens and _says_tokens(usage):
            return _by_tokens(rates, _of_images(usage), used, other)
        made = None if used.measured is None else image_cost(rates, used.measured)
        if made is not None:
            made = made // 2 if used.tier == BATCH else made
            return Cost(made + other, made + other, source, output=made, other=other)
    elif operation in HEARING or (operation == "realtime" and usage is not None and "seconds" in usage):
        if usage is not None and rates.by_tokens and _says_tokens(usage):
            return _by_tokens(rates, usage, used, other)
        heard = heard_cost(rates, usage, used.measured)
        if heard is not None:
            return Cost(heard + other, heard + other, source, input=heard, other=other)
    elif operation == "speech":
        spoken = spoken_cost(rates, used.measured)
        if spoken is not None:
            return Cost(spoken + other, spoken + other, source, input=spoken, other=other)
    elif operation == "rerank":
        rate = rates.units.get("input_cost_per_query")
        if rate:
            units = times_part((usage or {}).get("search_units", 1), rate)
            return Cost(units + other, units + other, source, input=units, other=other)
    if rates.is_free:
        return Cost(0, 0, source)
    if usage is not None and rates.by_tokens and (other or _says_tokens(usage)):
        return _by_tokens(rates, usage, used, other)
    if not rates.by_tokens and used.seconds > 0 and operation not in HEARING:
        worked = seconds_cost(rates, used.seconds)
        if worked is not None:
            return Cost(worked + other, worked + other, source, output=worked, other=other)
    if other:
        return Cost(other, other, source, other=other)
    if not usage:
        return Unpriced("nobody says what the call has used")
    return Unpriced(f"no price is known for what {operation} of this model use")


def _by_tokens(rates: Rates, usage: Mapping[str, Any], used: Used, other: int) -> Cost:
    paid, read, written, output, reasoning = token_cost(rates, usage, used.tier, used.at)
    tools = tool_cost(rates, usage, used.body)
    total = paid + read + written + output + reasoning + tools + other
    return Cost(total, total, rates.source, paid, read, written, output, reasoning, tools, other)


def _extras(rates: Rates, usage: Mapping[str, Any]) -> int:
    """What a call costs beside its tokens, for being one, or for details that are none."""
    units = rates.units
    if not units:
        return 0
    return times(1, units.get("input_cost_per_request", 0)) + detail_cost(rates, usage)


def _characters(usage: Mapping[str, Any]) -> bool:
    details = usage.get("prompt_tokens_details")
    return isinstance(details, dict) and bool(details.get("character_count"))


def _says_tokens(usage: Mapping[str, Any]) -> bool:
    return bool(usage.get("prompt_tokens") or usage.get("completion_tokens"))


def _of_images(usage: Mapping[str, Any]) -> Mapping[str, Any]:
    """The usage of an answer that is images: tokens are those of images, where it does not say otherwise."""
    made = usage.get("completion_tokens_details")
    if isinstance(made, dict) and (made.get("image_tokens") or made.get("text_tokens")):
        return usage
    return {**usage, "completion_tokens_details": {"image_tokens": usage.get("completion_tokens")}}


def _reported(usage: Mapping[str, Any]) -> int | None:
    """What the vendor itself says that it charges. None if it does not say.

    OpenRouter's `cost` and Perplexity's `cost.total_cost` are dollars, xAI counts ticks.
    """
    cost = usage.get("cost")
    if cost is not None:
        return amount_of(cost.get("total_cost") if isinstance(cost, dict) else cost)
    ticks = usage.get("cost_in_usd_ticks")
    if type(ticks) is int and ticks >= 0:
        return amount_of(Decimal(ticks) / _TICKS)
    return None
