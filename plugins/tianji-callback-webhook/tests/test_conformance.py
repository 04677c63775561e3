import json

from tianji_callback_webhook import Webhook, WebhookSettings
from tianji_core.api.callback import Callback
from tianji_core.testing import CallbackConformance
from tianji_core.testing.callback import HttpSink, Sink


def fast(sink: HttpSink, **more: object) -> WebhookSettings:
    quick = {"flush_interval": 0.05, "timeout": 5.0}
    token = {"endpoint": sink.url, "headers": {"Authorization": "Bearer kit-secret-token"}}
    return WebhookSettings(**{**token, **quick, **more})


class TestWebhook(CallbackConformance):
    secrets = ("kit-secret-token", "path-secret", "query-secret")

    def sink(self) -> Sink:
        return HttpSink(lambda body: [event["id"] for event in json.loads(body)], path="/path-secret?t=query-secret")

    def callback(self, sink: Sink) -> Callback:
        return Webhook(fast(sink))


class TestWebhookWithLines(CallbackConformance):
    def sink(self) -> Sink:
        return HttpSink(lambda body: [json.loads(line)["id"] for line in body.splitlines()])

    def callback(self, sink: Sink) -> Callback:
        return Webhook(fast(sink, log_format="ndjson"))


class TestWebhookOneByOne(CallbackConformance):
    outcomes = frozenset({"failure"})

    def sink(self) -> Sink:
        return HttpSink(lambda body: [json.loads(body)["id"]])

    def callback(self, sink: Sink) -> Callback:
        return Webhook(fast(sink, log_format="single", event_types=["llm_api_failure"]))
