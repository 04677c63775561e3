"""A batch that this worker holds: every change of it says so, and fails once another worker has it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

from tianji_core.gateway.batches import KIND
from tianji_core.store import StoreUnavailableError
from tianji_core.store.database import Opened
from tianji_core.store.objects import StoredObject

T = TypeVar("T")
Change = Callable[[StoredObject], StoredObject]

MAX_PAUSE = 5.0
"""Seconds between two tries while the database is away."""


class LostError(Exception):
    """The batch is another worker's now, or it is gone."""


class _WrittenError(Exception):
    """The piece is there already: the database took it, and its answer got lost."""


class Held:
    """A claimed batch. `stored` is its state as this worker has last seen it."""

    def __init__(self, opened: Opened, stored: StoredObject, lease: float) -> None:
        self.opened = opened
        self.stored = stored
        self.worker = stored.worker
        self.lease = lease
        self.stopped = asyncio.Event()
        """Set once no further line is to be begun: the batch is cancelled, lost, or its time is over."""

    @property
    def data(self) -> dict[str, Any]:
        return self.stored.data

    async def change(self, change: Change, piece: bytes | None = None) -> StoredObject:
        """Change the batch, and write a piece of its results with it. Waits while the database is away.

        Raises LostError.
        """
        number = self.data["pieces"]

        def mine(present: StoredObject) -> StoredObject:
            if present.worker != self.worker:
                raise LostError
            if piece is not None and present.data["pieces"] > number:
                self.stored = present
                raise _WrittenError
            changed = change(present)
            if piece is not None:
                changed = replace(changed, data={**changed.data, "pieces": number + 1})
            return replace(changed, leased_until=time.time() + self.lease)

        async def tried() -> StoredObject | None:
            return await self.opened.objects.change(self.stored, mine, piece=None if piece is None else (number, piece))

        try:
            changed = await patiently(tried)
        except _WrittenError:
            return self.stored
        if changed is None:
            raise LostError
        self.note(changed)
        return changed

    async def update(self, **members: Any) -> StoredObject:
        """Change members of `data`."""
        return await self.change(lambda present: replace(present, data={**present.data, **members}))

    async def enter(self, status: str, **members: Any) -> StoredObject:
        """Go on to the next state, unless the batch has been cancelled meanwhile; members of `data` change anyway."""

        def entered(present: StoredObject) -> StoredObject:
            data = {**present.data, **members}
            if present.status == "cancelling" and status == "in_progress":
                return replace(present, data=data)
            return replace(present, status=status, data={**data, f"{status}_at": time.time()})

        return await self.change(entered)

    def note(self, present: StoredObject) -> None:
        """This is how the batch is now."""
        self.stored = present
        if present.status == "cancelling":
            self.stopped.set()

    async def keep(self) -> None:
        """Hold the batch until cancelled, and see whether somebody cancels it. Raises LostError."""
        while True:
            await asyncio.sleep(self.lease / 3)
            try:
                if not await self.opened.objects.renew(self.stored.id, self.worker or "", self.lease):
                    raise LostError
                present = await self.opened.objects.get(KIND, self.stored.id, None)
            except StoreUnavailableError:
                continue  # nobody else can claim it either, unless it is only ours that is away: then it is lost later
            if present is not None and present.status == "cancelling":
                self.stopped.set()

    async def release(self, until: float | None = None) -> None:
        """Let any worker have it, from `until` on."""

        def released(present: StoredObject) -> StoredObject:
            if present.worker != self.worker:
                raise LostError
            return replace(present, worker=None, leased_until=until)

        await self.opened.objects.change(self.stored, released)


async def patiently(work: Callable[[], Awaitable[T]]) -> T:
    """Do it again and again while the database is away."""
    pause = 0.1
    while True:
        try:
            return await work()
        except StoreUnavailableError:
            await asyncio.sleep(pause)
            pause = min(pause * 2, MAX_PAUSE)
