"""Secrets of every kind, in more than two hundred ways for things to go wrong: none shows in logs, answers, records,
metrics or what callbacks send.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace

import pytest

from tianji_core.api.standard_json import standard_json
from tianji_core.telemetry import configure_logging, dispatcher
from tianji_core.telemetry.redaction import REDACTOR
from tianji_core.testing import Answer, FakeUpstream
from tianji_core.testing.callback import HttpSink

UPSTREAM_KEY = "canary-of-the-vendor-93"
CLIENT_KEY = "canary-of-the-client-47"
MASTER_KEY = "canary-of-the-master-58"
SINK_TOKEN = "canary-of-the-sink-21"
CANARY = "canary-of"
JSON = ("content-type", "application/json")

STATUSES = (301, 400, 401, 402, 403, 404, 408, 409, 413, 422, 424, 429, 500, 502, 503, 504, 529)
ECHOES = {
    "an error of OpenAI's": {
        "error": {"message": f"Incorrect API key provided: {UPSTREAM_KEY}.", "type": "x", "code": "c"}
    },
    "an error elsewhere": {"detail": [{"msg": f"bad header: Bearer {UPSTREAM_KEY}"}], "message": UPSTREAM_KEY},
    "nested text": {"error": json.dumps({"inner": {"authorization": f"Bearer {UPSTREAM_KEY}"}})},
    "HTML": f"<html><body>Forbidden: {UPSTREAM_KEY}</body></html>",
    "broken JSON": '{"error": {"message": "' + UPSTREAM_KEY,
    "nothing": "",
}
SINKS = ("webhook", "langfuse", "datadog", "datadog_llm_observability", "datadog_metrics", "otel")
SOURCE = """
    from tianji_core.api.callback import Callback

    class Sink(Callback):
        wants_content = True
        def __init__(self):
            self.records = []
        async def on_call(self, record):
            self.records.append(record)

    class Trips(Callback):
        async def on_call(self, record):
            raise RuntimeError("could not log in with canary-of-the-vendor-93")

    sink, trips = Sink(), Trips()

    async def who(request, key):
        raise RuntimeError(f"who is {key}?")
