"""The way of finished calls to one callback: its queue, its batches, its second tries, and its rest when it is ill."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from random import uniform

from tianji_core.api.callback import Callback, CallRecord, DeliveryError, GatewayEvent, TooLargeError
from tianji_core.telemetry.logs import get_logger

log = get_logger("tianji.callbacks")

QUEUE_SIZE = 50_000
QUEUE_SIZE_WITH_CONTENT = 10_000
"""Records that wait for one callback; those with prompts and answers are large."""
EVENT_QUEUE_SIZE = 1_000
PARALLEL = 100
"""Deliveries under way at once for a callback that takes records one by one."""
FIRST_DELAY, LONGEST_DELAY = 0.5, 60.0
"""Seconds before the first further try, which double up to this."""
RETRY_FOR = 600.0
"""Seconds for which the same records are tried again; so long an outage of a sink loses nothing."""
PROBE_LOOK = 0.5
"""Seconds after which the others look how the one try has gone."""
RESTS_AFTER = 3
"""Failures one after the other after which one try at a time finds out whether a sink is well again."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A callback of the config, and which outcomes it is told of."""

    name: str
    callback: Callback
    successes: bool = True
    failures: bool = True
    content: bool = True
    """Whether prompts and answers are for it."""
    sample: float = 1.0
    """The part of the calls that it is told of; of all callbacks with the same number it is the same calls."""

    def wants(self, record: CallRecord) -> bool:
        told = self.successes if record.outcome == "success" else self.failures
        return (
            told and record.outcome in self.callback.outcomes and (self.sample >= 1.0 or self._is_in_sample(record.id))
        )

    def _is_in_sample(self, call_id: str) -> bool:
        digest = blake2b(call_id.encode("utf-8", "replace"), digest_size=8).digest()
        return int.from_bytes(digest, "big") < self.sample * 2**64


