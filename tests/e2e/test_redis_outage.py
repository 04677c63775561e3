"""Ninety seconds without Redis, under load: replicas go on by themselves and find together again.

Nobody's request fails or waits, limits hold by each replica's share, logs and memory stay small, and within five
seconds of its return what one replica learns is known to the other. The short forms of this are in
tests/contract/test_replicas.py, test_cache.py and tests/unit/state.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from tianji_core.testing import Answer, FakeUpstream
from tianji_core.testing.server import ServerProcess

OUTAGE = 90.0
RATE = 150
"""Requests a second at each replica."""
LIMIT = 120
"""Requests a minute of the limited model, over all replicas."""
SLOWEST = 1.0
"""Seconds: on a machine that has other work too; a Redis that hangs would cost every call its time-out."""


def body(model):
    return json.dumps({"model": model, "messages": [{"role": "user", "content": "Hi"}]}).encode()


class Callers:
    """Ask one replica at a steady rate, over kept connections."""

    def __init__(self, port):
        self.port = port
        self.statuses = Counter()
        self.slowest = 0.0
        self._idle = []

    async def ask(self, model):
        data = body(model)
        head = f"host: g\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n".encode()
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self.port)
        begun = time.monotonic()
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\n" + head + data)
        told = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(told.split(b"content-length: ")[1].split(b"\r\n")[0]))
        self.slowest = max(self.slowest, time.monotonic() - begun)
        status = int(told.split()[1])
        self.statuses[model, status] += 1
        self._idle.append((reader, writer))
        return status

    async def go_on(self, seconds):
        """The plain model at the rate, and the limited one once in ten times."""
        end, number, tasks = time.monotonic() + seconds, 0, set()
        begun = time.monotonic()
        while time.monotonic() < end:
            number += 1
            task = asyncio.create_task(self.ask("limited" if number % 10 == 0 else "plain"))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            await asyncio.sleep(max(0.0, begun + number / RATE - time.monotonic()))
        await asyncio.gather(*tasks)

    def close(self):
        for _, writer in self._idle:
            writer.close()


def memory(server):
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", ["kill", "hang"])
def test_ninety_seconds_without_redis(own_redis, tmp_path, fault):
    with ExitStack() as stack:
        vendor = stack.enter_context(FakeUpstream(Answer.chat()))
        ill = stack.enter_context(FakeUpstream(Answer.chat()))
        row = {"model": "openai_compatible/up", "api_base": f"{vendor.url}/v1", "api_key": "k"}
        other = {**row, "api_base": f"{ill.url}/v1"}
        config = {
            "model_list": [
                {"model_name": "plain", "litellm_params": row},
                {"model_name": "plain", "litellm_params": {**row, "timeout": 30}},
                {"model_name": "limited", "litellm_params": {**row, "rpm": LIMIT}},
                {"model_name": "told", "litellm_params": other, "model_info": {"id": "ill"}},
                {"model_name": "told", "litellm_params": row, "model_info": {"id": "well"}},
            ],
            "router_settings": {
                "redis_url": own_redis.url,
                "num_retries": 0,
                "enable_pre_call_checks": True,
                "optional_pre_call_checks": ["enforce_model_rate_limits"],
                "cooldown_time": 60,
            },
        }
        env = {"TIANJI_REPLICAS": "2"}
        servers = [ServerProcess(config, tmp_path / str(i), env=env).start() for i in range(2)]
        for server in servers:
            stack.callback(server.stop)
        asyncio.run(_outage(own_redis, fault, servers, ill))


async def _outage(redis, fault, servers, ill):
    callers = [Callers(server.port) for server in servers]
    await asyncio.gather(*(each.go_on(8.0) for each in callers))
    assert not [s for each in callers for (m, s) in each.statuses if m == "plain" and s != 200]
    for each in callers:
        each.statuses.clear()
        each.slowest = 0.0
    before = [memory(server) for server in servers]
    logged = [len(server.log()) for server in servers]

    begun = time.time()
    getattr(redis, fault)()
    await asyncio.gather(*(each.go_on(OUTAGE) for each in callers))
    windows = int(time.time() // 60) - int(begun // 60) + 1
    for each, was, server, lines in zip(callers, before, servers, logged, strict=True):
        plain = {status: n for (model, status), n in each.statuses.items() if model == "plain"}
        assert set(plain) == {200}
        assert plain[200] > OUTAGE * RATE * 0.9 * 0.8, "the callers did not keep their pace"
        assert each.slowest < SLOWEST
        limited = {status: n for (model, status), n in each.statuses.items() if model == "limited"}
        assert set(limited) <= {200, 429}
        # By its share in each minute; what was left of the first may have been taken before.
        assert LIMIT / 2 * (windows - 1) * 0.5 <= limited[200] <= LIMIT / 2 * windows + 1
        assert memory(server) <= was * 1.10 + 4096
        requests = sum(each.statuses.values())
        assert len(server.log()) - lines <= 1024 * requests
        assert len(server.log()) - lines <= 64 * 1024, "an outage fills the log"

    if fault == "kill":
        redis.start()
    else:
        redis.go_on()
    # Within five seconds what one learns is told to the other.
    await asyncio.sleep(4.0)
    ill.answer(Answer.error(401))
    one, two = callers
    for _ in range(50):
        await one.ask("told")
        if one.statuses["told", 401]:
            break
    await asyncio.sleep(1.0)
    told = [await two.ask("told") for _ in range(20)]
    assert told == [200] * 20, "the other replica has not heard that a deployment rests"
    for each in callers:
        each.close()
