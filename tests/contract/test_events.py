"""What happens to the gateway itself, told to callbacks that want to know."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tianji_core.testing import Answer, FakeUpstream

SOURCE = """
    from tianji_core.api.callback import Callback

    class Listener(Callback):
        event_kinds = frozenset({"*"})
        def __init__(self):
            self.events = []
        async def on_event(self, event):
            self.events.append(event)

    listener = Listener()

    class Deaf(Callback):
        async def on_call(self, record):
            return None

    deaf = Deaf()
"""


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def listening(serving, config_beside):
    """Runs `work(client, events)`."""

    def run(work, config, callback="listeners.listener"):
        settings = {**config.pop("litellm_settings", {}), "callbacks": [callback]}
        path = config_beside({**config, "litellm_settings": settings}, listeners=SOURCE)

        async def main():
            async with serving(path) as client:
                heard = client.app.serving.gateway.pipeline.callbacks.subscriptions[0].callback
                result = await work(client, getattr(heard, "events", None))
            getattr(heard, "events", []).clear()
            return result

        return asyncio.run(main())

    return run


def test_rests_and_their_ends(listening, row, fake_upstream):
    fake_upstream.answer(Answer.error(401), Answer.chat())
    rows = [row(fake_upstream, "m", info={"id": "one"}), row(fake_upstream, "m", timeout=50, info={"id": "two"})]
    config = {"model_list": rows, "router_settings": {"num_retries": 0, "cooldown_time": 0.2}}

    async def work(client, events):
        await client.chat()
        await until(lambda: events)
        [rest] = events
        assert rest.kind == "cooldown_deployment"
        assert rest.fields["deployment_id"] in ("one", "two")
        assert rest.fields["status"] == 401
        assert rest.fields["model_group"] == "m"
        await asyncio.sleep(0.3)
        for _ in range(10):
            await client.chat()
        await until(lambda: len(events) == 2)
        assert events[1].fields["ended"] is True
        assert events[1].level == "info"

    listening(work, config)


def test_calls_that_hang_are_told_of_while_they_hang(listening, row):
    with FakeUpstream(replace(Answer.chat(), delay=1.5)) as slow:
        config = {"model_list": [row(slow)], "general_settings": {"alerting_threshold": 0.2}}

        async def work(client, events):
            call = asyncio.create_task(client.chat())
            await until(lambda: events)
            assert not call.done()
            await call
            await asyncio.sleep(0.2)
            return list(events), client.app.serving.gateway.pipeline.limits.running

        events, running = listening(work, config)
    [told] = events
    assert told.kind == "llm_requests_hanging"
    assert told.fields["model_group"] == "m"
    assert told.fields["call_id"]
    assert not running


def test_nobody_listens_and_nothing_is_kept(listening, row, fake_upstream):
    fake_upstream.answer(Answer.chat())

    async def work(client, _):
        await client.chat()
        pipeline = client.app.serving.gateway.pipeline
        return pipeline.limits.running, len(pipeline.stats.cooldowns.on_change)

    running, listeners = listening(work, {"model_list": [row(fake_upstream)]}, "listeners.deaf")
    assert running is None
    assert listeners <= 1  # what replicas share


def test_budgets_that_are_used_up(listening, row, fake_upstream):
    fake_upstream.answer(Answer.chat())
    config = {
        "model_list": [row(fake_upstream, input_cost_per_token=1.0, output_cost_per_token=1.0)],
        "router_settings": {
            "provider_budget_config": {"openai_compatible": {"budget_limit": 1, "time_period": "1d"}},
            "num_retries": 0,
        },
    }

    async def work(client, events):
        await client.chat()
        await until(lambda: events)
        [told] = events
        assert told.kind == "budget_alerts"
        assert told.level == "critical"
        assert told.fields["spend"] >= told.fields["max_budget"] == 1

    listening(work, config)


def test_redis_that_goes_and_comes_back(listening, row, fake_upstream, own_redis):
    fake_upstream.answer(Answer.chat())
    config = {
        "model_list": [row(fake_upstream, rpm=1000)],
        "router_settings": {
            "redis_url": own_redis.url,
            "enable_pre_call_checks": True,
            "optional_pre_call_checks": ["enforce_model_rate_limits"],
        },
    }

    async def work(client, events):
        own_redis.kill()
        for _ in range(10):
            await client.chat()
        await until(lambda: events)
        own_redis.start()
        await until(lambda: len(events) >= 2)
        return [(e.kind, e.fields.get("ended", False)) for e in events[:2]]

    assert listening(work, config) == [("db_exceptions", False), ("db_exceptions", True)]


def test_a_reload_goes_on_listening(listening, row, fake_upstream, config_beside):
    fake_upstream.answer(Answer.error(401), Answer.chat())
    rows = [row(fake_upstream, "m", info={"id": "one"}), row(fake_upstream, "m", timeout=50, info={"id": "two"})]
    config = {"model_list": rows, "router_settings": {"num_retries": 0}}

    async def work(client, events):
        await client.app.reload()
        await asyncio.sleep(0.1)
        await client.chat()
        await until(lambda: events)
        await asyncio.sleep(0.05)
        assert len(events) == 1
        assert len(client.app.serving.gateway.pipeline.stats.cooldowns.on_change) <= 2

    listening(work, config)


def test_alerts_by_the_config_alone(serving, row, fake_upstream, monkeypatch):
    """`general_settings.alerting` is all that it takes: a deployment that rests is told of in Slack."""
    import json

    from tianji_core.testing.callback import HttpSink

    fake_upstream.answer(Answer.error(401), Answer.chat())

    async def main():
        async with HttpSink(lambda body: []) as slack:
            monkeypatch.setenv("SLACK_WEBHOOK_URL", slack.url)
            config = {
                "model_list": [row(fake_upstream, "m"), row(fake_upstream, "m", timeout=50)],
                "router_settings": {"num_retries": 0},
                "general_settings": {"alerting": ["slack"], "alert_types": ["cooldown_deployment"]},
            }
            async with serving(config) as client:
                await client.chat()
                await until(lambda: slack.requests)
            return [json.loads(body)["text"] for _, body in slack.requests]

    [text] = asyncio.run(main())
    assert "A deployment of m rests" in text
