"""What this process has seen of its deployments, for the strategies to go by."""

from __future__ import annotations

import time
from random import Random

from tianji_core.api.routing import DeploymentStats

TIMEOUT_PENALTY = 1000.0
"""Seconds that a time-out counts as among the latency samples."""


class Stats:
    """Numbers per deployment, kept over reloads by deployment id. The gateway writes, strategies read (`Snapshot`)."""

    def __init__(self, samples: int = 10, random: Random | None = None) -> None:
        self.random = random if random is not None else Random()  # noqa: S311 - spreads load, guards nothing
        self._samples = samples
        self._stats: dict[str, DeploymentStats] = {}

    @property
    def now(self) -> float:
        return time.monotonic()

    def stats(self, deployment_id: str) -> DeploymentStats:
        found = self._stats.get(deployment_id)
        if found is None:
            found = self._stats[deployment_id] = DeploymentStats(self._samples)
        return found

    def succeeded(self, stats: DeploymentStats, seconds: float, output_tokens: int, first_token: float | None) -> None:
        """Count a success; `first_token` is given for streams."""
        stats.successes += 1
        now = time.monotonic()
        if first_token is not None:
            stats.first_token.append((now, first_token))
        stats.latencies.append((now, seconds / output_tokens if output_tokens > 0 else seconds))

    def failed(self, stats: DeploymentStats, *, timed_out: bool) -> None:
        """Count a failure; a time-out also weighs on the latency."""
        stats.failures += 1
        if timed_out:
            now = time.monotonic()
            stats.latencies.append((now, TIMEOUT_PENALTY))
            stats.first_token.append((now, TIMEOUT_PENALTY))

    def forget_all_but(self, ids: set[str]) -> None:
        """Drop deployments that a reload took out of the config."""
        for identifier in self._stats.keys() - ids:
            del self._stats[identifier]
