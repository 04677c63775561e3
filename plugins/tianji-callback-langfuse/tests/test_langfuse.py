"""What arrives at Langfuse: OTLP's JSON, with the attributes of its SDK."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from tianji_callback_langfuse import Langfuse, LangfuseSettings
from tianji_callback_langfuse.generation import REDACTED
from tianji_core.api.callback import Callback
from tianji_core.telemetry import CallbackDispatcher, Subscription
from tianji_core.testing import CallbackConformance
from tianji_core.testing.callback import HttpSink, Sink
from tianji_core.testing.standard import CONTENT_CANARY, sample_record

QUICK = {"flush_interval": 0.05, "timeout": 5.0}
KEYS = {"langfuse_public_key": "pk-lf-kit", "langfuse_secret_key": "sk-lf-kit-secret"}
PATH = "/api/public/otel/v1/traces"


def spans_of(body: bytes) -> list[dict[str, Any]]:
    """The spans of a request."""
    told = json.loads(gzip.decompress(body))
    return [span for r in told["resourceSpans"] for s in r["scopeSpans"] for span in s["spans"]]


def attributes(span: dict[str, Any]) -> dict[str, Any]:
    return {each["key"]: plain(each["value"]) for each in span["attributes"]}


def plain(value: dict[str, Any]) -> Any:
    [(kind, content)] = value.items()
    if kind == "arrayValue":
        return [plain(each) for each in content["values"]]
    return int(content) if kind == "intValue" else content


def ids_of(body: bytes) -> list[str]:
    return [attributes(span)["langfuse.observation.metadata.litellm_call_id"] for span in spans_of(body)]


class TestLangfuse(CallbackConformance):
    secrets = ("sk-lf-kit-secret", base64.b64encode(b"pk-lf-kit:sk-lf-kit-secret").decode())

    def sink(self) -> Sink:
        return HttpSink(ids_of, path=PATH)

    def callback(self, sink: Any) -> Callback:
        return Langfuse(LangfuseSettings(langfuse_host=sink.url.removesuffix(PATH), **KEYS, **QUICK))


def sent(*records, **settings):
    """The requests' heads, and all spans."""

    async def main():
        async with HttpSink(ids_of, path=PATH) as sink:
            made = LangfuseSettings(**{"langfuse_host": sink.url.removesuffix(PATH), **KEYS, **QUICK, **settings})
            dispatcher = CallbackDispatcher([Subscription("langfuse", Langfuse(made))])
            dispatcher.start()
            for record in records:
                dispatcher.put(record)
            await dispatcher.aclose()
            return [head for head, _ in sink.requests], [s for _, body in sink.requests for s in spans_of(body)]

    return asyncio.run(main())


def one(record, **settings):
    _, [span] = sent(record, **settings)
    return span, attributes(span)


def asking(**metadata):
    return replace(sample_record("success"), metadata=metadata)


def test_a_generation():
    record = replace(sample_record("success"), tags=("a", "b"), end_user="user-7")
    heads, [span] = sent(record)
    told = attributes(span)
    assert f"authorization: Basic {base64.b64encode(b'pk-lf-kit:sk-lf-kit-secret').decode()}" in heads[0]
    assert span["name"] == told["langfuse.trace.name"] == "litellm-acompletion"
    assert int(span["endTimeUnixNano"]) > int(span["startTimeUnixNano"])
    assert told["langfuse.observation.type"] == "generation"
    assert told["langfuse.observation.model.name"] == record.upstream_model
    assert json.loads(told["langfuse.observation.input"]) == record.request["messages"]
    assert json.loads(told["langfuse.observation.output"]) == record.response["choices"][0]["message"]
    usage = json.loads(told["langfuse.observation.usage_details"])
    assert usage["input"] == record.usage["prompt_tokens"]
    assert usage["output"] == record.usage["completion_tokens"]
    assert told["langfuse.trace.tags"] == ["a", "b"]
    assert told["user.id"] == "user-7"
    assert told["langfuse.observation.level"] == "DEFAULT"


def test_a_failure():
    record = sample_record("failure")
    span, told = one(record)
    assert told["langfuse.observation.level"] == "ERROR"
    assert told["langfuse.observation.status_message"] == record.error.message
    assert span["status"] == {"code": 2, "message": record.error.message}


def test_a_stream_says_when_it_began():
    assert one(sample_record("stream"))[1]["langfuse.observation.completion_start_time"].endswith("+00:00")


