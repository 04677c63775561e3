"""Time limits that cost nothing where nobody waits: most guardrails look at a text and are done."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from types import CoroutineType, coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def begun_at_once(work: Coroutine[Any, Any, T], seconds: float) -> T:
    """What `work` gives. From where it first waits for something it has so many seconds. Raises TimeoutError."""
    if type(work) is not CoroutineType:  # what only says that it can be awaited, or is compiled
        async with asyncio.timeout(seconds):
            return await work
    try:
        first = work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    async with asyncio.timeout(seconds):
        return await _rest(work, first)


@coroutine
def _rest(work: Coroutine[Any, Any, T], waits_for: Any) -> Generator[Any, Any, T]:
    """Go on with a coroutine that waits for something already, as `await` would."""
    while True:
        try:
            sent = yield waits_for
        except GeneratorExit:
            work.close()
            raise
        except BaseException as error:
            try:
                waits_for = work.throw(error)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
        else:
            try:
                waits_for = work.send(sent)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
