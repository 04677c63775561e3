"""How often a call is tried, and how long to wait in between."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tianji_core.api.errors import (
    AuthenticationError,
    ContentPolicyViolationError,
    ContextWindowExceededError,
    GatewayError,
    PermissionDeniedError,
)

MAX_RETRY_AFTER = 60.0
"""Seconds: a vendor that asks for a longer pause is not waited for."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`num_retries` tries after the first, unless the request or the deployment says otherwise; seconds for the rest.

    `retry_after` is the least pause. Where nothing better is known the pause doubles from `initial_delay` up to
    `max_delay`; up to `jitter` seconds are added, so that clients that failed together do not come back together.
    """

    num_retries: int = 2
    retry_after: float = 0.0
    initial_delay: float = 0.5
    max_delay: float = 8.0
    jitter: float = 0.75

    def may_retry(self, error: GatewayError, group_size: int) -> bool:
        """Whether another try can help. A refused credential is retried only where the group has another one."""
        if isinstance(error, (ContextWindowExceededError, ContentPolicyViolationError)):
            return False
        if isinstance(error, (AuthenticationError, PermissionDeniedError)):
            return group_size > 1
        return error.retryable

    def delay(self, error: GatewayError, retry: int, others_left: bool, random: Random) -> float:
        """Seconds to wait before retry number `retry` (from 0); none if another deployment can be asked."""
        if others_left:
            return 0.0
        jitter = self.jitter * random.random()
        asked = error.retry_after
        if asked is not None and 0 < asked <= MAX_RETRY_AFTER:
            return asked + jitter
        return max(self.retry_after, min(self.max_delay, self.initial_delay * 2.0 ** min(retry, 60))) + jitter
