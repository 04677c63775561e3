"""Room that is always given back."""

from __future__ import annotations

import asyncio

import pytest

from tianji_core.api.errors import ServiceUnavailableError
from tianji_core.gateway.call import Call
from tianji_core.gateway.limits import Limits

CALL = Call("chat", "m", {})


def test_released_however_it_ends():
    limits = Limits()
    with limits.reserve(CALL) as held:
        assert limits.in_flight == 1
        held.settle()
        held.settle()
        assert limits.in_flight == 0
    assert limits.in_flight == 0

    def failing():
        with limits.reserve(CALL):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    assert limits.in_flight == 0

    async def cancelled():
        async def hold():
            with limits.reserve(CALL):
                await asyncio.sleep(60)

        task = asyncio.create_task(hold())
        await asyncio.sleep(0)
        assert limits.in_flight == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cancelled())
    assert limits.in_flight == 0


def test_too_many():
    limits = Limits(2)
    first, _second = limits.reserve(CALL), limits.reserve(CALL)
    with pytest.raises(ServiceUnavailableError) as raised:
        limits.reserve(CALL)
    assert raised.value.retry_after == 1.0
    assert limits.in_flight == 2
    first.settle()
    limits.reserve(CALL)
