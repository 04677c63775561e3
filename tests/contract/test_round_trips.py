"""How often a call's way goes to Redis: never where nothing is shared that it has to ask for, else once. What is handed
in after the answer waits for nobody."""

from __future__ import annotations

import asyncio
import time

import pytest

from tianji_core.gateway.gateway import Gateway
from tianji_core.testing import Answer

CALLS = 200
BESIDE = 8
"""Messages to Redis that are no call's: what replicas tell one another now and then."""
MESSAGES = [{"role": "user", "content": "Hi"}]


class Counting:
    """Stands before a Redis and counts what is sent to it; one message may hold many commands."""

    def __init__(self, port):
        self._port = port
        self.sent = 0
        self.delay = 0.0
        """Seconds that each answer takes longer."""
        self._tasks = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *exc):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        there, to_there = await asyncio.open_connection("127.0.0.1", self._port)
        back = asyncio.create_task(self._pass_on(there, writer, counts=False))
        self._tasks.add(back)
        await self._pass_on(reader, to_there, counts=True)

    async def _pass_on(self, reader, writer, *, counts):
        try:
            while data := await reader.read(65536):
                self.sent += counts
                if not counts and self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


HARD = {"optional_pre_call_checks": ["enforce_model_rate_limits"], "enable_pre_call_checks": True}


@pytest.mark.parametrize(
    ("router", "params", "before", "after"),
    [
        pytest.param({}, {}, 0, 0, id="nothing shared"),
        pytest.param({"cooldown_time": 30, "allowed_fails": 3}, {}, 0, 0, id="cooldowns"),
        pytest.param({"enable_pre_call_checks": True}, {"rpm": 10**6, "tpm": 10**9}, 0, 0, id="soft limits"),
        pytest.param({"routing_strategy": "usage-based-routing-v2"}, {"rpm": 10**6, "tpm": 10**9}, 0, 0, id="by usage"),
        pytest.param({"routing_strategy": "least-busy"}, {}, 0, 0, id="least busy"),
        pytest.param(
            {"provider_budget_config": {"openai_compatible": {"budget_limit": 10**6, "time_period": "1d"}}},
            {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6},
            0,
            1,
            id="budgets",
        ),
        pytest.param(HARD, {"rpm": 10**6}, 1, 0, id="hard limit of requests"),
        pytest.param(HARD, {"rpm": 10**6, "tpm": 10**9}, 1, 1, id="hard limits of both"),
    ],
)
def test_round_trips(own_redis, fake_upstream, monkeypatch, router, params, before, after):
    monkeypatch.setenv("TIANJI_REDIS_TIMEOUT", "2")  # so that no replica goes on alone on a busy machine
    fake_upstream.answer(Answer.chat())
    row = {"model": "openai_compatible/up", "api_base": f"{fake_upstream.url}/v1", "api_key": "k", **params}

    async def main():
        async with Counting(own_redis.port) as counting:
            config = {
                "model_list": [{"model_name": "m", "litellm_params": {**row, "timeout": 60 + i}} for i in range(3)],
                "router_settings": {"redis_url": counting.url, "num_retries": 0, **router},
            }
            async with Gateway.from_config(config) as gateway:

                async def call():
                    begun = time.monotonic()
                    await gateway.chat(model="m", messages=MESSAGES)
                    return time.monotonic() - begun

                await call()  # scripts are loaded
                await asyncio.sleep(0.05)
                sent = counting.sent
                for _ in range(CALLS):
                    await call()
                await asyncio.sleep(0.05)
                assert before * CALLS <= counting.sent - sent <= (before + after) * CALLS + BESIDE
                counting.delay = 0.04
                fastest = min([await call() for _ in range(8)])
                assert before * 0.04 <= fastest < before * 0.04 + 0.03

    asyncio.run(main())
