"""What this process has seen of its deployments, for the strategies to go by."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from random import Random
from typing import NamedTuple, Protocol

from tianji_core.api.errors import GatewayError
from tianji_core.api.routing import DeploymentStats
from tianji_core.routing.cooldown import Cooldowns, is_illness

TIMEOUT_PENALTY = 1000.0
"""Seconds that a time-out counts as among the latency samples."""


class Checked(NamedTuple):
    """What a health check has found. `healthy` is None where there was nothing to ask; `error` says why, then too.

    `at` is in Unix seconds, `seconds` how long it took, `status` that of the vendor's answer.
    """

    deployment_id: str
    healthy: bool | None
    at: float
    seconds: float
    status: int | None
    error: str | None


class Identified(Protocol):
    """A deployment, as far as its numbers are concerned."""

    @property
    def id(self) -> str: ...


class Stats:
    """Numbers per deployment, kept over reloads by deployment id. The gateway writes, strategies read (`Snapshot`)."""

    def __init__(self, samples: int = 10, random: Random | None = None) -> None:
        self.random = random if random is not None else Random()  # noqa: S311 - spreads load, guards nothing
        self._samples = samples
        self._stats: dict[str, DeploymentStats] = {}
        self.cooldowns = Cooldowns()
        self.checked: dict[str, Checked] = {}
        """The newest health check of each deployment that had one."""
        self.retries = 0
        """Tries of a group after its first one failed, since the process began."""
        self.fallbacks = 0
        """Other groups that were asked after a failure, likewise."""
        self._minute, self._began, self._ends = 0, 0.0, 0.0  # the running minute, in Unix seconds

    @property
    def now(self) -> float:
        return time.monotonic()

    def stats(self, deployment_id: str) -> DeploymentStats:
        """What is known of a deployment; a minute that has begun since begins at nothing."""
        if not self._began <= time.time() < self._ends:
            self._begin_minute()
        return self._row(deployment_id)

    def of(self, deployments: Iterable[Identified]) -> list[DeploymentStats]:
        """The same of many, which is quicker."""
        if not self._began <= time.time() < self._ends:
            self._begin_minute()
        return [self._row(deployment.id) for deployment in deployments]

    def _begin_minute(self) -> None:
        now = time.time()
        self._began = now // 60.0 * 60.0
        self._ends = self._began + 60.0
        self._minute = int(now) // 60

    def _row(self, deployment_id: str) -> DeploymentStats:
        try:
            found = self._stats[deployment_id]
        except KeyError:
            found = self._stats[deployment_id] = DeploymentStats(self._samples)
        if found.minute != self._minute:
            found.minute = self._minute
            found.requests = found.tokens = found.failed = 0
        return found

    def copied(self) -> Stats:
        """The same numbers, for who wants to look and must not change any; cooldowns can be read."""
        copy = Stats(self._samples)
        copy.cooldowns = self.cooldowns
        for identifier in list(self._stats):
            seen, mine = self.stats(identifier), DeploymentStats(self._samples)
            for name in DeploymentStats.__slots__:
                value = getattr(seen, name)
                setattr(mine, name, value.copy() if isinstance(value, deque) else value)
            copy._stats[identifier] = mine
        return copy

    def keep(self, samples: int) -> None:
        """Keep so many samples of each deployment from now on; the newest of those there are stay."""
        if samples == self._samples:
            return
        self._samples = samples
        for stats in self._stats.values():
            stats.latencies = deque(stats.latencies, samples)
            stats.first_token = deque(stats.first_token, samples)

    def began(self, deployment_id: str) -> None:
        """Count a try that goes out now. One of the next three has to follow."""
        stats = self.stats(deployment_id)
        stats.in_flight += 1
        stats.requests += 1
        if self.cooldowns.resting:
            self.cooldowns.began(deployment_id)

    def succeeded(
        self, deployment_id: str, seconds: float, output_tokens: int, first_token: float | None, tokens: int = 0
    ) -> None:
        """Count a success; `first_token` is given for streams, `tokens` are those of prompt and answer."""
        stats = self.stats(deployment_id)
        stats.in_flight -= 1
        stats.successes += 1
        stats.tokens += tokens
        stats.failed_in_a_row = 0
        now = time.monotonic()
        if first_token is not None:
            stats.first_token.append((first_token, now))
        stats.latencies.append((seconds / output_tokens if output_tokens > 0 else seconds, now))
        if self.cooldowns.resting:
            self.cooldowns.succeeded(deployment_id)

    def failed(self, deployment_id: str, error: GatewayError, *, blames: bool = True) -> None:
        """Count a failure; a time-out also weighs on the latency. `blames`: whether it is the deployment's fault."""
        stats = self.stats(deployment_id)
        stats.in_flight -= 1
        stats.failures += 1
        if blames and is_illness(error):
            stats.failed += 1
            stats.failed_in_a_row += 1
            self.cooldowns.failed(deployment_id, stats, error)
        elif self.cooldowns.resting:
            self.cooldowns.gave_up(deployment_id)
        if error.http_status == 408:
            now = time.monotonic()
            stats.latencies.append((TIMEOUT_PENALTY, now))
            stats.first_token.append((TIMEOUT_PENALTY, now))

    def gave_up(self, deployment_id: str) -> None:
        """A try that nobody waits for any more: it says nothing of the deployment."""
        self.stats(deployment_id).in_flight -= 1
        if self.cooldowns.resting:
            self.cooldowns.gave_up(deployment_id)

    def forget_all_but(self, ids: set[str]) -> None:
        """Drop deployments that a reload took out of the config."""
        for identifier in self._stats.keys() - ids:
            del self._stats[identifier]
        for identifier in self.checked.keys() - ids:
            del self.checked[identifier]
        self.cooldowns.forget_all_but(ids)
