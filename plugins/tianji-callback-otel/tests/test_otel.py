"""Spans and metrics at collectors on real sockets, which read what the official protobufs say."""

from __future__ import annotations

import asyncio
import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import sleep
from typing import Any, Self

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tianji_callback_otel import OpenTelemetry, OtelSettings
from tianji_callback_otel.settings import Chosen, parse_headers
from tianji_core.api.callback import Callback
from tianji_core.api.trace import span_of, trace_of
from tianji_core.telemetry import CallbackDispatcher, Subscription
from tianji_core.testing import CallbackConformance
from tianji_core.testing.callback import HttpSink, Sink
from tianji_core.testing.standard import CONTENT_CANARY, odd_records, sample_record


def value_of(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [value_of(each) for each in value.array_value.values]
    return getattr(value, kind)


def attributes_of(holder: Any) -> dict[str, Any]:
    return {each.key: value_of(each.value) for each in holder.attributes}


def spans_of(request: ExportTraceServiceRequest) -> list[Any]:
    return [span for r in request.resource_spans for s in r.scope_spans for span in s.spans]


def calls_of(request: ExportTraceServiceRequest) -> list[str]:
    """The ids of the calls whose own spans are in it."""
    return [found for span in spans_of(request) if (found := attributes_of(span).get("litellm.call_id"))]


def read_traces(body: bytes) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    request.ParseFromString(gzip.decompress(body))
    return request


class HttpCollector(HttpSink):
    """OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__(lambda body: calls_of(read_traces(body)), path="/v1/traces")

    @property
    def base(self) -> str:
        return self.url.removesuffix("/v1/traces")

    @property
    def traces(self) -> list[ExportTraceServiceRequest]:
        return [read_traces(body) for head, body in self.requests if head.startswith("POST /v1/traces")]

    @property
    def spans(self) -> list[Any]:
        return [span for request in self.traces for span in spans_of(request)]


class MetricsCollector(HttpSink):
    """The same for metrics."""

    def __init__(self) -> None:
        super().__init__(lambda body: [], path="/v1/metrics")

    @property
    def metrics(self) -> dict[str, Any]:
        found = {}
        for head, body in self.requests:
            if not head.startswith("POST /v1/metrics"):
                continue
            request = ExportMetricsServiceRequest()
            request.ParseFromString(gzip.decompress(body) if "content-encoding: gzip" in head.lower() else body)
            for r in request.resource_metrics:
                for s in r.scope_metrics:
                    found.update({metric.name: metric for metric in s.metrics})
        return found


class GrpcCollector(Sink):
    """OTLP over gRPC, by the official server."""

    def __init__(self) -> None:
        self._received: list[str] = []
        self.spans: list[Any] = []

    async def __aenter__(self) -> Self:
        import grpc
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as service

        sink = self

        class Servicer(service.TraceServiceServicer):  # type: ignore[misc]
            def Export(self, request: Any, context: Any) -> Any:
                if sink.delay:
                    sleep(min(sink.delay, 1.5))
                    context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "slow")
                if sink.failing:
                    context.abort(grpc.StatusCode.INVALID_ARGUMENT, "failing")
                sink._received.extend(calls_of(request))
                sink.spans.extend(spans_of(request))
                return ExportTraceServiceResponse()

        self._server = grpc.server(ThreadPoolExecutor(4))
        service.add_TraceServiceServicer_to_server(Servicer(), self._server)
        self.base = f"http://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await asyncio.to_thread(self._server.stop(0).wait)

    def received(self) -> list[str]:
        return self._received


QUICK = {"flush_interval": 0.05, "timeout": 1.0, "headers": {"authorization": "Bearer kit-secret-token"}}
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class TestHttp(CallbackConformance):
    secrets = ("kit-secret-token",)

    def sink(self) -> Sink:
        return HttpCollector()

    def callback(self, sink: Any) -> Callback:
        return OpenTelemetry(OtelSettings(endpoint=sink.base, message_logging=True, **QUICK))


class TestGrpc(CallbackConformance):
    secrets = ("kit-secret-token",)

    def sink(self) -> Sink:
        pytest.importorskip("grpc")
        return GrpcCollector()

    def callback(self, sink: Any) -> Callback:
        return OpenTelemetry(OtelSettings(endpoint=sink.base, exporter="grpc", **QUICK))


def exported(*records, sink_class=HttpCollector, seconds=5.0, **settings):
    """The collector, after these records have been delivered."""

    async def main():
        async with sink_class() as sink:
            base = sink.base if hasattr(sink, "base") else sink.url.removesuffix("/v1/metrics")
            callback = OpenTelemetry(OtelSettings(**{"endpoint": base, **QUICK, **settings}))
            dispatcher = CallbackDispatcher([Subscription("otel", callback)])
            dispatcher.start()
            for record in records:
                dispatcher.put(record)
            await dispatcher.deliveries[0].aclose(seconds)
            return sink

    return asyncio.run(main())


def by_kind(sink):
    servers = [span for span in sink.spans if span.kind == span.SPAN_KIND_SERVER]
    clients = [span for span in sink.spans if span.kind == span.SPAN_KIND_CLIENT]
    return servers, clients


def test_a_call_is_a_span_with_its_tries_below_it():
    record = sample_record("success")
    sink = exported(record)
    [server], clients = by_kind(sink)
    assert server.name == f"POST {record.route}"
    assert server.trace_id == trace_of(record.id).trace_id.to_bytes(16, "big")
    assert server.parent_span_id == b""
    assert len(clients) == len(record.attempts)
    for number, (span, attempt) in enumerate(zip(clients, record.attempts, strict=True)):
        assert span.parent_span_id == server.span_id
        assert span.trace_id == server.trace_id
        assert span.span_id == span_of(record.id, number).to_bytes(8, "big")
        assert span.name == f"chat {attempt.model}"
        assert span.end_time_unix_nano >= span.start_time_unix_nano
    last = attributes_of(clients[-1])
    assert last["gen_ai.operation.name"] == "chat"
    assert last["gen_ai.request.model"] == record.attempts[-1].model
    assert last["gen_ai.usage.input_tokens"] == record.usage["prompt_tokens"]
    assert last["gen_ai.usage.output_tokens"] == record.usage["completion_tokens"]
    assert last["gen_ai.response.id"] == record.response["id"]
    own = attributes_of(server)
    assert own["litellm.call_id"] == record.id
    assert own["litellm.api_key.hash"] == record.principal.key_hash
    [resource] = [r.resource for r in sink.traces[0].resource_spans]
    assert attributes_of(resource)["service.name"] == "tianji"


def test_failures_are_errors():
    record = sample_record("failure")
    [server], clients = by_kind(exported(record))
    assert server.status.code == server.status.STATUS_CODE_ERROR
    assert attributes_of(server)["error.type"] == record.error.kind
    assert all(span.status.code == span.status.STATUS_CODE_ERROR for span in clients)


def test_a_callers_trace_is_joined():
    record = replace(sample_record("success"), traceparent=PARENT)
    [server], clients = by_kind(exported(record))
    assert server.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
    assert server.parent_span_id.hex() == "b7ad6b7169203331"
    assert {span.trace_id for span in clients} == {server.trace_id}


def test_a_trace_that_nobody_records_is_not_recorded():
    record = replace(sample_record("success"), traceparent=PARENT[:-2] + "00")
    other = replace(sample_record("success"), id="another")
    assert [attributes_of(s).get("litellm.call_id") for s in by_kind(exported(record, other))[0]] == ["another"]


@pytest.mark.parametrize("kind", ["success", "stream"])
def test_content_only_where_it_is_wanted(kind):
    record = sample_record(kind)
    without = exported(record)
    assert CONTENT_CANARY not in str(without.spans)
    server = by_kind(exported(record, message_logging=True))[0][0]
    told = attributes_of(server)
    assert CONTENT_CANARY in told["gen_ai.input.messages"]
    messages = json.loads(told["gen_ai.input.messages"])
    assert messages[0]["role"] == record.request["messages"][0]["role"]
    assert messages[0]["parts"][0]["type"] == "text"
    assert json.loads(told["gen_ai.output.messages"])[0]["role"] == "assistant"
    redacted = replace(record, request=None, response=None)
    assert CONTENT_CANARY not in str(exported(redacted, message_logging=True).spans)


def test_calls_of_every_shape():
    records = odd_records()
    servers, _ = by_kind(exported(*records, message_logging=True))
    assert {attributes_of(s)["litellm.call_id"] for s in servers} == {r.id for r in records}


def test_metrics():
    record = replace(sample_record("stream"), cost=0.25)
    sink = exported(record, sample_record("failure"), sink_class=MetricsCollector, enable_metrics=True, seconds=1.0)
    metrics = sink.metrics
    assert set(metrics) == {
        "gen_ai.client.operation.duration",
        "gen_ai.client.token.usage",
        "gen_ai.server.time_to_first_token",
        "gen_ai.usage.cost",
    }
    points = metrics["gen_ai.client.token.usage"].histogram.data_points
    tokens = {attributes_of(point)["gen_ai.token.type"]: point.sum for point in points}
    assert tokens["input"] == record.usage["prompt_tokens"]
    [cost] = metrics["gen_ai.usage.cost"].histogram.data_points
    assert cost.sum == 0.25


def test_the_console(capsys):
    callback = OpenTelemetry(OtelSettings(exporter="console"))
    asyncio.run(callback.on_calls([sample_record("success")]))
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert first["name"].startswith("POST ")


@pytest.mark.parametrize(
    ("values", "environ", "expected"),
    [
        ({}, {}, ("otlp_http", "http://localhost:4318/v1/traces", {}, False)),
        ({"exporter": "grpc"}, {}, ("otlp_grpc", "http://localhost:4317/v1/traces", {}, False)),
        (
            {},
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:1/"},
            ("otlp_http", "http://c:1/v1/traces", {}, False),
        ),
        (
            {"headers": "a=1, b=x%20y"},
            {"OTEL_ENDPOINT": "http://c/v1/traces", "OTEL_HEADERS": "c=2"},
            ("otlp_http", "http://c/v1/traces", {"a": "1", "b": "x y"}, False),
        ),
        (
            {},
            {"OTEL_HEADERS": "c=2", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"},
            ("otlp_http", "http://localhost:4318/v1/traces", {"c": "2"}, True),
        ),
    ],
)
def test_where_settings_come_from(values, environ, expected):
    chosen = Chosen(OtelSettings(environ=environ, **values))
    assert (chosen.exporter, chosen.traces, chosen.headers, chosen.content) == expected


def test_settings_that_cannot_work_show_nothing():
    with pytest.raises(ValueError, match="carrier-pigeon"):
        Chosen(OtelSettings(environ={"OTEL_EXPORTER": "carrier-pigeon"}))
    with pytest.raises(ValueError, match="item 2") as caught:
        parse_headers("a=1, tok-1")
    assert "tok-1" not in str(caught.value)
    with pytest.raises(ValueError, match="http://"):
        OpenTelemetry(OtelSettings(endpoint="ftp://tok-1"))
    assert "tok-" not in repr(OtelSettings(endpoint="https://tok-1", headers={"a": "tok-2"}))
