"""The routing strategies `usage-based-routing` and `usage-based-routing-v2`: who has been used least in this minute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from tianji_core import hookimpl
from tianji_core.api.call import CallView
from tianji_core.api.routing import Deployment, DeploymentStats, RoutingStrategy, Snapshot

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

NAME = "usage-based-routing"
NAME_V2 = "usage-based-routing-v2"


class UsageSettings(BaseModel):
    """The keys of `routing_strategy_args`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ttl: float = Field(
        60, gt=0, description="Taken for compatibility and without effect: counted is the running minute of UTC"
    )
    relative_to_limits: bool = Field(
        False, description="Compare the used share of rpm and tpm, whichever is more, in place of tokens"
    )


class UsageBased(RoutingStrategy):
    """Picks at random among the deployments with the fewest tokens in the running minute of UTC."""

    respects_limits = True

    def __init__(self, settings: UsageSettings) -> None:
        self._relative = settings.relative_to_limits

    def pick(self, candidates: Sequence[Deployment], call: CallView, snapshot: Snapshot) -> Deployment:
        """One of `candidates`; ties are broken by `snapshot.random`."""
        seen = [snapshot.stats(candidate.id) for candidate in candidates]
        used = self._tokens(seen)
        if self._relative:
            used = [_share(d, s.requests, tokens) for d, s, tokens in zip(candidates, seen, used, strict=True)]
        least = min(used)
        found = [i for i, amount in enumerate(used) if amount == least]
        return candidates[found[0] if len(found) == 1 else found[int(snapshot.random.random() * len(found))]]

    def _tokens(self, seen: Sequence[DeploymentStats]) -> Sequence[float]:
        return [stats.tokens for stats in seen]


class UsageBasedV2(UsageBased):
    """The same, but calls in flight count too, each with the mean tokens of this minute's finished calls.

    Tokens are known when a call is over. Without this, all calls of a burst would go to one deployment.
    """

    def _tokens(self, seen: Sequence[DeploymentStats]) -> Sequence[float]:
        tokens, in_flight = [stats.tokens for stats in seen], [stats.in_flight for stats in seen]
        under_way = sum(in_flight)
        if not under_way:
            return tokens
        finished = sum([stats.requests for stats in seen]) - under_way
        mean = sum(tokens) / finished if finished > 0 else 0.0
        mean = mean or 1.0  # nothing is known yet: calls in flight alone tell them apart
        return [known + mean * calls for known, calls in zip(tokens, in_flight, strict=True)]


def _share(deployment: Deployment, requests: int, tokens: float) -> float:
    """The used share of the limit that is nearer; 0 without limits. One of 0 is kept from every strategy anyway."""
    rpm, tpm = deployment.rpm, deployment.tpm
    return max(requests / rpm if rpm else 0.0, tokens / tpm if tpm else 0.0)


@hookimpl
def tianji_register_routing_strategies(register: Register) -> None:
    register(NAME, UsageBased, settings=UsageSettings)
    register(NAME_V2, UsageBasedV2, settings=UsageSettings)
