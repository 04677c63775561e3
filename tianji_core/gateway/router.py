"""Where a call goes: the group that the client named, its deployments one after the other, then its fallbacks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from tianji_core.api.errors import (
    AuthenticationError,
    BadRequestError,
    GatewayError,
    GuardrailBlockedError,
    PermissionDeniedError,
    RateLimitError,
)
from tianji_core.gateway.body import overridden
from tianji_core.gateway.call import Call
from tianji_core.gateway.deployment_limits import HardLimits
from tianji_core.gateway.guardrails import GuardrailChain
from tianji_core.gateway.policies import Policies
from tianji_core.gateway.prompt_tokens import most_tokens
from tianji_core.gateway.reply import Reply, StreamReply
from tianji_core.routing import (
    Deployment,
    Fallbacks,
    ModelTable,
    RetryBudget,
    RetryPolicy,
    Selection,
    Stats,
    Target,
)
from tianji_core.routing.filters.limits import minute_used_up
from tianji_core.state import Refused, Taken
from tianji_core.telemetry import get_logger

log = get_logger("tianji.calls")


class Tries(Protocol):
    """Who makes the single tries: the pipeline."""

    @property
    def guardrails(self) -> GuardrailChain: ...
    @property
    def policies(self) -> Policies: ...
    async def attempt(self, call: Call, target: Target, deployment: Deployment) -> Reply | StreamReply: ...


@dataclass(frozen=True, slots=True)
class Router:
    """What choosing a deployment goes by, compiled from the config."""

    models: ModelTable
    selection: Selection
    stats: Stats
    retries: RetryPolicy
    fallbacks: Fallbacks
    budget: RetryBudget
    measured: frozenset[str] = frozenset()
    """Groups whose filters want to know how long the prompt is."""
    counted: tuple[str, ...] = ()
    """Deployments whose use of the minute the strategies or filters go by."""
    hard: HardLimits | None = None
    """Limits that are taken before each try; None if the config wants none."""
    patience: float | None = None
    """Seconds for a call with all its retries and fallbacks, where the client names no time-out."""

    def limited_to(
        self, wanted: Callable[[Deployment], bool], refusal: Callable[[str], GatewayError] | None = None
    ) -> Router:
        """The same for a call that may go to some deployments only; see `ModelTable.only`."""
        return replace(self, models=self.models.only(wanted, refusal))

    async def run(self, call: Call, tries: Tries) -> Reply | StreamReply:
        """Ask the group that the client named, then its fallbacks.

        Raises what the group itself failed with if they all fail: it is the one that the client knows.
        """
        self.budget.called(call.started)
        patience = call.options.patience(stream=call.stream)
        if patience is None:
            patience = self.patience
        if patience is not None:
            call.deadline = call.started + patience
        asked = call.routed or call.model
        tried = {asked}
        try:
            return await self._try_group(call, asked, tries, asked, tried)
        except GatewayError as error:
            if call.options.disable_fallbacks:
                raise
            first = error
        body, policies = call.body, call.policies
        for fallback in self.fallbacks.after(first, asked, call.options.fallbacks):
            if fallback.model in tried or call.fallbacks >= self.fallbacks.limit:
                continue
            tried.add(fallback.model)
            turn = tries.policies.follow(call, policies, fallback.model, self.models)
            if turn is None or (turn.model in tried and turn.model != fallback.model):
                continue
            tried.add(turn.model)
            call.fallbacks += 1
            self.stats.fallbacks += 1
            call.body = body
            try:
                unjudged = tries.guardrails.ask_for(call, turn.model)
                if not fallback.overrides and not turn.is_new and not unjudged:
                    return await self._try_group(call, turn.model, tries, asked, tried)
                # Nobody has judged this body yet, or not all who have to.
                if fallback.overrides:
                    call.body = overridden(body, fallback.overrides, call.operation)
                    call.native = None
                    call.prompt_tokens = None
                tries.policies.shape(call)
                judging = tries.guardrails.before(call)
                if judging is not None:
                    await judging
                further = self._try_group(call, turn.model, tries, asked, tried)
                return await tries.guardrails.during(call, further)
            except GuardrailBlockedError:
                raise
            except GatewayError as error:
                log.info("fallback failed", call_id=call.id, model=fallback.model, error=type(error).__name__)
        call.body = body
        try:
            raise first
        finally:
            del first  # or the error, its traceback and this frame, which holds the request, would hold one another

    async def _try_group(self, call: Call, name: str, tries: Tries, asked: str, tried: set[str]) -> Reply | StreamReply:
        """Try the deployments of one group until one answers or the tries are used up.

        `asked` is the group that the client named, `tried` what was asked so far, this group included.
        """
        target = self.models.resolve(name)
        if target is None:
            raise BadRequestError(
                f"Invalid model name passed in model={name}. Call `/v1/models` to view available models for your key."
            )
        call.group = name
        everyone: Sequence[Deployment] = target.deployments
        if call.kept is not None:
            everyone = tuple(call.kept.best(everyone))
        if target.group in self.measured and call.prompt_tokens is None:
            call.prompt_tokens = await most_tokens(call, everyone)
        everyone = left = self.selection.eligible(target.group, everyone, call, self.stats)
        walk: _Walk | None = None  # most calls fail nowhere
        while True:
            awake = self.selection.awake(left, self.stats)
            if not awake:
                if (walk is None or not walk.failed) and self._elsewhere(call, asked, tried):
                    raise self.all_rest(call, left)
                awake = left  # a group without a way out is asked all the same
            deployment = self.selection.pick(target.group, awake, call, self.stats)
            taken: Taken | None = None
            if self.hard is not None and self.hard.covers(deployment):
                room = await self.hard.take(call, deployment)
                if isinstance(room, Refused):
                    left = [d for d in awake if d is not deployment]
                    if not left:
                        raise minute_used_up(name, max(room.retry_after, 1.0))
                    continue
                taken = room
            try:
                reply = await tries.attempt(call, target, deployment)
                call.taken = taken
                return reply
            except asyncio.CancelledError:
                call.taken = taken
                raise
            except GatewayError as error:
                if taken is not None and self.hard is not None:
                    self.hard.settle(taken, 0)
                if walk is None:
                    walk = _Walk(target.group, everyone, asked, tried)
                further = self._further(call, walk, deployment, error)
                if further is None:
                    raise
                left, delay = further
            if delay > 0:
                await asyncio.sleep(delay)

    def _further(
        self, call: Call, walk: _Walk, deployment: Deployment, error: GatewayError
    ) -> tuple[Sequence[Deployment], float] | None:
        """Who of the group may be asked after this failure, and in how many seconds; None if nobody."""
        if call.deadline is not None and time.monotonic() >= call.deadline:
            return None
        everyone = walk.everyone
        # The same credential would be refused again; what merely failed is asked again, but last.
        credential = isinstance(error, (AuthenticationError, PermissionDeniedError)) and len(everyone) > 1
        (walk.refused if credential else walk.failed).add(deployment.id)
        if error.retry_after is not None and error.retry_after > 0:
            walk.not_before[deployment.id] = time.monotonic() + error.retry_after
        left: Sequence[Deployment] = [d for d in everyone if d.id not in walk.refused]
        fresh = self.selection.awake([d for d in left if d.id not in walk.failed], self.stats)
        worth = self.retries.tries(error, walk.group, len(everyone), call.options.num_retries, deployment.num_retries)
        if not left or walk.retry >= worth:
            # What this order could do is done; the next one is a fallback, with tries of its own.
            left = [d for d in fresh if d.order > deployment.order]
            if not left or call.options.disable_fallbacks or not self.fallbacks.allow(error):
                return None
            walk.retry = 0
            call.fallbacks += 1
            return left, 0.0
        delay: float | None = 0.0
        if fresh:
            left = fresh
        else:
            left, asked_for = _soonest(left, walk.not_before)
            if (asked_for or isinstance(error, RateLimitError)) and self._elsewhere(call, walk.asked, walk.tried):
                return None
            delay = self._pause(asked_for, walk.retry)
        if delay is None or (call.deadline is not None and time.monotonic() + delay >= call.deadline):
            return None
        walk.retry += 1
        call.retries += 1
        self.stats.retries += 1
        return left, delay

    def _pause(self, asked_for: float, retry: int) -> float | None:
        """Seconds until a deployment that has failed is asked again; None if it should not be."""
        delay = self.retries.delay(asked_for, retry, self.stats.random)
        return delay if delay is not None and self.budget.take(time.monotonic()) else None

    def _elsewhere(self, call: Call, asked: str, tried: set[str]) -> bool:
        """Whether some fallback has not been tried yet."""
        if call.options.disable_fallbacks or call.fallbacks >= self.fallbacks.limit:
            return False
        return any(f.model not in tried for f in self.fallbacks.after(None, asked, call.options.fallbacks))

    def all_rest(self, call: Call, resting: Sequence[Deployment]) -> RateLimitError:
        """What a caller is told whose group rests altogether, if its fallbacks fail too."""
        seconds = min(self.stats.cooldowns.remaining(d.id) for d in resting)
        return RateLimitError(
            f"All deployments of model {call.group!r} rest after failures. Try again in {seconds:.0f} seconds.",
            retry_after=max(seconds, 1.0),
        )


@dataclass(slots=True)
class _Walk:
    """What a call has tried of a group, from its first failure there on. Deployments by their ids."""

    group: str
    everyone: Sequence[Deployment]
    """All that may have the call."""
    asked: str
    """The group that the client named."""
    tried: set[str]
    """The groups that were asked so far."""
    failed: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    """Those that have refused their credential."""
    not_before: dict[str, float] = field(default_factory=dict)
    """When a vendor that has asked for a pause may be asked again; monotonic."""
    retry: int = 0


def _soonest(left: Sequence[Deployment], not_before: Mapping[str, float]) -> tuple[Sequence[Deployment], float]:
    """Those that may be asked again first, and the seconds until their vendors want to be; 0 if none asked for a pause.

    A vendor that named a time is not asked before it by the call that was told, whatever came in between.
    """
    if not not_before:
        return left, 0.0
    now = time.monotonic()
    ready = [d for d in left if not_before.get(d.id, 0.0) <= now]
    if ready:
        return ready, 0.0
    first = min(left, key=lambda d: not_before[d.id])
    return [first], not_before[first.id] - now
