"""What a call has cost: worked out once it is over, for every surface in this one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tianji_core.accounting.prices import Pricing
from tianji_core.accounting.prices.cost import Unpriced, Used, cost_of, with_terms
from tianji_core.accounting.prices.ladders import BATCH
from tianji_core.accounting.prices.money import HALF, MOST_UNITS, SCALE, amount_of
from tianji_core.accounting.prices.rates import TIERS, Rates
from tianji_core.api.callback import Cost
from tianji_core.api.errors import PermissionDeniedError
from tianji_core.gateway.call import Call
from tianji_core.routing import Deployment
from tianji_core.telemetry import get_logger

log = get_logger("tianji.prices")

_TOLD: set[str] = set()
_MOST_TOLD = 10_000
"""Models without a price that were told of; a client of a wildcard can name any number."""
_NO_WORK = frozenset({"pass_through", "files", "batches", "fine_tuning", "vector_stores", "assistants"})
"""Kinds of calls that need not use anything; what they cost then, if anything, is in no answer."""


def settle_cost(call: Call, *, answered: bool) -> None:
    """Note on a call that is over what it has cost, or why nobody knows. `answered`: it has not failed.

    A call that failed has cost what it has used, as far as the vendor, or a count of what was delivered, says it.
    """
    deployment = call.deployment
    if call.cost is not None or deployment is None or call.deferred or call.batched:
        return
    call.cost = _plain_cost(call, deployment)
    if call.cost is not None:
        return
    if call.request_price is not None:
        found: Cost | Unpriced = _by_request(call.request_price)
    elif call.usage is None and (not answered or call.kind in _NO_WORK):
        return
    else:
        try:
            found = call_cost(call, deployment)
        except Exception:  # a defect of ours is no reason for an answer not to go out
            log.exception("cost cannot be worked out", call_id=call.id)
            found = Unpriced("the cost cannot be worked out")
    call.unpriced = None
    if isinstance(found, Unpriced):
        _tell(call, deployment, found)
    elif call.cache_hit:
        call.saved, call.cost = found, Cost(0, 0, found.source)
    else:
        call.cost = found


_USUAL_TIERS = (None, "default", "standard")
"""What an answer says of its tier whose prices are the usual ones."""
_PLAIN_USAGE = frozenset(
    {"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details"}
)


def _plain_cost(call: Call, deployment: Deployment) -> Cost | None:
    """The cost of a call of the commonest kind: a chat by tokens, at one price each for prompt and answer.

    None for any other; then all that may be is looked at. Both come to the same, which a test compares.
    """
    rates: Rates | None = deployment.rates
    usage = call.usage
    if (
        rates is None
        or not rates.is_plain
        or usage is None
        or call.operation != "chat"
        or call.cache_hit
        or call.request_price is not None
        or call.service_tier not in _USUAL_TIERS
        or call.upstream_model != deployment.model
        or deployment.pricing is None
        or deployment.pricing.terms is not None
        or not _PLAIN_USAGE.issuperset(usage)
    ):
        return None
    prompt, answer = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if (
        type(prompt) is not int
        or type(answer) is not int
        or not 0 < prompt < MOST_UNITS
        or not 0 <= answer < MOST_UNITS
    ):
        return None
    for name in ("prompt_tokens_details", "completion_tokens_details"):
        details = usage.get(name)
        if details and (type(details) is not dict or any(details.values())):
            return None
    body = call.body
    if "web_search_options" in body or "service_tier" in body:
        return None
    each = rates.plain
    assert each is not None  # noqa: S101 - see is_plain
    read = (prompt * each.input + HALF) // SCALE
    written = (answer * each.output + HALF) // SCALE
    total = read + written
    return Cost(total, total, rates.source, read, 0, 0, written)


def call_cost(call: Call, deployment: Deployment) -> Cost | Unpriced:
    """What a call has cost at a deployment by what it has used."""
    rates, model = rates_for(call, deployment)
    pricing: Pricing | None = deployment.pricing
    terms = None if pricing is None else pricing.terms
    used = Used(
        call.usage,
        call.operation,
        call.body,
        call.measured,
        call.attempts[-1].duration if call.attempts else 0.0,
        _tier(call),
        call.started_at,
    )
    found = cost_of(rates, terms, used, model)
    if call.operation == "realtime" and call.usage is not None and not isinstance(found, Unpriced):
        return _with_transcripts(found, call.usage, deployment, used)
    return found


def check_priced(call: Call, deployment: Deployment, model: str) -> None:
    """Raises PermissionDeniedError for a model whose price nobody knows, before it is called."""
    pricing: Pricing | None = deployment.pricing
    if pricing is None or pricing.rates(model) is None:
        raise PermissionDeniedError(
            f"Model {call.model!r} has no known price, and this gateway calls no such models.",
            type="model_cost_map_missing",
            param="model",
        )


def rates_for(call: Call, deployment: Deployment) -> tuple[Rates | None, str]:
    """The rates of the model that was called, and its name.

    Where a deployment's name hides the model, as Azure's do, the name that the answer gave counts.
    """
    model = call.upstream_model or deployment.model
    rates: Rates | None = deployment.rates
    if rates is None or model != deployment.model:
        pricing: Pricing | None = deployment.pricing
        if pricing is not None:
            rates = pricing.rates(model)
            if rates is None and call.named_model:
                rates = pricing.rates(call.named_model)
    return rates, f"{deployment.provider_name}/{model}"


def _with_transcripts(cost: Cost, usage: Mapping[str, Any], deployment: Deployment, used: Used) -> Cost | Unpriced:
    """The cost of a session with that of the transcripts of what was said, which another model has made."""
    spoken = usage.get("input_audio_transcription")
    pricing: Pricing | None = deployment.pricing
    if not isinstance(spoken, dict) or pricing is None:
        return cost
    model = spoken.get("model")
    rates = pricing.rates(model) if isinstance(model, str) else None
    heard = cost_of(rates, None, used._replace(usage=spoken, operation="transcriptions"), f"transcripts by {model}")
    if isinstance(heard, Unpriced):
        return heard
    original = cost.original + heard.original
    parts = {name: getattr(cost, name) + getattr(heard, name) for name in _PARTS}
    return with_terms(cost._replace(total=original, original=original, **parts), pricing.terms)


_PARTS = ("input", "cache_read", "cache_write", "output", "reasoning", "tools", "other")


def add_costs(first: Cost | None, second: Cost) -> Cost:
    """Two costs together, as of the lines of a batch."""
    if first is None:
        return second
    sums = {
        name: getattr(first, name) + getattr(second, name)
        for name in ("total", "original", "discount", "margin", *_PARTS)
    }
    return second._replace(**sums)


def _by_request(dollars: Any) -> Cost | Unpriced:
    """What the config says that a request costs (`cost_per_request`)."""
    amount = amount_of(dollars)
    return Unpriced("cost_per_request is no amount") if amount is None else Cost(amount, amount, "config", other=amount)


def _tier(call: Call) -> str:
    """The tier of service whose prices hold: the one that the vendor says it has used, else the one asked for."""
    if call.batched:
        return BATCH
    told = call.service_tier
    if told is None:
        told = call.usage.get("service_tier") if call.usage else None
        if told is None:
            told = call.body.get("service_tier")
            if told is None:
                return ""
    return BATCH if told == "batch" else TIERS.get(told, "") if isinstance(told, str) else ""


def _tell(call: Call, deployment: Deployment, why: Unpriced) -> None:
    """Note why a call has no cost; the log says it once for each model."""
    call.unpriced = why.reason
    model = f"{deployment.provider_name}/{call.upstream_model or deployment.model}"
    if model not in _TOLD and len(_TOLD) < _MOST_TOLD:
        _TOLD.add(model)
        log.warning("cost unknown", model=model, reason=why.reason, call_id=call.id)