"""


def vendor(body, status):
    if isinstance(body, dict):
        return Answer.json(body, status)
    return Answer.text(body, status)


@pytest.fixture
def looked_at(serving, row, config_beside, capfd, monkeypatch):
    """Runs `work(client)` with a gateway full of secrets; gives all that anybody gets to see, as one text."""

    def run(work, upstream, *, callbacks=("sinks.sink", "sinks.trips"), settings=(), general=(), more=()):
        monkeypatch.setenv("VENDOR_API_KEY", UPSTREAM_KEY)
        monkeypatch.setattr(dispatcher, "CLOSE_DEADLINE", 0.3)  # sinks that take nothing are not waited for
        config = {
            "model_list": [row(upstream, api_key="os.environ/VENDOR_API_KEY")],
            "litellm_settings": {"callbacks": [*callbacks], **dict(settings)},
            "router_settings": {"num_retries": 0, "disable_cooldowns": True},
            "general_settings": {"master_key": MASTER_KEY, **dict(general)},
            **dict(more),
        }
        path = config_beside(config, sinks=SOURCE)
        configure_logging("DEBUG", json=True)
        REDACTOR._known.clear()

        async def main():
            async with serving(path) as client:
                answers = await work(client)
                metrics = await client.get("/metrics", headers={"authorization": f"Bearer {MASTER_KEY}"})
                sink = client.app.serving.gateway.pipeline.callbacks.subscriptions[0].callback
            records = list(getattr(sink, "records", ()))
            getattr(sink, "records", []).clear()
            seen = [answer.body.decode("utf-8", "replace") + str(answer.headers) for answer in answers]
            seen += [metrics.body.decode(), *map(repr, records), *(standard_json(r).decode() for r in records)]
            return "\n".join(seen)

        seen = asyncio.run(main())
        sys.stderr.flush()
        shown = capfd.readouterr()
        return seen + shown.out + shown.err

    yield run
    REDACTOR._known.clear()
    configure_logging("INFO", json=False)


def chat(**fields):
    async def work(client):
        headers = {"authorization": f"Bearer {MASTER_KEY}"}
        return [await client.chat(headers=headers, **fields)]

    return work


def clean(seen):
    found = seen.find(CANARY)
    assert found < 0, f"a secret shows: …{seen[max(0, found - 300) : found + 60]}…"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("echo", ECHOES)
def test_what_vendors_echo(looked_at, fake_upstream, echo, status, stream):
    fake_upstream.answer(vendor(ECHOES[echo], status))
    clean(looked_at(chat(stream=stream), fake_upstream))


@pytest.mark.parametrize("echo", ECHOES)
def test_answers_that_are_none(looked_at, fake_upstream, echo):
    fake_upstream.answer(vendor(ECHOES[echo], 200))
    clean(looked_at(chat(), fake_upstream))


@pytest.mark.parametrize(
    "event",
    [
        {"error": {"message": f"quota of {UPSTREAM_KEY} is used up", "code": 429}},
        f"not json {UPSTREAM_KEY}",
        {"choices": f"{UPSTREAM_KEY}"},
    ],
)
def test_streams_that_break(looked_at, fake_upstream, event):
    first = {"id": "x", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "a"}}]}
    fake_upstream.answer(Answer.sse(first, event))
    clean(looked_at(chat(stream=True), fake_upstream))


def test_nobody_is_there(looked_at):
    clean(looked_at(chat(), "http://127.0.0.1:9/v1"))


def test_an_address_with_a_password(looked_at):
    clean(looked_at(chat(), "http://user:canary-of-the-address-7@127.0.0.1:9/v1"))


def test_a_vendor_that_does_not_answer(looked_at):
    with FakeUpstream(replace(Answer.chat(), delay=30.0)) as slow:
        clean(looked_at(chat(timeout=0.1), slow))


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {CLIENT_KEY}"},
        {"authorization": f"Basic {CLIENT_KEY}"},
        {"authorization": CLIENT_KEY},
        {"x-api-key": CLIENT_KEY},
        {"api-key": CLIENT_KEY},
        {"x-litellm-api-key": CLIENT_KEY},
        {"authorization": f"Bearer {CLIENT_KEY}", "content-type": "text/plain"},
    ],
)
@pytest.mark.parametrize("body", [b'{"model": "m", "messages": []}', b"{broken", b"[]", b""])
def test_callers_that_are_refused(looked_at, fake_upstream, headers, body):
    async def work(client):
        return [await client.request("POST", "/v1/chat/completions", content=body, headers=headers)]

    clean(looked_at(work, fake_upstream))


def test_auth_that_trips(looked_at, fake_upstream):
    async def work(client):
        return [await client.chat(headers={"authorization": f"Bearer {CLIENT_KEY}"})]

    clean(looked_at(work, fake_upstream, general={"custom_auth": "sinks.who"}))


@pytest.mark.parametrize("status", [302, 401, 403, 429, 500, 503])
@pytest.mark.parametrize(
    "kind", ["webhook", "langfuse", "datadog", "datadog_llm_observability", "datadog_metrics", "otel"]
)
def test_callbacks_whose_sinks_refuse(looked_at, fake_upstream, kind, status):
    """Nor do they send more than what is theirs."""
    fake_upstream.answer(Answer.chat())
    sent = []

    async def work(client):
        return [await client.chat(headers={"authorization": f"Bearer {MASTER_KEY}"})]

    async def outer():
        async with HttpSink(lambda body: []) as sink:
            sink.failing, sink.failing_status = True, status
            base = sink.url.removesuffix("/ingest")
            options = {
                "webhook": {"endpoint": f"{base}/{SINK_TOKEN}", "headers": {"authorization": SINK_TOKEN}},
                "langfuse": {"langfuse_host": base, "langfuse_public_key": "pk", "langfuse_secret_key": SINK_TOKEN},
                "otel": {"endpoint": base, "headers": {"x-token": SINK_TOKEN}},
            }.get(kind, {"dd_base_url": base, "dd_api_key": SINK_TOKEN})
            more = {"callback_settings": {kind: {**options, "timeout": 0.5, "flush_interval": 0.01}}}
            seen = await asyncio.to_thread(looked_at, work, fake_upstream, callbacks=(kind,), more=more)
            sent.extend(body for _, body in sink.requests)
        return seen

    clean(asyncio.run(outer()))
    assert not any(CANARY.encode() in body for body in sent)


@pytest.mark.parametrize(
    "general",
    [
        {"database_url": "postgresql://user:canary-of-the-database-3@127.0.0.1:9/db"},
        {"database_url": "postgresql://user:canary-of-the-database-3@127.0.0.1:5432/nowhere"},
    ],
)
def test_a_database_that_is_away(looked_at, fake_upstream, general):
    async def work(client):
        headers = {"authorization": f"Bearer {MASTER_KEY}"}
        return [await client.get("/v1/files", headers=headers), await client.get("/health/readiness")]

    clean(looked_at(work, fake_upstream, general=general))


def test_redis_that_is_away(looked_at, fake_upstream):
    fake_upstream.answer(Answer.chat())
    cache = {"type": "redis", "host": "127.0.0.1", "port": 9, "password": "canary-of-redis-5"}
    clean(looked_at(chat(), fake_upstream, settings={"cache": True, "cache_params": cache}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"general_settings": {"master_key": ["canary-of-the-config-1"]}},
        {"general_settings": {"database_url": "mysql://u:canary-of-a-url@h/d"}},
        {
            "litellm_settings": {"callbacks": ["webhook"]},
            "callback_settings": {"webhook": {"endpoint": "ftp://canary-of-e"}},
        },
        {"environment_variables": {"KEY": ["canary-of-env-1"]}},
    ],
)
def test_configs_that_cannot_work(wrong, capfd):
    from tianji_core.config import ConfigError
    from tianji_core.gateway import Gateway

    with pytest.raises(ConfigError) as caught:
        Gateway.from_config(wrong)
    shown = capfd.readouterr()
    clean(str(caught.value) + shown.out + shown.err)
