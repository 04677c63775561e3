"""The routing strategy `latency-based-routing`: the deployment that has answered fastest lately."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from tianji_core import hookimpl
from tianji_core.api.call import CallView
from tianji_core.api.routing import Deployment, DeploymentStats, RoutingStrategy, Snapshot

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

NAME = "latency-based-routing"


class LatencySettings(BaseModel):
    """The keys of `routing_strategy_args`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ttl: float = Field(3600, gt=0, description="Seconds after which a sample no longer counts")
    lowest_latency_buffer: float = Field(
        0, ge=0, description="How much slower than the best a deployment may be and still be picked; 0.5 is 50 %"
    )
    max_latency_list_size: int = Field(10, ge=1, le=10_000, description="Samples kept for each deployment")
    ttft_percentile: float | None = Field(
        None,
        gt=0,
        le=100,
        description="Percentile of the times to first token in place of their mean; 0.9 and 90 are the same",
    )


class LatencyBased(RoutingStrategy):
    """Picks at random among the deployments whose recent latency is within the buffer of the best one's.

    The latency of a deployment is the mean of its samples: seconds per output token, or for streams seconds to the
    first token. One without samples counts as 0, so it is tried next, by one call: until that is over, the others wait
    for what it says, if there is anywhere else to go.
    """

    respects_limits = True

    def __init__(self, settings: LatencySettings) -> None:
        self.samples = settings.max_latency_list_size
        self._ttl = settings.ttl
        self._slack = 1.0 + settings.lowest_latency_buffer
        share = settings.ttft_percentile
        self._share = share / 100 if share is not None and share > 1 else share

    def pick(self, candidates: Sequence[Deployment], call: CallView, snapshot: Snapshot) -> Deployment:
        """One of `candidates`; ties and near ties (the buffer) are broken by `snapshot.random`."""
        if len(candidates) == 1:
            return candidates[0]
        stream = call.stream
        oldest = snapshot.now - self._ttl
        stats = snapshot.stats
        latencies = [self._latency(stats(candidate.id), stream, oldest) for candidate in candidates]
        limit = min(latencies) * self._slack
        fast = [i for i, latency in enumerate(latencies) if latency <= limit]
        return candidates[fast[0] if len(fast) == 1 else fast[int(snapshot.random.random() * len(fast))]]

    def _latency(self, stats: DeploymentStats, stream: bool, oldest: float) -> float:
        """Seconds; without a sample that counts 0.0, or infinite if a call that will bring one is under way.

        A stream falls back on the other samples while it has none of its own: a deployment that only ever timed out
        must not look new.
        """
        if stream:
            share = self._share
            if share is not None:
                values = sorted([value for value, taken in self._newest(stats.first_token) if taken >= oldest])
                if values:
                    return values[ceil(share * len(values)) - 1]
            else:
                total, count = 0.0, 0
                for value, taken in self._newest(stats.first_token):
                    if taken >= oldest:
                        total += value
                        count += 1
                if count:
                    return total / count
        total, count = 0.0, 0
        for value, taken in self._newest(stats.latencies):
            if taken >= oldest:
                total += value
                count += 1
        if count:
            return total / count
        return inf if stats.in_flight > 0 else 0.0

    def _newest(self, samples: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
        """As many as this strategy asks for: one beside it may have more of them kept."""
        return samples if len(samples) <= self.samples else list(samples)[-self.samples :]


@hookimpl
def tianji_register_routing_strategies(register: Register) -> None:
    register(NAME, LatencyBased, settings=LatencySettings)
