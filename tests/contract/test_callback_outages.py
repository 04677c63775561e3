"""Sinks that are slow, fail or are gone: no call waits for them, memory stays bounded, what is lost is counted."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from promptness import soonest

from tianji_core.telemetry import CallbackDispatcher, Subscription, delivery, dispatcher
from tianji_core.testing import Answer
from tianji_core.testing.callback import HttpSink
from tianji_core.testing.standard import sample_record

CALLS = 150
SETTINGS = {
    "webhook": lambda base: {"endpoint": f"{base}/in"},
    "langfuse": lambda base: {"langfuse_host": base, "langfuse_public_key": "p", "langfuse_secret_key": "s"},
    "datadog": lambda base: {"dd_base_url": base, "dd_api_key": "k"},
    "datadog_llm_observability": lambda base: {"dd_base_url": base, "dd_api_key": "k"},
    "otel": lambda base: {"endpoint": base},
    "sentry": lambda base: {"dsn": base.replace("http://", "http://key@") + "/1"},
    "s3_v2": lambda base: {
        "s3_bucket_name": "b",
        "s3_endpoint_url": base,
        "s3_aws_access_key_id": "k",
        "s3_aws_secret_access_key": "s",
    },
}


@asynccontextmanager
async def receiver(state):
    """The address of one that works, hangs, fails, or is not there."""
    if state == "dead":
        yield "http://127.0.0.1:9"
        return
    async with HttpSink(lambda body: []) as sink:
        sink.delay, sink.failing = (600.0 if state == "hanging" else 0.0), state == "failing"
        yield sink.url.removesuffix("/ingest")


@pytest.mark.parametrize("state", ["hanging", "failing", "dead"])
def test_no_call_waits(serving, row, fake_upstream, state, monkeypatch):
    """All of them at once, against none; the slowest hundredth of calls is looked at."""
    monkeypatch.setattr(dispatcher, "CLOSE_DEADLINE", 0.2)
    fake_upstream.answer(Answer.chat())

    async def tail(callbacks, base):
        settings = {name: SETTINGS[name](base) for name in callbacks}
        config = {
            "model_list": [row(fake_upstream)],
            "litellm_settings": {"callbacks": list(callbacks)},
            "callback_settings": settings,
        }
        async with serving(config) as client:
            took = []
            for _ in range(CALLS):
                begun = time.perf_counter()
                answer = await client.chat()
                took.append(time.perf_counter() - begun)
                assert answer.status == 200
            return sorted(took)[int(CALLS * 0.99)]

    async def main():
        async with receiver(state) as base:
            without = await tail((), base)
            return await tail(SETTINGS, base) - without

    assert soonest(lambda: asyncio.run(main()), 0.02) < 0.02


def test_a_dead_sink_holds_no_more_than_its_queue(monkeypatch):
    monkeypatch.setattr(delivery, "QUEUE_SIZE_WITH_CONTENT", 500)
    from tianji_callback_webhook import Webhook, WebhookSettings

    async def main():
        callback = Webhook(WebhookSettings(endpoint="http://127.0.0.1:9/", batch_size=100))
        found = CallbackDispatcher([Subscription("dead", callback)])
        found.start()
        gc.collect()
        before = _records()
        for number in range(20_000):
            found.put(replace(sample_record("success"), id=str(number)))
            if number % 500 == 0:
                await asyncio.sleep(0)
        [mine] = found.deliveries
        gc.collect()
        assert _records() - before < 800  # other tests may have left some
        await mine.aclose(0.1)
        return mine

    mine = asyncio.run(main())
    assert mine.delivered == 0
    assert mine.dropped + mine.failed == 20_000


def _records():
    return sum(1 for each in gc.get_objects() if type(each).__name__ == "CallRecord")


def test_a_sink_that_comes_back_gets_what_waited(serving, row, fake_upstream):
    fake_upstream.answer(Answer.chat())

    async def main():
        async with HttpSink(lambda body: [event["id"] for event in json.loads(body)]) as sink:
            sink.failing = True
            config = {
                "model_list": [row(fake_upstream)],
                "litellm_settings": {"callbacks": ["webhook"]},
                "callback_settings": {"webhook": {"endpoint": sink.url, "flush_interval": 0.01}},
            }
            async with serving(config) as client:
                ids = [(await client.chat()).headers["x-litellm-call-id"] for _ in range(20)]
                await asyncio.sleep(0.3)
                sink.failing = False
            return ids, list(sink.received())

    ids, received = asyncio.run(main())
    assert sorted(received) == sorted(ids)
