"""What has become of the lines: written down in pieces while the batch is under way, in files once it is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

from tianji_core.api.callback import Cost
from tianji_core.gateway.batches.held import Held
from tianji_core.gateway.costs import add_costs
from tianji_core.store.database import Opened
from tianji_core.store.objects import StoredObject

FLUSH_AFTER = 0.5
"""Seconds that a result may wait to be written down."""
FLUSH_SIZE = 256 * 1024
"""Bytes that do not wait."""
MAX_WAITING = 4 * 1024 * 1024
"""Bytes of results in memory beyond which no further line is begun, while the database is slow or away."""

GOOD, BAD = b"+", b"-"


class Results:
    """Collects results and writes them down, each once.

    A piece is lines of `+7 {…}` or `-7 {…}`: answered or not, the number of the input line, the line of the output.
    A piece and the counts of the batch change together.
    """

    def __init__(self, held: Held) -> None:
        self._held = held
        self._waiting: list[bytes] = []
        self._size = 0
        self._counts = {"completed": 0, "failed": 0}
        self._usage: dict[str, int] = {}
        self._costs: list[Any] = []
        self._news = asyncio.Event()
        self._full = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._flushing = asyncio.Lock()

    async def add(
        self,
        number: int,
        good: bool,
        line: bytes,
        usage: Mapping[str, Any] | None = None,
        cost: Cost | None = None,
    ) -> None:
        """Take a line's result; returns once there is room for another. Without a `cost` nobody knows it."""
        self._waiting.append(b"%b%d %b\n" % (GOOD if good else BAD, number, line))
        self._size += len(line)
        self._counts["completed" if good else "failed"] += 1
        add_usage(self._usage, usage)
        if usage:
            self._costs = joined_costs(self._costs, [None if cost is None else cost._asdict()])
        self._news.set()
        if self._size >= FLUSH_SIZE:
            self._full.set()
        if self._size >= MAX_WAITING:
            self._room.clear()
        await self._room.wait()

    async def write(self) -> None:
        """Write down what comes, until cancelled. Raises LostError."""
        while True:
            await self._news.wait()
            try:
                async with asyncio.timeout(FLUSH_AFTER):
                    await self._full.wait()
            except TimeoutError:
                pass
            await self.flush()

    async def close(self, writer: asyncio.Task[None]) -> None:
        """End `write`, and write down what is still here. Raises LostError."""
        async with self._flushing:
            writer.cancel()
        await self.flush()

    async def flush(self) -> None:
        """Write down what is here. Raises LostError."""
        async with self._flushing:
            if not self._waiting:
                return
            piece, counts, usage, costs = b"".join(self._waiting), self._counts, self._usage, self._costs
            self._waiting, self._size, self._counts, self._usage = [], 0, {"completed": 0, "failed": 0}, {}
            self._costs = []
            self._news.clear()
            self._full.clear()
            self._room.set()

            def counted(present: StoredObject) -> StoredObject:
                data = present.data
                total = {name: number + counts.get(name, 0) for name, number in data["counts"].items()}
                used = dict(data.get("usage") or {})
                add_usage(used, usage)
                paid = joined_costs(data.get("costs") or [], costs)
                return replace(present, data={**data, "counts": total, "usage": used or None, "costs": paid})

            await self._held.change(counted, piece)


def add_usage(total: dict[str, int], usage: Mapping[str, Any] | None) -> None:
    """Add a call's usage, in OpenAI's words, to a sum."""
    if not usage:
        return
    details = {
        "cached_tokens": (usage.get("prompt_tokens_details") or {}).get("cached_tokens"),
        "reasoning_tokens": (usage.get("completion_tokens_details") or {}).get("reasoning_tokens"),
    }
    for name in ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens"):
        value = usage.get(name, details.get(name))
        if isinstance(value, int):
            total[name] = total.get(name, 0) + value


def joined_costs(costs: list[Any], more: list[Any]) -> list[Any]:
    """Costs as they are kept, with more of them: one cost that is the sum of all, in JSON; or a null instead,
    once there is one that nobody knows."""
    found = costs[0] if costs else None
    for each in more:
        if each is None or (costs and costs[0] is None):
            return [None]
        found = add_costs(None if found is None else Cost(**found), Cost(**each))._asdict()
    return costs if found is None else [found]


async def written(opened: Opened, batch_id: str) -> AsyncIterator[tuple[int, bool, bytes]]:
    """Every result that is written down: the number of the input line, whether it is good, the line of the output.

    Each line once, whatever the pieces hold.
    """
    seen: set[int] = set()
    async for piece in opened.pieces.read(batch_id):
        for entry in piece.split(b"\n")[:-1]:
            head, _, line = entry.partition(b" ")
            number = int(head[1:])
            if number not in seen:
                seen.add(number)
                yield number, head[:1] == GOOD, line
