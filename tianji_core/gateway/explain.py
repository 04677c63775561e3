"""How a call would be routed, and why: for the eyes of admins. Nothing is sent, and nothing that is counted changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tianji_core.api.errors import (
    BadRequestError,
    ContentPolicyViolationError,
    ContextWindowExceededError,
    GatewayError,
)
from tianji_core.gateway.body import overridden
from tianji_core.gateway.call import Call
from tianji_core.gateway.pipeline import Pipeline
from tianji_core.gateway.prompt_tokens import most_tokens
from tianji_core.gateway.router import Router
from tianji_core.routing import Deployment, ModelTable, Stats, Target
from tianji_core.routing.selection import HIGHER_ORDER, RESTS

MEMBERS = ("order", "weight", "rpm", "tpm", "region", "input_cost_per_token", "output_cost_per_token")


async def explained(pipeline: Pipeline, call: Call) -> dict[str, Any]:
    """The route of a call as JSON: its group, then its fallbacks in order, as if each before them had failed.

    Chance decides anew each time. Guardrails, the response cache and hard limits, which are taken as a call goes out,
    are not asked. The call is used up by it.
    """
    router, policies = pipeline.router, pipeline.policies
    refusal: GatewayError | None = None
    try:
        policies.apply(call, router.models)
    except GatewayError as error:
        refusal = error
    before, body = call.policies, call.body
    said: dict[str, Any] = {
        "model": call.model,
        "policies": [] if before is None else [{"name": n, "reason": why} for n, why in before.policies.items()],
        "swapped_to": call.routed,
        "refused": _error(refusal),
        "route": None,
        "fallbacks": [],
        "special_fallbacks": {},
    }
    if refusal is not None:
        return said
    asked = call.routed or call.model
    stats = router.stats.copied()
    general = [each.model for each in router.fallbacks.after(None, asked, call.options.fallbacks)]
    elsewhere = bool(general) and not call.options.disable_fallbacks and any(name != asked for name in general)
    said["route"], failure = await _group(router, call, asked, stats, elsewhere=elsewhere)
    if call.options.disable_fallbacks:
        return said
    special = {"context_window": ContextWindowExceededError(""), "content_policy": ContentPolicyViolationError("")}
    for kind, example in special.items():
        names = [each.model for each in router.fallbacks.after(example, asked, call.options.fallbacks)]
        if names != general:
            said["special_fallbacks"][kind] = names
    tried = {asked}
    for fallback in router.fallbacks.after(failure, asked, call.options.fallbacks):
        model = fallback.model
        skipped = "asked already" if model in tried else None
        if skipped is None and call.fallbacks >= router.fallbacks.limit:
            skipped = "max_fallbacks"
        if skipped is None:
            tried.add(model)
            turn = policies.follow(call, before, model, router.models)
            if turn is None:
                skipped = "policy"
            elif turn.model != model and turn.model in tried:
                skipped = "asked already"
            else:
                model = turn.model
        if skipped is not None:
            said["fallbacks"].append({"model": model, "skipped": skipped})
            continue
        tried.add(model)
        call.fallbacks += 1
        call.body = overridden(body, fallback.overrides, call.operation) if fallback.overrides else body
        if fallback.overrides:
            call.prompt_tokens = None
        left = any(name not in tried for name in general) and call.fallbacks < router.fallbacks.limit
        route, _ = await _group(router, call, model, stats, elsewhere=left)
        said["fallbacks"].append({**route, "skipped": None})
    return said


async def _group(
    router: Router, call: Call, name: str, stats: Stats, *, elsewhere: bool
) -> tuple[dict[str, Any], GatewayError | None]:
    """What becomes of the call in one group, and the error that it would end with before anybody is asked."""
    target = router.models.resolve(name)
    if target is None:
        error: GatewayError = BadRequestError(f"Invalid model name passed in model={name}.", param="model")
        return {"model": name, "resolved": None, "candidates": [], "picked": None, "error": _error(error)}, error
    everyone: Sequence[Deployment] = target.deployments
    strategy = router.selection.strategies.get(target.group, router.selection.strategy)
    said: dict[str, Any] = {
        "model": name,
        "resolved": _resolved(router.models, name, target),
        "strategy": type(strategy).__name__,
        "picked": None,
        "why": None,
        "error": None,
    }
    if target.group in router.measured and call.prompt_tokens is None:
        call.prompt_tokens = await most_tokens(call, everyone)
    said["prompt_tokens"] = call.prompt_tokens
    out: dict[str, str] = {}

    def told(rows: Sequence[Deployment], reason: str) -> None:
        out.update((row.id, reason) for row in rows)

    picked: Deployment | None = None
    failure: GatewayError | None = None
    try:
        left = router.selection.eligible(target.group, everyone, call, stats, told)
        awake = router.selection.awake(left, stats)
        if not awake and elsewhere:
            failure = router.all_rest(call, left)
            told(left, RESTS)
        else:
            if awake:
                told([d for d in left if d not in awake], RESTS)
            first = router.selection.first_order(awake or left)
            told([d for d in (awake or left) if d not in first], HIGHER_ORDER)
            picked = router.selection.pick(target.group, awake or left, call, stats)
            said["picked"] = picked.id
            said["why"] = _why(said["strategy"], len(first), rest=not awake)
    except GatewayError as error:
        failure = error
    said["error"] = _error(failure)
    said["candidates"] = [_candidate(router, d, target, stats, out.get(d.id), d is picked) for d in everyone]
    return said, failure


def _why(strategy: str, number: int, *, rest: bool) -> str:
    chosen = "the only one left" if number == 1 else f"{strategy} chose it among {number}"
    return f"{chosen}; all rest, and there is no fallback left" if rest else chosen


def _resolved(models: ModelTable, name: str, target: Target) -> dict[str, Any]:
    """By what a name leads to its group, and what a wildcard stands for."""
    if len(target.deployments) == 1 and target.deployments[0].id == name:
        how = "deployment id"
    elif name in models.aliases and target.group != name:
        how = "alias"
    else:
        how = "name" if target.captured is None else "wildcard"
    return {"group": target.group, "by": how, "captured": target.captured}


def _candidate(
    router: Router, row: Deployment, target: Target, stats: Stats, reason: str | None, is_picked: bool
) -> Mapping[str, Any]:
    rest = stats.cooldowns.resting.get(row.id)
    seen = stats.stats(row.id)
    return {
        "id": row.id,
        "model": target.upstream_model(row),
        "provider": row.provider_name,
        "picked": is_picked,
        "left_out": reason,
        "cooldown": None
        if rest is None
        else {
            "remaining_seconds": round(stats.cooldowns.remaining(row.id), 1),
            "reason": rest.reason,
            "status": rest.status,
        },
        **{name: getattr(row, name) for name in MEMBERS},
        "max_parallel_requests": row.max_parallel,
        "max_input_tokens": row.max_input_tokens,
        "hard_limits": router.hard is not None and router.hard.covers(row),
        "tags": list(row.tags),
        "usage": {
            "requests": seen.requests,
            "tokens": seen.tokens,
            "failed": seen.failed,
            "in_flight": seen.in_flight,
            "latencies": [round(seconds, 4) for seconds, _ in seen.latencies],
            "first_token": [round(seconds, 4) for seconds, _ in seen.first_token],
        },
    }


def _error(error: GatewayError | None) -> dict[str, Any] | None:
    return None if error is None else {"type": type(error).__name__, "status": error.http_status, "message": str(error)}
