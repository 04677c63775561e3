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

Sample = tuple[float, float]
"""A value in seconds, and the monotonic time it was taken at."""
_Known = dict[str, tuple[Sample, Sample, float]]
"""By deployment the latency that was worked out, and the first and the last of the samples that it is of."""


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
        self._known: tuple[_Known, _Known] = {}, {}

    def pick(self, candidates: Sequence[Deployment], call: CallView, snapshot: Snapshot) -> Deployment:
        """One of `candidates`; ties and near ties (the buffer) are broken by `snapshot.random`."""
        if len(candidates) == 1:
            return candidates[0]
        stream = call.stream
        oldest = snapshot.now - self._ttl
        stats = snapshot.stats
        known = self._known[stream]
        latencies = []
        for deployment in candidates:
            identifier = deployment.id
            seen = stats(identifier)
            samples = seen.first_token if stream else seen.latencies
            if samples and identifier in known:
                first, last, latency = known[identifier]
                if samples[-1] is last and samples[0] is first and first[1] >= oldest:  # no sample has come since
                    latencies.append(latency)
                    continue
            latencies.append(self._latency(identifier, seen, stream, oldest))
        limit = min(latencies) * self._slack
        fast = [i for i, latency in enumerate(latencies) if latency <= limit]
        return candidates[fast[0] if len(fast) == 1 else fast[int(snapshot.random.random() * len(fast))]]

    def _latency(self, deployment_id: str, stats: DeploymentStats, stream: bool, oldest: float) -> float:
        """Seconds; without a sample that counts 0.0, or infinite if a call that will bring one is under way.

        A stream falls back on the other samples while it has none of its own: a deployment that only ever timed out
        must not look new.
        """
        samples = stats.first_token if stream else stats.latencies
        if samples:
            first, last = samples[0], samples[-1]
            found = self._worked_out(samples, self._share if stream else None, oldest)
            if found is not None:
                if first[1] >= oldest:
                    self._known[stream][deployment_id] = first, last, found
                return found
        if stream:
            return self._latency(deployment_id, stats, False, oldest)
        return inf if stats.in_flight > 0 else 0.0

    def _worked_out(self, samples: Sequence[Sample], share: float | None, oldest: float) -> float | None:
        """The mean, or a percentile, of the newest samples that are not too old; None if there is none.

        Not more than this strategy asks for: one beside it may have more of them kept.
        """
        values = [value for value, taken in samples if taken >= oldest][-self.samples :]
        if not values:
            return None
        return sum(values) / len(values) if share is None else sorted(values)[ceil(share * len(values)) - 1]


@hookimpl
def tianji_register_routing_strategies(register: Register) -> None:
    register(NAME, LatencyBased, settings=LatencySettings)
