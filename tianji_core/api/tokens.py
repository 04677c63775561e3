"""Access tokens that are fetched, kept and renewed in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

RENEW_EARLY = 120.0
"""Seconds before its end at which a token is replaced: calls under way must not lose it."""


class Token(NamedTuple):
    """An access token (RFC 6749 §5.1) and the seconds it is good for."""

    value: str
    expires_in: float


class TokenCache:
    """One credential's token. Many calls that need a new one at once wait for one fetch.

    `fetch` is handed over with each call, since it usually needs the network that the call was lent. What it raises
    reaches every waiting caller, and the next one tries again.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._value = ""
        self._good_until = 0.0
        self._fetching: asyncio.Task[Token] | None = None

    async def get(self, fetch: Callable[[], Awaitable[Token]]) -> str:
        """A token that is good for a while."""
        if self._clock() < self._good_until:
            return self._value
        if self._fetching is None or self._fetching.get_loop() is not asyncio.get_running_loop():
            self._fetching = asyncio.ensure_future(self._fetch(fetch))
            self._fetching.add_done_callback(_seen)
        # Shielded: a caller that goes away must not take the others' token with it.
        return (await asyncio.shield(self._fetching)).value

    async def _fetch(self, fetch: Callable[[], Awaitable[Token]]) -> Token:
        try:
            token = await fetch()
            # A short-lived token is used for half its life rather than not at all.
            self._good_until = self._clock() + max(token.expires_in - RENEW_EARLY, token.expires_in / 2)
            self._value = token.value
            return token
        finally:
            self._fetching = None


def _seen(task: asyncio.Task[Token]) -> None:
    """Look at a failure, which asyncio would else report as one that nobody saw if all who waited have left."""
    if not task.cancelled():
        task.exception()
