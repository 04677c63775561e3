"""The state that replicas share, in Redis."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from tianji_core.state.address import RedisAddress
from tianji_core.state.contract import LEASE, Limit, Refused, State, Subscriber, Taken
from tianji_core.state.counters import Counters
from tianji_core.state.link import LIMIT, Away, Command, Link
from tianji_core.state.listener import Listener
from tianji_core.state.news import News
from tianji_core.state.scripts import ADD, BEAT, SETTLE, TAKE
from tianji_core.state.windows import BUCKETS, Windows

BEAT_EVERY = 2.0
"""Seconds between two signs of life of a replica."""
FORGOTTEN_AFTER = 10.0
"""Seconds without one after which a replica counts no more."""
_MESSAGES = 10_000
_COUNTERS = 50_000


class RedisState(State):
    """Shared by every replica whose Redis and `prefix` are the same.

    What this process takes and counts is noted here as well. So when Redis is away, its share of a limit is what it has
    not used up yet, and its counters go on from where they stood; when Redis is back it is told what it missed. What
    may or may not have reached Redis is told again: counts err upwards.
    """

    shared = True

    def __init__(
        self, address: RedisAddress, *, prefix: str = "tianji:", replicas: int = 1, limit: float = LIMIT
    ) -> None:
        self.link = Link(address, limit=limit)
        self.link.on_change.append(self._changed)
        self.id = secrets.token_hex(8)
        self._limits = f"{prefix}{{limits}}:"  # what stands in braces decides on the member of a cluster
        self._counts = f"{prefix}{{counts}}:"
        self._kept = f"{prefix}v:"
        self._channel = f"{prefix}news"
        self._least = max(1, replicas)
        self._seen = 1
        self._windows = Windows()
        self._counters = Counters()
        self._news = News()
        self._listener: Listener | None = None
        self._differences: dict[tuple[str, int, int], float] = {}
        self._released: deque[tuple[str, str]] = deque(maxlen=_MESSAGES)
        self._owed: dict[str, tuple[float, float]] = {}
        self._messages: deque[bytes] = deque(maxlen=_MESSAGES)
        self._due = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._users = 0

    @property
    def replicas(self) -> int:
        return max(self._least, self._seen)

    @property
    def up(self) -> bool:
        return self.link.up

    async def start(self) -> None:
        self._users += 1
        if self._users > 1:
            return
        await self.link.start()
        with suppress(Away):
            await self._beat()
        self._worker = asyncio.get_running_loop().create_task(self._work())
        if self._news:
            self._listen()

    async def aclose(self) -> None:
        self._users -= 1
        if self._users > 0 or self._worker is None:
            return
        self._worker.cancel()
        with suppress(asyncio.CancelledError):
            await self._worker
        self._worker = None
        with suppress(Away):
            await self._flush()
            await self.link.run("ZREM", f"{self._limits}replicas", self.id)
        if self._listener is not None:
            await self._listener.aclose()
            self._listener = None
        await self.link.aclose()

    # -- counters

    async def add(self, amounts: Sequence[tuple[str, float, float]]) -> list[float]:
        if self.link.up:
            keys = [self._counts + key for key, _, _ in amounts]
            args = [arg for _, amount, ttl in amounts for arg in (repr(float(amount)), max(1, round(ttl * 1000)))]
            try:
                totals = [float(total) for total in await self.link.script(ADD, keys, args)]
            except Away:
                pass
            else:
                for (key, _, ttl), total in zip(amounts, totals, strict=True):
                    self._counters.put(key, total, ttl)
                return totals
        for key, amount, ttl in amounts:
            if key in self._owed or len(self._owed) < _COUNTERS:
                self._owed[key] = self._owed.get(key, (0.0, ttl))[0] + amount, time.monotonic() + ttl
        self._due.set()
        return [self._counters.add(*each) for each in amounts]

    async def read(self, keys: Sequence[str]) -> list[float]:
        if keys and self.link.up:
            try:
                found = await self.link.run("MGET", *(self._counts + key for key in keys))
                return [0.0 if value is None else float(value) for value in found]
            except Away:
                pass
        return [self._counters.read(key) for key in keys]

    # -- limits

    async def take(self, limits: Sequence[Limit]) -> Taken | Refused:
        if self.link.up:
            args: list[Any] = []
            for limit in limits:
                span = LEASE if limit.holder is not None else limit.window
                args += (repr(float(limit.amount)), repr(float(limit.limit)), round(span * 1000), limit.holder or "")
            try:
                reply = await self.link.script(TAKE, [self._limit_key(limit) for limit in limits], args)
            except Away:
                pass
            else:
                if not reply[0]:
                    return Refused(reply[1], max(0.0, reply[2] / 1000))
                now = self._windows.clock()
                self._windows.note(limits, now)
                return Taken(tuple(limits), tuple(map(float, reply[2:])), now, reply[1])
        return self._windows.take(limits, self.replicas, unsaid=True)

    def settle(self, taken: Taken, used: Sequence[float | None]) -> None:
        self._windows.settle(taken, used)
        for limit, really in zip(taken.limits, used, strict=True):
            if limit.holder is not None:
                self._released.append((limit.key, limit.holder))
            elif taken.shared_at is not None and really is not None and really != limit.amount:
                span = round(limit.window * 1000)
                # Less was used in the part in which it was taken, more is used now.
                late = int((self._windows.clock() - taken.at) * 1000) if really > limit.amount else 0
                width = span / BUCKETS
                name = (self._limit_key(limit), span, int((taken.shared_at + late) // width * width + width / 2))
                self._differences[name] = self._differences.get(name, 0.0) + really - limit.amount
        self._due.set()

    def _limit_key(self, limit: Limit) -> str:
        if limit.holder is not None:
            return f"{self._limits}l:{limit.key}"
        return f"{self._limits}w:{round(limit.window * 1000)}:{limit.key}"

    # -- values

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        try:
            return await self.link.run_all([("GET", self._kept + key) for key in keys])
        except Away:
            return [None] * len(keys)

    async def set_many(self, values: Mapping[str, bytes], ttl: float | None = None) -> None:
        end: Command = () if ttl is None else ("PX", max(1, round(ttl * 1000)))
        with suppress(Away):
            await self.link.run_all([("SET", self._kept + key, value, *end) for key, value in values.items()])

    async def delete(self, keys: Sequence[str]) -> int:
        try:
            return sum(await self.link.run_all([("UNLINK", self._kept + key) for key in keys]))
        except Away:
            return 0

    async def clear(self, prefix: str) -> int:
        try:
            return await self.link.clear(self._kept + prefix)
        except Away:
            return 0

    # -- news

    def publish(self, channel: str, message: bytes) -> None:
        self._news.tell(channel, message)
        self._messages.append(b"\n".join((self.id.encode(), channel.encode(), message)))
        self._due.set()

    def subscribe(
        self, channel: str, function: Subscriber, on_gap: Callable[[], None] | None = None
    ) -> Callable[[], None]:
        end = self._news.subscribe(channel, function, on_gap)
        if self._worker is not None:
            self._listen()
        return end

    async def listening(self) -> None:
        """Wait until other replicas are heard."""
        if self._listener is not None:
            await self._listener.listening.wait()

    def _listen(self) -> None:
        if self._listener is None:
            self._listener = Listener(self.link, self._channel, self._heard, self._news.gap)
            self._listener.start()

    def _heard(self, data: bytes) -> None:
        sender, _, rest = data.partition(b"\n")
        channel, _, message = rest.partition(b"\n")
        if sender != self.id.encode():  # one's own has been told already
            self._news.tell(channel.decode(errors="replace"), message)

    # -- what runs beside the calls

    def _changed(self, up: bool) -> None:
        if up:
            self._due.set()

    async def _work(self) -> None:
        """Hand in what is due, and give signs of life."""
        next_beat = time.monotonic() + BEAT_EVERY
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._due.wait(), max(0.0, next_beat - time.monotonic()))
            self._due.clear()
            with suppress(Away):
                if self.link.up:
                    await self._flush()
                if time.monotonic() >= next_beat:
                    next_beat = time.monotonic() + BEAT_EVERY
                    await self._beat()

    async def _beat(self) -> None:
        leases = self._windows.leases
        keys = [f"{self._limits}replicas", *(f"{self._limits}l:{key}" for key, _ in leases)]
        args = [self.id, round(FORGOTTEN_AFTER * 1000), round(LEASE * 1000), *(holder for _, holder in leases)]
        self._seen = max(1, int(await self.link.script(BEAT, keys, args)))

    async def _flush(self) -> None:
        """Hand in everything that is due. What does not arrive for sure and made counts larger is kept for later."""
        await self._flush_counters()
        await self._flush_limits()
        commands: list[Command] = []
        while self._released:
            key, holder = self._released.popleft()
            commands.append(("ZREM", f"{self._limits}l:{key}", holder))
        while self._messages:
            commands.append(("PUBLISH", self._channel, self._messages.popleft()))
        for begin in range(0, len(commands), 100):
            await self.link.run_all(commands[begin : begin + 100])

    async def _flush_counters(self) -> None:
        now = time.monotonic()
        owed, self._owed = self._owed, {}
        due = [(key, amount, ends - now) for key, (amount, ends) in owed.items() if ends > now and amount]
        for begin in range(0, len(due), 500):
            part = due[begin : begin + 500]
            keys = [self._counts + key for key, _, _ in part]
            args = [arg for _, amount, ttl in part for arg in (repr(amount), max(1, round(ttl * 1000)))]
            try:
                await self.link.script(ADD, keys, args)
            except Away:
                for key, amount, ttl in due[begin:]:
                    self._owed[key] = self._owed.get(key, (0.0, 0.0))[0] + amount, now + ttl
                raise

    async def _flush_limits(self) -> None:
        told = time.monotonic()
        rows: list[tuple[str, str, list[Any]]] = []
        differences, self._differences = self._differences, {}
        for (key, span, at), difference in differences.items():
            rows.append((key, "", [repr(difference), span, at, ""]))
        for key, window, age, amount in self._windows.unsaid():
            span = round(window * 1000)
            rows.append((f"{self._limits}w:{span}:{key}", key, [repr(amount), span, "", round(age * 1000)]))
        for begin in range(0, len(rows), 500):
            part = rows[begin : begin + 500]
            try:
                await self.link.script(SETTLE, [row[0] for row in part], [arg for row in part for arg in row[2]])
            except Away as error:
                self._keep_for_later(rows[begin:], told, error.unknown)
                raise

    def _keep_for_later(self, rows: list[tuple[str, str, list[Any]]], told: float, unknown: bool) -> None:
        for full, key, (difference, span, at, age) in rows:
            amount = float(difference)
            if amount <= 0 and unknown:
                continue
            if at != "":
                name = (full, span, at)
                self._differences[name] = self._differences.get(name, 0.0) + amount
            else:
                self._windows.say_again(key, span / 1000, told - age / 1000, amount)
