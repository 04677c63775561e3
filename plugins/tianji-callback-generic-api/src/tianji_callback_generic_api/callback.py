"""The sink: a bounded queue in memory and one task that brings it to the webhook."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from time import monotonic

from tianji_callback_generic_api.encode import encode
from tianji_callback_generic_api.settings import GenericApiSettings
from tianji_callback_generic_api.webhook import Webhook
from tianji_core.api.callback import Callback, CallRecord

log = logging.getLogger(__name__)

_LOG_EVERY = 60.0
"""Seconds between two lines about lost events."""
_BATCH_BYTES = 4 << 20
"""A batch ends early at this size: a webhook has its limits, and ours is not to hold everything twice."""


class GenericApi(Callback):
    """Posts finished calls in batches. `on_call` only puts into the queue: a slow webhook holds nobody up.

    An event is delivered once, or more often if the webhook took it and its answer was lost. It is given up, counted
    in `lost` and logged (one line a minute at most) if the webhook refuses it (anything but 2xx and 5xx), if all
    retries fail, if the queue is full (the oldest go), or if the gateway stops before the webhook answers.
    """

    wants_content = True

    def __init__(self, settings: GenericApiSettings) -> None:
        """Raises ValueError if the endpoint or a header cannot be used."""
        self.lost = 0
        self._settings = settings
        self._webhook = Webhook(settings)
        self._events = frozenset(settings.event_types)
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._sending = 0
        self._full = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self._closed: asyncio.Task[None] | None = None
        self._lost_logged = 0
        self._next_log = 0.0

    async def on_call(self, record: CallRecord) -> None:
        """Queue one event. Never waits, never raises."""
        if f"llm_api_{record.outcome}" not in self._events:
            return
        if self._closing:
            self._lose(1, "the callback is closed")
            return
        event = encode(record)
        self._queue.append(event)
        self._queued_bytes += len(event)
        settings = self._settings
        while len(self._queue) > settings.max_queue or self._queued_bytes > settings.max_queue_bytes:
            self._queued_bytes -= len(self._queue.popleft())
            self._lose(1, "the queue is full")
        if len(self._queue) >= settings.batch_size:
            self._full.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="generic_api")

    async def aclose(self) -> None:
        """Send what is left, for at most `close_timeout` seconds; further calls wait for the first one."""
        if self._closed is None:
            self._closed = asyncio.get_running_loop().create_task(self._close())
        await asyncio.shield(self._closed)

    async def _close(self) -> None:
        self._closing = True
        self._full.set()
        self._webhook.hurry.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=self._settings.close_timeout)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._lose(len(self._queue) + self._sending, "the gateway stopped first")
        self._queue.clear()
        if self.lost > self._lost_logged:
            self._log_loss("final count")
        await self._webhook.aclose()

    async def _run(self) -> None:
        """Until closed: wait for a full batch or the interval, then send everything that is there."""
        while not (self._closing and not self._queue):
            try:
                async with asyncio.timeout(self._settings.flush_interval):
                    await self._full.wait()
            except TimeoutError:
                pass
            while self._queue:
                await self._send(self._take())
            if not self._closing:
                self._full.clear()

    def _take(self) -> list[bytes]:
        batch = [self._queue.popleft()]
        size = len(batch[0])
        while self._queue and len(batch) < self._settings.batch_size and size + len(self._queue[0]) <= _BATCH_BYTES:
            batch.append(self._queue.popleft())
            size += len(batch[-1])
        self._queued_bytes -= size
        return batch

    async def _send(self, batch: list[bytes]) -> None:
        self._sending = len(batch)
        try:
            failed, why = await self._webhook.post(batch)
        except Exception as error:  # a bug must not end the task: all later events would be lost with it
            failed, why = len(batch), type(error).__name__
        self._sending = 0
        self._lose(failed, why)

    def _lose(self, count: int, why: str) -> None:
        if count:
            self.lost += count
            now = monotonic()
            if now >= self._next_log:
                self._next_log = now + _LOG_EVERY
                self._log_loss(why)

    def _log_loss(self, why: str) -> None:
        self._lost_logged = self.lost
        log.warning("generic_api gave up %d events so far, the last one because: %s", self.lost, why)