class Delivery:
    """One callback's queue and the task that empties it. Numbers only grow, for the metrics.

    A record is delivered once, or more often if a sink took it and said that it had not. It is lost, and counted, if
    the queue is full (the oldest go), if the sink will not have it, or if the gateway stops before it is through.
    """

    def __init__(self, subscription: Subscription) -> None:
        callback = subscription.callback
        self.subscription = subscription
        self.delivered = 0
        self.retried = 0
        """Further tries."""
        self.failed = 0
        """Records that the callback would not have, …"""
        self.dropped = 0
        """… and those that were lost because there were too many of them, or no time."""
        self._callback = callback
        self._limit = QUEUE_SIZE_WITH_CONTENT if callback.wants_content else QUEUE_SIZE
        self._batch = max(1, callback.batch_size)
        self._queue: deque[CallRecord] = deque()
        self._events: deque[GatewayEvent] = deque()
        self._wanted = 1
        self._waiter: asyncio.Future[None] | None = None
        self._worker: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(PARALLEL if self._batch == 1 else 1)
        self._closing = asyncio.Event()
        self._failures = 0
        self._rests_until = 0.0
        self._probing = False

    @property
    def queued(self) -> int:
        """What waits."""
        return len(self._queue) + len(self._events)

    @property
    def rests(self) -> bool:
        """Whether the sink is left alone for now, since it keeps failing."""
        return self._failures >= RESTS_AFTER

    # -- what the gateway does ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to deliver; needs a running loop."""
        if self._worker is None:
            self._worker = asyncio.create_task(self._run(), name=f"callback {self.subscription.name}")

    def put(self, record: CallRecord) -> None:
        """Hand over a record, if the callback wants to be told of it; never waits."""
        if not self.subscription.wants(record):
            return
        if not self.subscription.content and record.request is not None:
            record = replace(record, request=None, response=None)
        queue = self._queue
        if len(queue) >= self._limit:
            queue.popleft()
            self._drop(1, "the queue is full")
        queue.append(record)
        if self._waiter is not None and len(queue) >= self._wanted:
            self._wake()

    def tell(self, event: GatewayEvent) -> None:
        """Hand over an event; never waits."""
        if len(self._events) >= EVENT_QUEUE_SIZE:
            self._events.popleft()
            self._drop(1, "too many events")
        self._events.append(event)
        self._wake()

    async def check(self) -> str | None:
        """Find out whether the sink takes what it is sent, past the queue: None, or why not."""
        try:
            async with asyncio.timeout(self._callback.deadline):
                await self._callback.check()
        except DeliveryError as error:
            return str(error)
        except TimeoutError:
            return f"no end within {self._callback.deadline:g} s"
        except Exception as error:  # its text may hold anything
            return type(error).__name__
        return None

    async def aclose(self, seconds: float) -> None:
        """Deliver what is queued, for at most so many seconds, and close the callback, for as many more."""
        self._closing.set()
        self._wake()
        if self._worker is not None:
            await asyncio.wait({self._worker}, timeout=seconds)
            tasks = (self._worker, *self._under_way)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._worker = None
        self._drop(self.queued, "the gateway stopped first")
        self._queue.clear()
        self._events.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._callback.aclose()
        except Exception as error:
            log.warning("callback did not close", callback=self.subscription.name, error=repr(error))

    # -- the task ------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        """Until closed and empty: wait for a batch and deliver it."""
        while True:
            while not self.queued:
                if self._closing.is_set():
                    await asyncio.gather(*self._under_way, return_exceptions=True)
                    return
                tick = self._callback.tick
                await self._wait(1, tick)
                if tick is not None and not (self._queue or self._events or self._closing.is_set()):
                    await self._deliver([])
            if 0 < len(self._queue) < self._batch and not self._events:
                await self._wait(self._batch, self._callback.flush_interval)
            await self._slots.acquire()
            if not self.queued:
                self._slots.release()
                continue
            task = asyncio.create_task(self._deliver(self._take()))
            self._under_way.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._slots.release()
        if self._callback.tick is not None:
            self._wake()  # it may want to be asked again sooner than it did before

    def _take(self) -> Sequence[CallRecord] | GatewayEvent:
        if self._events:
            return self._events.popleft()
        queue = self._queue
        return [queue.popleft() for _ in range(min(self._batch, len(queue)))]

    async def _wait(self, wanted: int, seconds: float | None) -> None:
        """Sleep until so many records are queued, an event comes, or so many seconds are over; not while closing."""
        if self._closing.is_set():
            return
        loop = asyncio.get_running_loop()
        self._wanted = wanted
        self._waiter = loop.create_future()
        timer = loop.call_later(seconds, self._wake) if seconds is not None else None
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # -- one delivery ------------------------------------------------------------------------------------------------

    async def _deliver(self, what: Sequence[CallRecord] | GatewayEvent) -> None:
        """Deliver it, with as many tries as it takes and as there is time for."""
        begun: float | None = None
        delay = FIRST_DELAY
        try:
            while True:
                await self._turn()
                try:
                    await self._hand_over(what)
                except DeliveryError as error:
                    what = self._rest_of(what, error.taken)
                    self._fell_ill(max(delay, error.after or 0.0) if error.retry else None)
                    now = time.monotonic()
                    begun = now if begun is None else begun
                    if isinstance(error, TooLargeError) and not isinstance(what, GatewayEvent) and len(what) > 1:
                        half, what = what[: len(what) // 2], what[len(what) // 2 :]
                        await self._deliver(half)
                        continue
                    if not error.retry or now - begun >= RETRY_FOR:
                        self._fail(what, str(error))
                        return
                    self.retried += 1
                    await self._pause(max(uniform(delay / 2, delay), error.after or 0.0))  # noqa: S311 - jitter
                    delay = min(delay * 2, LONGEST_DELAY)
                except TimeoutError:
                    self._fell_ill(delay)
                    self._fail(what, f"no end within {self._callback.deadline:g} s")
                    return
                except Exception as error:
                    # Of its own code: the next record may do better. Its text may hold anything, prompts too.
                    self._probing = False
                    self._fail(what, type(error).__name__, error)
                    return
                else:
                    self._probing = False
                    self._failures = 0
                    self.delivered += _number(what)
                    return
        except asyncio.CancelledError:
            self._drop(_number(what), "the gateway stopped first")
            raise

    def _rest_of(self, what: Sequence[CallRecord] | GatewayEvent, taken: int) -> Sequence[CallRecord] | GatewayEvent:
        """What a sink has not got that has taken so many."""
        if not taken or isinstance(what, GatewayEvent):
            return what
        self.delivered += taken
        return what[taken:]

    async def _hand_over(self, what: Sequence[CallRecord] | GatewayEvent) -> None:
        async with asyncio.timeout(self._callback.deadline):
            if isinstance(what, GatewayEvent):
                await self._callback.on_event(what)
            else:
                await self._callback.on_calls(what)

    async def _turn(self) -> None:
        """Wait until the sink may be tried: at once, or if it is ill, one try at a time after its rest."""
        while self._failures >= RESTS_AFTER:
            left = self._rests_until - time.monotonic()
            if self._closing.is_set() or (left <= 0 and not self._probing):
                self._probing = True
                return
            await self._pause(left if left > 0 else PROBE_LOOK)

    def _fell_ill(self, seconds: float | None) -> None:
        """A try has failed. `seconds` is for how long to leave the sink alone; None if only the records were bad."""
        self._probing = False
        if seconds is not None:
            self._failures += 1
            self._rests_until = time.monotonic() + seconds

    async def _pause(self, seconds: float) -> None:
        """Sleep; while the gateway stops, hardly."""
        if not self._closing.is_set():
            try:
                async with asyncio.timeout(seconds):
                    await self._closing.wait()
                return
            except TimeoutError:
                return
        await asyncio.sleep(min(seconds, FIRST_DELAY))

    # -- what is lost ------------------------------------------------------------------------------------------------

    def _fail(self, what: Sequence[CallRecord] | GatewayEvent, why: str, error: BaseException | None = None) -> None:
        before = self.failed
        self.failed += _number(what)
        if _is_worth_a_line(before, self.failed):
            log.warning("callback failed", callback=self.subscription.name, reason=why, failed=self.failed)
        if error is not None:
            log.debug("callback failed", callback=self.subscription.name, exc_info=error)

    def _drop(self, number: int, why: str) -> None:
        before = self.dropped
        self.dropped += number
        if number and _is_worth_a_line(before, self.dropped):
            log.warning("callback records dropped", callback=self.subscription.name, reason=why, dropped=self.dropped)


def _number(what: Sequence[CallRecord] | GatewayEvent) -> int:
    return 1 if isinstance(what, GatewayEvent) else len(what)


def _is_worth_a_line(before: int, now: int) -> bool:
    """At 1, 2, 4, 8 …: a flood must not flood the log as well."""
    return before.bit_length() != now.bit_length()
