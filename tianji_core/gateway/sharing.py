"""What replicas tell one another about deployments: which ones rest, and how much of a minute is used.

Nothing of it is on a call's way. News of a rest go out as it begins or ends, and are kept until it is over for a
replica that starts later. Requests and tokens of the running minute are added up once in a while.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

import orjson

from tianji_core.routing import Stats
from tianji_core.routing.cooldown import Rest
from tianji_core.state import State

CHANNEL = "cooldowns"
EVERY = 1.0
"""Seconds between two rounds of adding up."""
KEPT = 130.0
"""Seconds that a minute's counters are kept."""


class RoutingShare:
    """One gateway's part in it. Of no use, and no cost, where the state is this process's own."""

    def __init__(self, state: State, stats: Stats, ids: Sequence[str], counted: Sequence[str]) -> None:
        """`ids` are all deployments, `counted` those whose use of the minute matters to routing."""
        self._state = state
        self._stats = stats
        self._ids = tuple(ids)
        self._counted = tuple(counted)
        self._me = uuid.uuid4().hex
        self._handed_in: dict[str, tuple[int, int, int]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._end: Callable[[], None] = _nothing

    async def start(self) -> None:
        """Listen to the others, and learn what they know already."""
        if not self._state.shared:
            return
        self._end = self._state.subscribe(CHANNEL, self._heard, self._catch_up_soon)
        self._stats.cooldowns.on_change.append(self._changed)
        self._catch_up_soon()
        if self._counted:
            self._spawn(self._add_up())

    def close(self) -> None:
        """Another gateway does this from now on, or nobody."""
        self._end()
        self._end = _nothing
        with suppress(ValueError):
            self._stats.cooldowns.on_change.remove(self._changed)
        for task in self._tasks:
            task.cancel()

    # -- who rests

    def _changed(self, deployment_id: str, rest: Rest | None) -> None:
        news: dict[str, object] = {"id": deployment_id, "from": self._me}
        seconds = None
        if rest is not None:
            seconds = max(0.0, rest.until - time.monotonic())
            news |= {"seconds": seconds, "since": rest.since, "reason": rest.reason, "status": rest.status}
        message = orjson.dumps(news)
        self._state.publish(CHANNEL, message)
        self._spawn(self._keep(deployment_id, message, seconds))

    async def _keep(self, deployment_id: str, message: bytes, seconds: float | None) -> None:
        key = _key(deployment_id)
        if seconds is None:
            await self._state.delete([key])
        elif seconds > 0:
            # What is read later says when it began: the rest that is left goes by that.
            await self._state.set(key, message, seconds)

    def _heard(self, message: bytes) -> None:
        news = orjson.loads(message)
        if news["from"] != self._me:
            self._stats.cooldowns.learned(news["id"], _rest(news, news.get("seconds")))

    def _catch_up_soon(self) -> None:
        self._spawn(self._catch_up())

    async def _catch_up(self) -> None:
        """Learn what is kept of deployments that rest."""
        kept = await self._state.get_many([_key(each) for each in self._ids])
        for message in kept:
            if message is None:
                continue
            news = orjson.loads(message)
            left = news["since"] + news["seconds"] - time.time()
            if left > 0 and news["id"] not in self._stats.cooldowns.resting:
                self._stats.cooldowns.learned(news["id"], _rest(news, left))

    # -- how much is used

    async def _add_up(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            await self.add_up()

    async def add_up(self) -> None:
        """Hand in what this replica has used since the last time, and take over what all have used together."""
        rows, amounts = [], []
        for each in self._counted:
            stats = self._stats.stats(each)
            minute, requests, tokens = self._handed_in.get(each, (0, 0, 0))
            if minute != stats.minute:
                requests = tokens = 0
            now = (stats.minute, stats.requests, stats.tokens)
            rows.append((each, stats, now))
            amounts.append((f"use:{each}:{stats.minute}:requests", float(now[1] - requests), KEPT))
            amounts.append((f"use:{each}:{stats.minute}:tokens", float(now[2] - tokens), KEPT))
        totals = await self._state.add(amounts)
        for index, (each, stats, (minute, requests, tokens)) in enumerate(rows):
            if stats.minute != minute:
                continue
            of_all = int(totals[2 * index]), int(totals[2 * index + 1])
            # What has come in while the state was asked is not in the totals yet.
            stats.requests += of_all[0] - requests
            stats.tokens += of_all[1] - tokens
            self._handed_in[each] = (minute, *of_all)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _nothing() -> None:
    """There is nothing to end."""


def _key(deployment_id: str) -> str:
    return f"cooldown:{deployment_id}"


def _rest(news: dict[str, object], seconds: object) -> Rest | None:
    """The rest that somebody speaks of, by this machine's own clock; None if it is over."""
    if not isinstance(seconds, (int, float)):
        return None
    since, reason, status = news["since"], news["reason"], news["status"]
    assert isinstance(since, (int, float)) and isinstance(status, int)  # noqa: S101, PT018 - our own message
    return Rest(time.monotonic() + seconds, float(since), float(seconds), str(reason), status)
