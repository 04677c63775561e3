"""Transactions that a cancel does not cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def whole(work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Work on the database that runs to its end even if whoever waits for it is cancelled; he is cancelled then.

    A connection whose statement is cut off cannot be given back: SQLite's would hold its lock, for everybody, until
    the garbage collector finds it.
    """

    @wraps(work)
    async def to_its_end(*args: P.args, **named: P.kwargs) -> T:
        task = asyncio.get_running_loop().create_task(work(*args, **named))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            while not task.done():
                try:
                    await asyncio.wait({task})
                except asyncio.CancelledError:
                    continue  # cancelled twice
            if not task.cancelled():
                task.exception()  # is of no interest to anybody any more
            raise

    return to_its_end
