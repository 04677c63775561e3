"""The limits of a deployment: requests and tokens in a minute, and calls at once."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tianji_core.api.errors import GatewayError, RateLimitError
from tianji_core.routing.deployment import Deployment
from tianji_core.routing.filters.contract import Filter, RoutedCall
from tianji_core.routing.stats import Stats


class LimitFilter(Filter):
    """Leaves out deployments whose `rpm` or `tpm` is used up in this minute, as far as this replica knows.

    A soft limit: calls that are routed at the same moment may go over it together.
    """

    reason = "rpm or tpm used up"

    def keep(self, candidates: Sequence[Deployment], call: RoutedCall, stats: Stats) -> Sequence[Deployment]:
        rows = stats.of(candidates)
        full = [
            d.id
            for d, used in zip(candidates, rows, strict=True)
            if (d.rpm is not None and used.requests >= d.rpm) or (d.tpm is not None and used.tokens >= d.tpm)
        ]
        return [d for d in candidates if d.id not in full] if full else candidates

    def refusal(self, candidates: Sequence[Deployment], call: RoutedCall, stats: Stats) -> GatewayError:
        return minute_used_up(call.model, 60.0 - time.time() % 60.0)


class ParallelFilter(Filter):
    """Leaves out deployments that have `max_parallel_requests` calls under way in this process."""

    reason = "max_parallel_requests"

    def keep(self, candidates: Sequence[Deployment], call: RoutedCall, stats: Stats) -> Sequence[Deployment]:
        return [d for d in candidates if d.max_parallel is None or stats.stats(d.id).in_flight < d.max_parallel]

    def refusal(self, candidates: Sequence[Deployment], call: RoutedCall, stats: Stats) -> GatewayError:
        return RateLimitError(
            f"All deployments of model {call.model!r} have as many calls under way as they may.", retry_after=1.0
        )


def minute_used_up(model: str, seconds: float) -> RateLimitError:
    """What a caller is told whose model has no room in this minute, with the seconds until there may be some."""
    return RateLimitError(
        f"All deployments of model {model!r} have used up their requests or tokens of this minute.",
        retry_after=seconds,
    )
