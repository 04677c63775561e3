"""What arrives at Datadog, read with the models of its official client where that has some."""

from __future__ import annotations

import asyncio
import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from tianji_callback_datadog import DatadogLogs, DatadogMetrics, DatadogSettings, DatadogSpans
from tianji_callback_datadog.pieces import send_in_pieces
from tianji_core.api.callback import Callback, DeliveryError
from tianji_core.telemetry import CallbackDispatcher, Subscription
from tianji_core.telemetry.sender import HttpSender
from tianji_core.testing import CallbackConformance
from tianji_core.testing.callback import HttpSink, Sink
from tianji_core.testing.standard import CONTENT_CANARY, odd_records, sample_record

KEY = "kit-secret-api-key"
QUICK = {"flush_interval": 0.05, "timeout": 5.0, "dd_api_key": KEY, "hostname": "h", "env_name": "test"}


def read(body: bytes) -> Any:
    return json.loads(gzip.decompress(body))


def ids_of_logs(body: bytes) -> list[str]:
    return [json.loads(event["message"])["id"] for event in read(body)]


def ids_of_spans(body: bytes) -> list[str]:
    return [s["meta"]["metadata"]["litellm_call_id"] for s in read(body)["data"]["attributes"]["spans"]]


def base(sink: Any) -> str:
    return sink.url.partition("/api/")[0]


class TestLogs(CallbackConformance):
    secrets = (KEY,)

    def sink(self) -> Sink:
        return HttpSink(ids_of_logs, path="/api/v2/logs")

    def callback(self, sink: Any) -> Callback:
        return DatadogLogs(DatadogSettings(dd_base_url=base(sink), **QUICK))


class TestSpans(CallbackConformance):
    secrets = (KEY,)

    def sink(self) -> Sink:
        return HttpSink(ids_of_spans, path="/api/intake/llm-obs/v1/trace/spans")

    def callback(self, sink: Any) -> Callback:
        return DatadogSpans(DatadogSettings(dd_base_url=base(sink), **QUICK))


def sent(kind, *records, ids=lambda body: [], path="/api/x", **settings):
    """The requests' heads, and their bodies read."""

    async def main():
        async with HttpSink(ids, path=path) as sink:
            made = DatadogSettings(**{"dd_base_url": base(sink), **QUICK, **settings})
            dispatcher = CallbackDispatcher([Subscription("datadog", kind(made))])
            dispatcher.start()
            for record in records:
                dispatcher.put(record)
            await dispatcher.aclose()
            return [head for head, _ in sink.requests], [read(body) for _, body in sink.requests]

    return asyncio.run(main())


def test_a_log_is_what_the_official_client_sends():
    client = pytest.importorskip("datadog_api_client.v2.model.http_log_item")
    record = replace(sample_record("success"), tags=("a", "b,c"))
    [head], [[event]] = sent(DatadogLogs, record)
    assert head.startswith("POST /api/v2/logs ")
    assert f"dd-api-key: {KEY}" in head
    assert "content-encoding: gzip" in head
    item = client.HTTPLogItem(**{key: value for key, value in event.items() if "." not in key})
    assert item.ddsource == "litellm"
    assert item.service == "litellm-server"
    assert "env:test" in item.ddtags.split(",")
    assert "request_tag:a" in item.ddtags.split(",")
    assert "request_tag:b_c" in item.ddtags.split(",")
    assert event["status"] == "info"
    assert json.loads(item.message)["messages"] == record.request["messages"]


def test_the_status_of_a_log():
    failure = sample_record("failure")
    refused = replace(failure, id="refused", attempts=(), error=replace(failure.error, status=400))
    _, [events] = sent(DatadogLogs, failure, refused)
    assert [event["status"] for event in events] == ["error", "warning"]


def test_an_agent_needs_no_key():
    async def main():
        async with HttpSink(ids_of_logs, path="/api/v2/logs") as sink:
            host, _, port = base(sink).removeprefix("http://").partition(":")
            callback = DatadogLogs(DatadogSettings(dd_agent_host=host, dd_agent_port=int(port)))
            await callback.on_calls([sample_record("success")])
            await callback.aclose()
            return sink.requests[0][0]

    assert "dd-api-key" not in asyncio.run(main())


def test_a_span_has_the_documented_shape():
    record = replace(sample_record("stream"), cost=0.5, metadata={"session_id": "s-1"})
    [head], [body] = sent(DatadogSpans, record)
    assert head.startswith("POST /api/intake/llm-obs/v1/trace/spans ")
    assert body["data"]["type"] == "span"
    attributes = body["data"]["attributes"]
    assert attributes["ml_app"] == "litellm-server"
    [span] = attributes["spans"]
    assert {"name", "span_id", "trace_id", "parent_id", "start_ns", "duration", "meta"} <= span.keys()
    assert span["parent_id"] == "undefined"
    assert isinstance(span["start_ns"], int)
    assert span["session_id"] == "s-1"
    meta = span["meta"]
    assert meta["kind"] == "llm"
    assert all({"role", "content"} <= m.keys() for m in meta["input"]["messages"] + meta["output"]["messages"])
    assert span["metrics"]["input_tokens"] == record.usage["prompt_tokens"]
    assert span["metrics"]["time_to_first_token"] > 0
    assert span["metrics"]["estimated_total_cost"] == 0.5


