"""Works on the batches of the database, beside the calls: claims what nobody works on, one batch after the other."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from tianji_core.gateway.batches import KIND, UNFINISHED
from tianji_core.gateway.batches.held import Held
from tianji_core.gateway.batches.work import Work
from tianji_core.store import StoreUnavailableError
from tianji_core.telemetry import get_logger

if TYPE_CHECKING:
    from tianji_core.gateway.gateway import Gateway

log = get_logger("tianji.batches")

MAX_BATCHES = 32
"""Batches that one process works on at once; they share its places for calls."""
SHUTDOWN = 5.0
"""Seconds that calls of batches have left when the process ends; those that take longer are made again."""


class Runner:
    """Runs only while there are batches that are not over, here or in another replica.

    `lease` is how long a batch stays with a worker that has died, `poll` the pause between two looks at a vendor's
    batch, in seconds.
    """

    def __init__(self, gateway: Gateway, concurrency: int, lease: float, poll: float) -> None:
        self._gateway = gateway
        self._slots = asyncio.Semaphore(concurrency)
        self._lease = lease
        self._poll = poll
        self._working: dict[asyncio.Task[None], Work] = {}
        self._loop: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._closing = False

    def wake(self) -> None:
        """There may be something to do."""
        self._news.set()
        self.watch()

    def watch(self) -> None:
        """There is a batch that is not over, be it another replica's."""
        if not self._closing and (self._loop is None or self._loop.done()):
            self._loop = asyncio.get_running_loop().create_task(self._run())

    @property
    def busy(self) -> bool:
        """Whether it works on batches, or looks for some."""
        return bool(self._working) or (self._loop is not None and not self._loop.done())

    def cancelled(self, id: str) -> None:
        """Somebody has cancelled this batch here."""
        for work in self._working.values():
            if work.id == id:
                work.look()
        self.wake()

    async def aclose(self, seconds: float | None = SHUTDOWN) -> None:
        """Begin nothing more, and end: calls under way may take so many seconds, None for as long as they take."""
        self._closing = True
        if self._loop is not None:
            self._loop.cancel()
            with suppress(asyncio.CancelledError):
                await self._loop
        for work in self._working.values():
            work.close()
        tasks = set(self._working)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._news.clear()
            try:
                pause = await self._look()
            except StoreUnavailableError:
                pause = self._lease / 3
            if pause is None and not self._news.is_set():
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._news.wait()

    async def _look(self) -> float | None:
        """Take on what there is; gives the seconds until the next look, None if nothing is left to look for."""
        objects = (await self._gateway.store.ready()).objects
        while len(self._working) < MAX_BATCHES:
            claimed = await objects.claim(KIND, UNFINISHED, secrets.token_hex(8), self._lease)
            if claimed is None:
                break
            held = Held(await self._gateway.store.ready(), claimed, self._lease)
            work = Work(self._gateway, held, self._slots, self._poll)
            task = asyncio.get_running_loop().create_task(work.run())
            self._working[task] = work
            task.add_done_callback(self._ended)
        due = await objects.due(KIND, UNFINISHED)
        if due is None:
            return None
        # Others' leases are renewed again and again: one that runs out is seen within another third of it.
        return min(max(due - time.time(), 0.05), self._lease / 3)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._working[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("batch could not be worked on", error=repr(error))
        self._news.set()
