"""Cooldown: deployments that fail are left alone for a while, and then tried by one call before all others return.

What is decided here is told to the other replicas (`on_change`); a probe is each replica's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tianji_core.api.errors import GatewayError
from tianji_core.api.routing import DeploymentStats
from tianji_core.routing.by_error import ByError, number_for

ILLNESSES = frozenset({401, 402, 404, 408, 429})
"""Statuses that say something about the deployment, with all of 500 and above; others are about the request."""
AT_ONCE = frozenset({401, 404, 429})
"""Of those the ones that the next call would meet too."""
IN_A_ROW = 5
"""Failures one after the other that are enough."""
LEAST_REQUESTS = 5
"""Tries of a minute that are enough to speak of a rate of failures; more than half have to fail then."""
PROBE = 10.0
"""Seconds after which a probe that has not come back no longer keeps others from trying."""
LONGEST = 24 * 3600.0
"""Seconds: no vendor is believed that asks for more."""


def is_illness(error: GatewayError) -> bool:
    """Whether an error says something about the deployment, rather than about the request."""
    return error.http_status in ILLNESSES or error.http_status >= 500


@dataclass(frozen=True, slots=True)
class CooldownRules:
    """What the config says of cooldowns; seconds, and deployments by their ids.

    Without `allowed_fails` and `allowed_by_error` the rules of this module hold. With them, a deployment rests once it
    has failed more often than that within its own cooldown time.
    """

    enabled: bool = True
    seconds: float = 5.0
    own_seconds: Mapping[str, float] = field(default_factory=dict)
    allowed_fails: int | None = None
    allowed_by_error: ByError = field(default_factory=dict)
    peers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The other deployments of the same group."""
    with_fallback: frozenset[str] = frozenset()
    """Deployments whose group has somewhere else to go."""

    def seconds_for(self, deployment_id: str, error: GatewayError) -> float:
        """How long a deployment rests after this error; 0 for not at all."""
        own = self.own_seconds.get(deployment_id)
        if own is not None:
            return own
        asked = error.retry_after
        return min(asked, LONGEST) if asked is not None and asked > 0 else self.seconds


@dataclass(slots=True)
class Rest:
    """A deployment that rests `until` a monotonic time. `since` is in Unix seconds; `reason` is the error's class."""

    until: float
    since: float
    seconds: float
    reason: str
    status: int
    probed: float = 0.0
    """When a probe went out that has not come back; monotonic."""


Listener = Callable[[str, Rest | None], None]
"""Is told of a deployment that begins to rest, or with None of one that is well again."""


class Cooldowns:
    """Which deployments rest. Kept over reloads; `rules` are those of the newest config."""

    def __init__(self, rules: CooldownRules | None = None) -> None:
        self.rules = rules if rules is not None else CooldownRules()
        self.resting: dict[str, Rest] = {}
        """Those that rest, and those whose rest is over but that nobody has tried since. Mostly empty."""
        self.begun: dict[tuple[str, int], int] = {}
        """How often a deployment was sent to rest here, by its id and the status of the error that did it."""
        self.on_change: list[Listener] = []
        self._fails: dict[tuple[str, str], tuple[int, float]] = {}

    def rests(self, deployment_id: str) -> bool:
        """Whether a deployment is to be left alone: it rests, or somebody is trying whether it is well again."""
        rest = self.resting.get(deployment_id)
        if rest is None:
            return False
        now = time.monotonic()
        return now < rest.until or now < rest.probed + PROBE

    def remaining(self, deployment_id: str) -> float:
        """Seconds that it will still rest."""
        rest = self.resting.get(deployment_id)
        return 0.0 if rest is None else max(0.0, rest.until - time.monotonic())

    def began(self, deployment_id: str) -> None:
        """A call goes to a deployment. If its rest is over, this is the probe."""
        rest = self.resting.get(deployment_id)
        if rest is not None:
            rest.probed = time.monotonic()

    def gave_up(self, deployment_id: str) -> None:
        """A call has ended that says nothing of the deployment: the next one may try."""
        rest = self.resting.get(deployment_id)
        if rest is not None:
            rest.probed = 0.0

    def succeeded(self, deployment_id: str) -> None:
        """A call was answered: the deployment is well again."""
        if self.resting.pop(deployment_id, None) is not None:
            self._tell(deployment_id, None)

    def failed(self, deployment_id: str, stats: DeploymentStats, error: GatewayError) -> None:
        """A call failed for a reason that lies with the deployment: let it rest, if that was enough.

        The last one of a group that is not resting goes on, unless the group has a fallback.
        """
        rules = self.rules
        if not rules.enabled:
            return
        seconds = rules.seconds_for(deployment_id, error)
        if seconds <= 0 or not self._enough(deployment_id, stats, error, seconds):
            return
        if deployment_id not in rules.with_fallback and all(map(self.rests, rules.peers.get(deployment_id, ()))):
            self.gave_up(deployment_id)
            return
        stats.failed_in_a_row = 0
        rest = Rest(time.monotonic() + seconds, time.time(), seconds, type(error).__name__, error.http_status)
        self.resting[deployment_id] = rest
        begun = (deployment_id, rest.status)
        self.begun[begun] = self.begun.get(begun, 0) + 1
        self._tell(deployment_id, rest)

    def learned(self, deployment_id: str, rest: Rest | None) -> None:
        """What another replica has found out. It is not told on."""
        if rest is None:
            self.resting.pop(deployment_id, None)
        elif deployment_id in self.rules.peers:
            self.resting[deployment_id] = rest

    def forget_all_but(self, ids: set[str]) -> None:
        """Drop deployments that a reload took out of the config."""
        for identifier in self.resting.keys() - ids:
            del self.resting[identifier]
        self.begun = {key: times for key, times in self.begun.items() if key[0] in ids}

    def _enough(self, deployment_id: str, stats: DeploymentStats, error: GatewayError, seconds: float) -> bool:
        rules = self.rules
        if deployment_id in self.resting:
            return True  # the probe, or one that was under way with the one that failed first
        if rules.allowed_fails is not None or rules.allowed_by_error:
            allowed = number_for(rules.allowed_by_error, error)
            kind = "" if allowed is None else type(error).__name__
            if allowed is None:
                allowed = rules.allowed_fails
            return allowed is not None and self._count(deployment_id, kind, seconds) > allowed
        if error.http_status in AT_ONCE or stats.failed_in_a_row >= IN_A_ROW:
            return True
        return stats.requests >= LEAST_REQUESTS and stats.failed * 2 > stats.requests

    def _count(self, deployment_id: str, kind: str, seconds: float) -> int:
        """Failures of a kind, this one included, since the first one that is younger than so many seconds."""
        now = time.monotonic()
        count, ends = self._fails.get((deployment_id, kind), (0, 0.0))
        if now >= ends:
            count, ends = 0, now + seconds
        self._fails[deployment_id, kind] = (count + 1, ends)
        return count + 1

    def _tell(self, deployment_id: str, rest: Rest | None) -> None:
        for listener in self.on_change:
            listener(deployment_id, rest)