def test_a_failed_span():
    record = sample_record("failure")
    _, [body] = sent(DatadogSpans, record)
    [span] = body["data"]["attributes"]["spans"]
    assert span["status"] == "error"
    assert span["meta"]["error"] == {"message": record.error.message, "type": record.error.kind}


@pytest.mark.parametrize("kind", [DatadogLogs, DatadogSpans])
def test_content_stays_here_where_that_is_wanted(kind):
    record = sample_record("success")
    assert CONTENT_CANARY in str(sent(kind, record))
    assert CONTENT_CANARY not in str(sent(kind, record, message_logging=False))
    assert CONTENT_CANARY not in str(sent(kind, replace(record, request=None, response=None)))


def test_metrics_are_what_the_official_client_sends():
    payload = pytest.importorskip("datadog_api_client.v2.model.metric_payload")
    from datadog_api_client.v2.model.metric_series import MetricSeries

    one, two = sample_record("success"), replace(sample_record("success"), id="two", cost=0.25)
    [head], [body] = sent(DatadogMetrics, one, two, sample_record("failure"))
    assert head.startswith("POST /api/v2/series ")
    assert payload.MetricPayload(series=[MetricSeries(**series) for series in body["series"]])
    by_name = {}
    for series in body["series"]:
        by_name.setdefault(series["metric"], []).append(series)
    requests = [series["points"][0]["value"] for series in by_name["litellm.llm_api.request_count"]]
    assert sorted(requests) == [1, 2]
    [cost] = by_name["litellm.cost"] if one.cost is None else by_name["litellm.cost"][:1]
    assert cost["points"][0]["value"] == 0.25 + (one.cost or 0)
    [errors] = by_name["litellm.errors"]
    assert any(tag.startswith("error:") for tag in errors["tags"])
    tokens = [s["points"][0]["value"] for s in by_name["litellm.input_tokens"]]
    assert max(tokens) == 2 * one.usage["prompt_tokens"]


def test_metrics_that_have_arrived_are_not_sent_again():
    async def main():
        async with HttpSink(lambda body: [], path="/api/v2/series") as sink:
            callback = DatadogMetrics(DatadogSettings(dd_base_url=base(sink), **QUICK))
            records = [replace(sample_record("success"), principal=replace(sample_record("success").principal,
                       team_id=f"{'team' * 200}-{i}")) for i in range(400)]  # fmt: skip
            sink.failing = True
            with pytest.raises(DeliveryError) as caught:
                await callback.on_calls(records)
            assert caught.value.taken == 0
            sink.failing = False
            await callback.on_calls(records)
            await callback.aclose()
            bodies = [read(body)["series"] for _, body in sink.requests[1:]]
            assert len(bodies) > 1
            return sum(s["points"][0]["value"] for b in bodies for s in b if s["metric"].endswith("request_count"))

    assert asyncio.run(main()) == 400


def test_calls_of_every_shape():
    records = odd_records()
    assert sum(len(body) for body in sent(DatadogLogs, *records)[1]) == len(records)
    assert sent(DatadogMetrics, *records)[1]


def test_pieces():
    async def main():
        async with HttpSink(lambda body: []) as sink:
            sender = HttpSender(sink.url)
            await send_in_pieces(sender, [b"12345"] * 5 + [b"x" * 50], 12, lambda body: b"<" + body + b">")
            await sender.aclose()
            return [len(body) for _, body in sink.requests]

    assert asyncio.run(main()) == [13, 13, 7, 52]


@pytest.mark.parametrize(
    ("values", "environ", "message"),
    [
        ({}, {}, "DD_API_KEY"),
        ({"dd_api_key": "k", "dd_site": "evil.example/tok-1"}, {}, "dd_site"),
        ({"dd_api_key": "k", "dd_base_url": "ftp://tok-1"}, {}, "http://"),
        ({"dd_api_key": "tok-1\n"}, {}, "dd-api-key"),
        ({"dd_api_key": "k"}, {"DD_BATCH_SIZE": "tok-1"}, "DD_BATCH_SIZE"),
    ],
)
def test_settings_that_cannot_work_are_refused_without_showing_them(values, environ, message):
    with pytest.raises(ValueError, match=message) as caught:
        DatadogLogs(DatadogSettings(environ=environ, **values))
    assert "tok-1" not in str(caught.value)


def test_settings_come_from_the_environment():
    environ = {"DD_API_KEY": "tok-1", "DD_SITE": "datadoghq.eu", "DD_SERVICE": "s", "DD_BATCH_SIZE": "5000"}
    callback = DatadogLogs(DatadogSettings(environ=environ))
    assert callback.batch_size == 1000
    assert callback._sender.url == "https://http-intake.logs.datadoghq.eu/api/v2/logs"
    assert "tok-1" not in repr(callback) + repr(DatadogSettings(dd_api_key="tok-1"))
