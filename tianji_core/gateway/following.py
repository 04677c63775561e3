"""Rules of the store, as they are put in force here: those changed here at once, those of other replicas soon."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from tianji_core.store import Store, StoreUnavailableError
from tianji_core.telemetry import get_logger

if TYPE_CHECKING:
    from tianji_core.store.rules import Family, Kept, Rule

log = get_logger("tianji.rules")

LOOK_EVERY = 3.0
"""Seconds between two looks for what other replicas have changed, give or take half: one small query."""
SELDOM = 30.0
"""The same while the store is away."""


class Following:
    """Keeps rules in force. What cannot be read stays as it was."""

    def __init__(self, store: Store, takers: Mapping[Family, Callable[[Kept], None]]) -> None:
        """`takers` put the rules of a family in force."""
        self._store = store
        self._takers = takers
        self._seen: dict[Family, Kept] = {}
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def begin_with(self, before: Following) -> None:
        """Put in force what the gateway before had, until the store says more."""
        if before._store is self._store:
            for family, kept in before._seen.items():
                if family in self._takers:
                    self._take(family, kept)

    async def start(self) -> None:
        """Put in force what the store has, and keep looking. Needs a running loop."""
        await self.look()
        self._task = asyncio.get_running_loop().create_task(self._follow())

    async def look(self) -> bool:
        """See whether something has changed; False if the store is away, which has been logged then."""
        if not self._store.in_use:
            return True
        try:
            opened = await self._store.ready()
            revisions = await opened.rules.revisions()
            for family in self._takers:
                seen = self._seen.get(family)
                if seen is None or seen.revision != revisions[family]:
                    async with self._turn:
                        self._take(family, await opened.rules.read(family))
        except StoreUnavailableError:
            return False
        return True

    async def change(self, family: Family, change: Callable[[Kept], tuple[Rule, ...]]) -> Kept:
        """Change the rules of a family, here at once and for all. Raises StoreUnavailableError, and what `change`
        raises."""
        opened = await self._store.ready()
        async with self._turn:
            kept = await opened.rules.change(family, change)
            self._take(family, kept)
        return kept

    async def kept(self, family: Family) -> Kept:
        """The rules of a family as they are in the store, and in force here from now on."""
        await self.look()
        from tianji_core.store.rules import Kept

        return self._seen.get(family, Kept())

    async def aclose(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _follow(self) -> None:
        pause = LOOK_EVERY
        while True:
            await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - nothing secret
            try:
                answers = await self.look()
            except Exception as error:  # a defect must not end this: the next change would not be seen
                log.error("rules cannot be read", error=repr(error))
                answers = False
            pause = LOOK_EVERY if answers else min(2 * pause, SELDOM)

    def _take(self, family: Family, kept: Kept) -> None:
        seen = self._seen.get(family)
        if seen is not None and seen.revision > kept.revision:
            return
        if seen is None or seen.rules != kept.rules:
            self._takers[family](kept)
            if kept.rules or seen is not None:
                log.info("rules in force", family=family, revision=kept.revision, rules=len(kept.rules))
        self._seen[family] = kept
