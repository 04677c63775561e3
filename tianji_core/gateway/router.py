"""Where a call goes: the group that the client named, its deployments one after the other, then its fallbacks."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, cast

from tianji_core.api.errors import BadRequestError, GatewayError, GuardrailBlockedError
from tianji_core.api.routing import RoutingStrategy
from tianji_core.gateway.body import overridden
from tianji_core.gateway.call import Call
from tianji_core.gateway.guardrails import GuardrailChain
from tianji_core.gateway.reply import Reply, StreamReply
from tianji_core.routing import Deployment, Fallbacks, ModelTable, RetryPolicy, Stats, Target


class Tries(Protocol):
    """Who makes the single tries: the pipeline."""

    @property
    def guardrails(self) -> GuardrailChain: ...
    async def attempt(self, call: Call, target: Target, deployment: Deployment) -> Reply | StreamReply: ...


@dataclass(frozen=True, slots=True)
class Router:
    """What choosing a deployment goes by, compiled from the config."""

    models: ModelTable
    strategy: RoutingStrategy
    stats: Stats
    retries: RetryPolicy
    fallbacks: Fallbacks

    def limited_to(
        self, wanted: Callable[[Deployment], bool], refusal: Callable[[str], GatewayError] | None = None
    ) -> Router:
        """The same for a call that may go to some deployments only; see `ModelTable.only`."""
        return replace(self, models=self.models.only(wanted, refusal))

    async def run(self, call: Call, tries: Tries) -> Reply | StreamReply:
        """Ask the group that the client named, then its fallbacks."""
        asked = call.model
        try:
            return await self._try_group(call, asked, tries)
        except GatewayError as error:
            if call.options.disable_fallbacks:
                raise
            last = error
        tried = {asked}
        body = call.body
        for fallback in self.fallbacks.after(last, asked, call.options.fallbacks):
            if fallback.model in tried or call.fallbacks >= self.fallbacks.limit:
                continue
            tried.add(fallback.model)
            call.fallbacks += 1
            call.body = body
            try:
                if not fallback.overrides:
                    return await self._try_group(call, fallback.model, tries)
                # Nobody has judged this body yet.
                call.body = overridden(body, fallback.overrides, call.operation)
                call.native = None
                await tries.guardrails.before(call)
                return await tries.guardrails.during(call, self._try_group(call, fallback.model, tries))
            except GuardrailBlockedError:
                raise
            except GatewayError as error:
                last = error
        call.body = body
        try:
            raise last
        finally:
            del last  # or the error, its traceback and this frame, which holds the request, would hold one another

    async def _try_group(self, call: Call, name: str, tries: Tries) -> Reply | StreamReply:
        """Try the deployments of one group until one answers or the tries are used up."""
        target = self.models.resolve(name)
        if target is None:
            raise BadRequestError(
                f"Invalid model name passed in model={name}. Call `/v1/models` to view available models for your key."
            )
        call.group = name
        candidates = everyone = target.deployments
        if call.kept is not None:
            candidates = everyone = tuple(call.kept.best(everyone))
        failed: set[str] = set()
        refused: set[str] = set()
        for retry in itertools.count():
            deployment = self._pick(candidates, call)
            try:
                return await tries.attempt(call, target, deployment)
            except GatewayError as error:
                if retry >= self._tries(call, deployment) or not self.retries.may_retry(error, len(everyone)):
                    raise
                # The same credential would be refused again; what merely failed is asked again, but last.
                (failed if error.retryable else refused).add(deployment.id)
                left = [d for d in everyone if d.id not in refused]
                if not left:
                    raise
                fresh = [d for d in left if d.id not in failed]
                candidates = tuple(fresh or left)
                delay = self.retries.delay(error, retry, bool(fresh), self.stats.random)
            call.retries += 1
            if delay > 0:
                await asyncio.sleep(delay)
        raise AssertionError("unreachable")

    def _pick(self, candidates: Sequence[Deployment], call: Call) -> Deployment:
        """The strategy's choice among the candidates of the lowest `order`; they come sorted by it."""
        if len(candidates) == 1:
            return candidates[0]
        if candidates[-1].order != candidates[0].order:
            candidates = [d for d in candidates if d.order == candidates[0].order]
            if len(candidates) == 1:
                return candidates[0]
        return cast(Deployment, self.strategy.pick(candidates, call, self.stats))

    def _tries(self, call: Call, deployment: Deployment) -> int:
        """Tries after the first: as the request, else the deployment, else the router says."""
        if call.options.num_retries is not None:
            return call.options.num_retries
        if deployment.num_retries is not None:
            return deployment.num_retries
        return self.retries.num_retries
