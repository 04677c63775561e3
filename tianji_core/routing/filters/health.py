"""Deployments that have failed their health check."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tianji_core.api.errors import GatewayError, ServiceUnavailableError
from tianji_core.routing.deployment import Deployment
from tianji_core.routing.filters.contract import Filter, RoutedCall
from tianji_core.routing.stats import Stats

TRANSIENT = frozenset({408, 429})


class HealthFilter(Filter):
    """Leaves out deployments whose newest check failed, if it is not older than `fresh` seconds. If all have failed,
    all stay: a check may be wrong. With `forgives`, failures that pass by themselves do not count."""

    reason = "failed its health check"

    def __init__(self, fresh: float, *, forgives: bool = False) -> None:
        self._fresh = fresh
        self._forgives = forgives

    def keep(self, candidates: Sequence[Deployment], call: RoutedCall, stats: Stats) -> Sequence[Deployment]:
        if not stats.checked:
            return candidates
        oldest = time.time() - self._fresh
        return [d for d in candidates if not self._is_ill(d, stats, oldest)] or candidates

    def refusal(self, candidates: Sequence[Deployment], call: RoutedCall, stats: Stats) -> GatewayError:
        return ServiceUnavailableError(f"No deployment of model {call.model!r} is healthy.")

    def _is_ill(self, deployment: Deployment, stats: Stats, oldest: float) -> bool:
        checked = stats.checked.get(deployment.id)
        if checked is None or checked.healthy is not False or checked.at < oldest:
            return False
        return not (self._forgives and checked.status in TRANSIENT)
