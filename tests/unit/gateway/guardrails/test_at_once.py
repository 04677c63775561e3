"""Coroutines that are begun at once and given a time only where they wait."""

from __future__ import annotations

import asyncio
import contextvars

import pytest

from tianji_core.gateway.guardrails.at_once import begun_at_once

HERE = contextvars.ContextVar("here", default="unset")


def run(work, seconds=5.0):
    async def main():
        return await begun_at_once(work(), seconds)

    return asyncio.run(main())


def test_one_that_never_waits():
    async def work():
        return 7

    assert run(work, 0.0) == 7  # no time is no hindrance for what needs none


def test_one_that_waits_for_many_things():
    async def work():
        found = [await asyncio.sleep(0.001, n) for n in range(3)]
        await asyncio.sleep(0)
        async with asyncio.timeout(1):
            found.append(await asyncio.to_thread(lambda: 3))
        return found + await asyncio.gather(asyncio.sleep(0, 4), asyncio.sleep(0.001, 5))

    assert run(work) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("waits", [False, True])
def test_what_it_raises(waits):
    async def work():
        if waits:
            await asyncio.sleep(0)
        raise LookupError("x")

    with pytest.raises(LookupError):
        run(work)


def test_one_that_catches_what_is_raised_where_it_waits():
    async def fails():
        await asyncio.sleep(0.001)
        raise LookupError

    async def work():
        try:
            await asyncio.ensure_future(fails())
        except LookupError:
            return "caught"

    assert run(work) == "caught"


def test_too_long():
    ended = []

    async def work():
        try:
            await asyncio.sleep(0.001)
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    with pytest.raises(TimeoutError):
        run(work, 0.05)
    assert ended


@pytest.mark.parametrize("pauses", [1, 5])
def test_cancelled_while_it_waits(pauses):
    ended = []

    async def work():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0)  # it may clean up
            ended.append(True)
            raise

    async def main():
        task = asyncio.create_task(begun_at_once(work(), 60))
        for _ in range(pauses):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert ended


def test_it_runs_in_the_context_of_its_caller():
    async def work():
        HERE.set("inside")
        await asyncio.sleep(0)
        return HERE.get()

    async def main():
        return await begun_at_once(work(), 1), HERE.get()

    assert asyncio.run(main()) == ("inside", "inside")


def test_what_is_no_coroutine_but_can_be_awaited():
    async def main():
        assert await begun_at_once(asyncio.ensure_future(asyncio.sleep(0, 3)), 1) == 3
        with pytest.raises(TimeoutError):
            await begun_at_once(asyncio.get_running_loop().create_future(), 0.01)

    asyncio.run(main())
