"""Envelopes at a receiver on a real socket, read by Sentry's own client."""

from __future__ import annotations

import asyncio
import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from tianji_callback_sentry import Sentry, SentrySettings
from tianji_core.api.callback import Callback, GatewayEvent
from tianji_core.telemetry import CallbackDispatcher, Subscription
from tianji_core.testing import CallbackConformance
from tianji_core.testing.callback import HttpSink, Sink
from tianji_core.testing.standard import CONTENT_CANARY, sample_record

PATH = "/prefix/api/42/envelope/"
FAILURE = sample_record("failure")


def event_of(body: bytes) -> dict[str, Any]:
    _, item, payload, end = gzip.decompress(body).split(b"\n")
    assert json.loads(item)["length"] == len(payload)
    assert end == b""
    return json.loads(payload)


def dsn(sink: HttpSink, key: str = "kit-public-key") -> str:
    return sink.url.removesuffix("/api/42/envelope/").replace("http://", f"http://{key}@") + "/42"


class TestSentry(CallbackConformance):
    outcomes = frozenset({"failure"})
    secrets = ("kit-public-key",)

    def sink(self) -> Sink:
        return HttpSink(lambda body: [event_of(body)["tags"]["call_id"]], path=PATH)

    def callback(self, sink: Any) -> Callback:
        return Sentry(SentrySettings(dsn=dsn(sink), timeout=5.0))


def sent(*what, **settings):
    async def main():
        async with HttpSink(lambda body: [], path=PATH) as sink:
            made = SentrySettings(**{"dsn": dsn(sink), "timeout": 1.0, **settings})
            dispatcher = CallbackDispatcher([Subscription("sentry", Sentry(made))])
            dispatcher.start()
            for each in what:
                (dispatcher.tell if isinstance(each, GatewayEvent) else dispatcher.put)(each)
            await dispatcher.aclose()
            return sink.requests

    return asyncio.run(main())


def test_a_failure_is_an_event():
    [(head, body)] = sent(FAILURE, sample_record("success"), environment="test", release="r1")
    assert head.startswith(f"POST {PATH} ")
    assert "sentry_key=kit-public-key" in head
    event = event_of(body)
    [raised] = event["exception"]["values"]
    assert (raised["type"], raised["value"]) == (FAILURE.error.kind, FAILURE.error.message)
    assert event["tags"]["model_group"] == FAILURE.model_group
    assert event["environment"] == "test"
    assert event["release"] == "r1"
    assert len(event["event_id"]) == 32
    assert CONTENT_CANARY not in str(event)


def test_sentrys_client_reads_it():
    envelope = pytest.importorskip("sentry_sdk.envelope")
    [(_, body)] = sent(FAILURE)
    read = envelope.Envelope.deserialize(gzip.decompress(body))
    assert read.get_event()["tags"]["call_id"] == FAILURE.id
    assert read.headers["event_id"] == read.get_event()["event_id"]


def test_callers_mistakes_are_warnings():
    mistake = replace(FAILURE, error=replace(FAILURE.error, status=400))
    [(_, body)] = sent(mistake)
    assert event_of(body)["level"] == "warning"


def test_what_is_critical_about_the_gateway():
    critical = GatewayEvent("budget_alerts", "Used up.", 1.0, "critical", {"name": "openai"})
    [(_, body)] = sent(critical, GatewayEvent("cooldown_deployment", "Rests.", 1.0))
    event = event_of(body)
    assert event["level"] == "fatal"
    assert event["message"] == {"formatted": "Used up."}
    assert event["tags"] == {"kind": "budget_alerts", "name": "openai"}


def test_a_sample():
    records = [replace(FAILURE, id=f"f{number}") for number in range(200)]
    assert 20 < len(sent(*records, sample_rate=0.25)) < 80


@pytest.mark.parametrize(
    ("values", "environ", "message"),
    [
        ({}, {}, "SENTRY_DSN"),
        ({"dsn": "https://host/42"}, {}, "https://KEY@HOST/PROJECT"),
        ({"dsn": "https://tok-1@host/project"}, {}, "https://KEY@HOST/PROJECT"),
        ({"dsn": "ftp://tok-1@host/1"}, {}, "https://KEY@HOST/PROJECT"),
        ({"dsn": "https://k@h/1"}, {"SENTRY_API_SAMPLE_RATE": "tok-1"}, "SENTRY_API_SAMPLE_RATE"),
    ],
)
def test_settings_that_cannot_work_are_refused_without_showing_them(values, environ, message):
    with pytest.raises(ValueError, match=message) as caught:
        Sentry(SentrySettings(environ=environ, **values))
    assert "tok-1" not in str(caught.value)
