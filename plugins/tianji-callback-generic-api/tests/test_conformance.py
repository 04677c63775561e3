import json

from tianji_callback_generic_api import GenericApi, GenericApiSettings
from tianji_core.api.callback import Callback
from tianji_core.testing import CallbackConformance
from tianji_core.testing.callback import HttpSink, Sink


def fast(sink: HttpSink, **more: object) -> GenericApiSettings:
    quick = {"flush_interval": 0.05, "timeout": 0.5, "retry_delay": 0.02, "max_retries": 2, "close_timeout": 30}
    token = {"endpoint": sink.url, "headers": {"Authorization": "Bearer kit-secret-token"}}
    return GenericApiSettings(**{**token, **quick, **more})


class TestGenericApi(CallbackConformance):
    secrets = ("kit-secret-token", "path-secret", "query-secret")

    def sink(self) -> Sink:
        return HttpSink(lambda body: [event["id"] for event in json.loads(body)], path="/path-secret?t=query-secret")

    def callback(self, sink: Sink) -> Callback:
        return GenericApi(fast(sink))


class TestGenericApiAsLines(CallbackConformance):
    def sink(self) -> Sink:
        return HttpSink(lambda body: [json.loads(line)["id"] for line in body.splitlines()])

    def callback(self, sink: Sink) -> Callback:
        return GenericApi(fast(sink, log_format="ndjson"))


class TestGenericApiOneByOne(CallbackConformance):
    outcomes = frozenset({"failure"})

    def sink(self) -> Sink:
        return HttpSink(lambda body: [json.loads(body)["id"]])

    def callback(self, sink: Sink) -> Callback:
        return GenericApi(fast(sink, log_format="single", event_types=["llm_api_failure"]))