def test_what_a_request_says_of_its_trace():
    record = asking(
        trace_id="my-trace",
        trace_name="shop",
        trace_user_id="u",
        session_id="s",
        generation_name="answer",
        generation_id="1234567890abcdef",
        parent_observation_id="step",
        tags=["x"],
        version="7",
        trace_release="r",
        trace_metadata={"basket": 3},
        prompt={"name": "greeting", "version": 2},
    )
    span, told = one(record)
    assert span["traceId"] == sha256(b"my-trace").hexdigest()[:32]
    assert span["spanId"] == "1234567890abcdef"
    assert span["parentSpanId"] == sha256(b"step").hexdigest()[:16]
    assert span["name"] == "answer"
    expected = {
        "langfuse.trace.name": "shop",
        "user.id": "u",
        "session.id": "s",
        "langfuse.trace.tags": ["a", "b", "x"],
        "langfuse.version": "7",
        "langfuse.release": "r",
        "langfuse.trace.metadata.basket": "3",
        "langfuse.trace.metadata.trace_id": "my-trace",
        "langfuse.observation.prompt.name": "greeting",
        "langfuse.observation.prompt.version": 2,
    }
    assert {key: told[key] for key in expected} == expected


def test_header_fields_win():
    told = one(asking(trace_name="by body", langfuse_trace_name="by header", langfuse_tags="a, b"))[1]
    assert told["langfuse.trace.name"] == "by header"
    assert told["langfuse.trace.tags"] == ["a", "b"]  # those of the request are the same two


def test_an_existing_trace_is_changed_only_as_asked():
    told = one(asking(existing_trace_id="t" * 3, trace_name="new", session_id="s", update_trace_keys=["session_id"]))[1]
    assert told["session.id"] == "s"
    assert "langfuse.trace.name" not in told


def test_content_is_masked_where_that_is_wanted():
    span, _ = one(asking(mask_input=True, langfuse_mask_output="true"))
    assert CONTENT_CANARY not in str(span)
    assert REDACTED in str(span)
    redacted = replace(sample_record("success"), request=None, response=None)
    told = one(redacted)[1]
    assert told["langfuse.observation.input"] == told["langfuse.observation.output"] == REDACTED


def test_tags_by_default():
    record = replace(sample_record("success"), cache_hit=True, cache_key="k1")
    tags = one(record, langfuse_default_tags=["cache_hit", "cache_key", "user_api_key_alias", "nothing"])[1]
    assert {"cache_hit:True", "cache_key:k1"} <= set(tags["langfuse.trace.tags"])
    assert not any(tag.startswith("nothing") for tag in tags["langfuse.trace.tags"])


def test_cost():
    told = one(replace(sample_record("success"), cost=0.5, cost_breakdown=None))[1]
    assert json.loads(told["langfuse.observation.cost_details"]) == {"total": 0.5}


def test_a_sample():
    records = [replace(sample_record("success"), id=f"call-{number}") for number in range(400)]
    _, spans = sent(*records, sample_rate=0.25)
    assert 60 < len(spans) < 140
    assert sent(*records[:5], sample_rate=0.0)[1] == []


def test_large_calls_go_in_requests_of_their_own():
    large = {"messages": [{"role": "user", "content": "x" * 2_000_000}]}
    heads, spans = sent(*(replace(sample_record("success"), id=f"c{i}", request=large) for i in range(4)), batch_size=4)
    assert len(heads) == 4
    assert len(spans) == 4


def test_settings_come_from_the_environment():
    environ = {
        "LANGFUSE_PUBLIC_KEY": "pk",
        "LANGFUSE_SECRET_KEY": "sk-1",
        "LANGFUSE_HOST": "https://lf.example/",
        "LANGFUSE_FLUSH_AT": "7",
        "LANGFUSE_SAMPLE_RATE": "0.5",
    }
    settings = LangfuseSettings(environ=environ)
    callback = Langfuse(settings)
    assert settings.host == "https://lf.example"
    assert callback.batch_size == 7
    assert "sk-1" not in repr(settings) + repr(callback)


@pytest.mark.parametrize(
    ("values", "environ", "message"),
    [
        ({}, {}, "LANGFUSE_PUBLIC_KEY"),
        ({"langfuse_public_key": "pk"}, {}, "LANGFUSE_SECRET_KEY"),
        ({**KEYS, "langfuse_host": "ftp://tok-1"}, {}, "http://"),
        ({**KEYS, "langfuse_secret_key": "tok-1\n"}, {}, "characters"),
        (KEYS, {"LANGFUSE_TIMEOUT": "tok-1"}, "LANGFUSE_TIMEOUT"),
    ],
)
def test_settings_that_cannot_work_are_refused_without_showing_them(values, environ, message):
    with pytest.raises(ValueError, match=message) as caught:
        Langfuse(LangfuseSettings(environ=environ, **values))
    assert "tok-1" not in str(caught.value)


def test_the_official_protobufs_read_it():
    """OTLP's JSON has ids in hex where protobuf's own has base64."""
    json_format = pytest.importorskip("google.protobuf.json_format")
    service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    _, spans = sent(sample_record("stream"), sample_record("failure"))
    for span in spans:
        for name in ("traceId", "spanId", "parentSpanId"):
            if name in span:
                span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    told = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
    request = json_format.ParseDict(told, service.ExportTraceServiceRequest())
    [first, second] = request.resource_spans[0].scope_spans[0].spans
    assert (len(first.trace_id), len(first.span_id)) == (16, 8)
    assert second.status.code == second.status.STATUS_CODE_ERROR
