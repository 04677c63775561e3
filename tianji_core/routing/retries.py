"""How often a call is tried, and how long to wait in between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from tianji_core.api.errors import (
    AuthenticationError,
    ContentPolicyViolationError,
    ContextWindowExceededError,
    GatewayError,
    GuardrailBlockedError,
    PermissionDeniedError,
)
from tianji_core.routing.by_error import ByError, number_for

MAX_RETRY_AFTER = 60.0
"""Seconds: a vendor that asks for a longer pause is not waited for."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`num_retries` tries after the first, unless the request, a policy or the deployment says otherwise.

    `retry_after` is the least pause. Where nothing better is known the pause doubles from `initial_delay` up to
    `max_delay`; up to `jitter` seconds are added, so that clients that failed together do not come back together.
    All in seconds. `by_error` and `by_group` are the policies: further tries by the class of the error.
    """

    num_retries: int = 2
    retry_after: float = 0.0
    initial_delay: float = 0.5
    max_delay: float = 8.0
    jitter: float = 0.75
    by_error: ByError = field(default_factory=dict)
    by_group: Mapping[str, ByError] = field(default_factory=dict)

    def tries(self, error: GatewayError, group: str, group_size: int, asked: int | None, own: int | None) -> int:
        """How many further tries this error is worth; 0 if none can help.

        `asked` is what the request says, `own` what the deployment does. A refused credential is tried again only where
        the group has another one; an error that a policy names is tried again whatever it is.
        """
        policy = None
        if self.by_error or self.by_group:
            policy = number_for(self.by_group.get(group, {}), error)
            if policy is None:
                policy = number_for(self.by_error, error)
        if isinstance(error, GuardrailBlockedError) or (not policy and not _may_help(error, group_size)):
            return 0
        return next((number for number in (asked, policy, own) if number is not None), self.num_retries)

    def delay(self, asked: float, retry: int, random: Random) -> float | None:
        """Seconds to wait before retry number `retry` (from 0) at a deployment that has failed already.

        `asked` is what its vendor asked for, 0 if nothing. None if that is longer than anybody waits.
        """
        jitter = self.jitter * random.random()
        if asked > 0:
            return asked + jitter if asked <= MAX_RETRY_AFTER else None
        return max(self.retry_after, min(self.max_delay, self.initial_delay * 2.0 ** min(retry, 60))) + jitter


def _may_help(error: GatewayError, group_size: int) -> bool:
    if isinstance(error, (ContextWindowExceededError, ContentPolicyViolationError)):
        return False
    if isinstance(error, (AuthenticationError, PermissionDeniedError)):
        return group_size > 1
    return error.retryable


class RetryBudget:
    """Keeps the retries at deployments that have just failed to a share of the live calls.

    Without it an outage of a vendor is met with as many times the load as there are tries. `least` retries in each
    window are free, so that a gateway with few calls has some at all. A try at a deployment that has not failed is no
    retry of this kind.
    """

    WINDOW = 5.0
    """Seconds; the running window and the one before it count."""

    def __init__(self, share: float = 0.2, least: int = 10) -> None:
        self._share = share
        self._least = least
        self._ends = 0.0
        self._calls = self._calls_before = 0
        self._retries = self._retries_before = 0

    def called(self, now: float) -> None:
        """A call has come; `now` is monotonic."""
        if now >= self._ends:
            self._turn(now)
        self._calls += 1

    def take(self, now: float) -> bool:
        """Room for one retry; False if there is none."""
        if now >= self._ends:
            self._turn(now)
        allowed = max(self._least, self._share * (self._calls + self._calls_before))
        if self._retries + self._retries_before >= allowed:
            return False
        self._retries += 1
        return True

    def _turn(self, now: float) -> None:
        follows = now < self._ends + self.WINDOW
        self._calls_before = self._calls if follows else 0
        self._retries_before = self._retries if follows else 0
        self._calls = self._retries = 0
        self._ends = now + self.WINDOW
