"""Finished calls on their way to the callbacks, beside the calls and never in their way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tianji_core.api.callback import Callback, CallRecord
from tianji_core.telemetry.logs import get_logger

log = get_logger("tianji.callbacks")

QUEUE_SIZE = 50_000
CONCURRENCY = 100
"""Records that are delivered at the same time."""
DEADLINE = 20.0
"""Seconds a callback may take for one record."""
CLOSE_DEADLINE = 10.0
"""Seconds for the queue to empty, and for each callback to flush, at shutdown."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A callback of the config, and which outcomes it is told of."""

    name: str
    callback: Callback
    successes: bool = True
    failures: bool = True

    def wants(self, record: CallRecord) -> bool:
        return self.successes if record.outcome == "success" else self.failures


class CallbackDispatcher:
    """One bounded queue, and so many records under way at once that a slow sink does not hold up the others.

    A full queue drops its oldest record and counts it: memory stays bounded.
    """

    def __init__(self, subscriptions: Sequence[Subscription]) -> None:
        self.subscriptions = tuple(subscriptions)
        self.wants_content = any(s.callback.wants_content for s in subscriptions)
        self.dropped = 0
        self.failed = 0
        self._queue: asyncio.Queue[CallRecord] = asyncio.Queue(QUEUE_SIZE)
        self._worker: asyncio.Task[None] | None = None
        self._room = asyncio.Semaphore(CONCURRENCY)
        self._under_way: set[asyncio.Task[None]] = set()

    @property
    def active(self) -> bool:
        """Whether anybody listens."""
        return bool(self.subscriptions)

    def start(self) -> None:
        """Begin to deliver; needs a running loop."""
        if self.active and self._worker is None:
            self._worker = asyncio.create_task(self._run(), name="tianji callbacks")

    def put(self, record: CallRecord) -> None:
        """Hand over a record; never waits."""
        if self._queue.full():
            self._queue.get_nowait()
            self._queue.task_done()
            self.dropped += 1
            if self.dropped & (self.dropped - 1) == 0:  # at 1, 2, 4, 8 …: a flood must not flood the log as well
                log.warning("callback queue full, oldest records dropped", dropped=self.dropped)
        self._queue.put_nowait(record)

    async def aclose(self) -> None:
        """Deliver what is queued, within a deadline, and close the callbacks."""
        if self._worker is not None:
            try:
                async with asyncio.timeout(CLOSE_DEADLINE):
                    await self._queue.join()
            except TimeoutError:
                log.warning("callbacks were too slow, records lost", lost=self._queue.qsize())
            tasks = (self._worker, *self._under_way)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._worker = None
        for subscription in self.subscriptions:
            try:
                async with asyncio.timeout(CLOSE_DEADLINE):
                    await subscription.callback.aclose()
            except Exception as error:
                log.warning("callback did not close", callback=subscription.name, error=repr(error))

    async def _run(self) -> None:
        while True:
            record = await self._queue.get()
            await self._room.acquire()
            task = asyncio.create_task(self._tell(record))
            self._under_way.add(task)
            task.add_done_callback(self._told)

    def _told(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._room.release()
        self._queue.task_done()

    async def _tell(self, record: CallRecord) -> None:
        await asyncio.gather(*(self._deliver(s, record) for s in self.subscriptions if s.wants(record)))

    async def _deliver(self, subscription: Subscription, record: CallRecord) -> None:
        try:
            async with asyncio.timeout(DEADLINE):
                await subscription.callback.on_call(record)
        except Exception as error:
            self.failed += 1
            log.warning("callback failed", callback=subscription.name, call_id=record.id, error=repr(error))
