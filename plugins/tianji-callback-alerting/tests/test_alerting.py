"""Alerts at receivers on real sockets: what gives reason to one, to whom it goes, in which shape, and how often."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from email import message_from_bytes

import pytest

from tianji_callback_alerting import Alerting, AlertingSettings
from tianji_callback_alerting.alert import Alert, Memory
from tianji_callback_alerting.channels import Channels
from tianji_core.api.callback import ErrorRecord, GatewayEvent
from tianji_core.telemetry import CallbackDispatcher, Subscription, delivery
from tianji_core.testing.callback import HttpSink
from tianji_core.testing.standard import CONTENT_CANARY, sample_record

VARIABLES = {
    "slack": "SLACK_WEBHOOK_URL",
    "ms_teams": "MS_TEAMS_WEBHOOK_URL",
    "discord": "DISCORD_WEBHOOK_URL",
    "webhook": "WEBHOOK_URL",
    "pagerduty": "PAGERDUTY_URL",
}
SUCCESS, FAILURE = sample_record("success"), sample_record("failure")


class Clock:
    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(delivery, "FIRST_DELAY", 0.02)


@asynccontextmanager
async def running(*channels, clock=None, **settings):
    """A dispatcher with the callback, and a receiver for each channel."""
    sinks = {name: HttpSink(lambda body: []) for name in channels if name != "email"}
    for sink in sinks.values():
        await sink.__aenter__()
    environ = {VARIABLES[name]: sink.url for name, sink in sinks.items()}
    environ.update({"PAGERDUTY_API_KEY": "routing-key-secret", **settings.pop("environ", {})})
    clock = clock if clock is not None else Clock()
    callback = Alerting(AlertingSettings(alerting=list(channels), environ=environ, **settings), clock)
    callback.flush_interval = 0.01
    dispatcher = CallbackDispatcher([Subscription("alerting", callback)])
    dispatcher.start()
    try:
        yield dispatcher, {name: Receiver(sink) for name, sink in sinks.items()}
    finally:
        await dispatcher.aclose()
        for sink in sinks.values():
            await sink.__aexit__(None, None, None)


class Receiver:
    def __init__(self, sink):
        self.sink = sink

    @property
    def bodies(self):
        return [json.loads(body) for _, body in self.sink.requests]

    def texts(self):
        return [json.dumps(body) for body in self.bodies]


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the condition is the receiver's own state
            await asyncio.sleep(0.005)


def event(kind="cooldown_deployment", message="It rests.", level="warning", **fields):
    return GatewayEvent(kind, message, 1_800_000_000.0, level, fields)


def failures(count, **changes):
    begun = 1_800_000_000.0
    return [
        replace(FAILURE, id=f"f{i}", started_at=begun, ended_at=begun + 1 + i / 100, **changes) for i in range(count)
    ]


def test_the_shape_for_each_channel():
    async def main():
        async with running("slack", "ms_teams", "discord", "pagerduty", "webhook") as (dispatcher, at):
            dispatcher.tell(event(message="A <rest> & more.", model_group="gpt", deployment_id="d-1"))
            await until(lambda: all(receiver.bodies for receiver in at.values()))
            return {name: receiver.bodies[0] for name, receiver in at.items()}

    told = asyncio.run(main())
    assert told["slack"]["text"].startswith("*Cooldown deployment* (warning)\nA &lt;rest&gt; &amp; more.")
    [card] = told["ms_teams"]["attachments"]
    assert told["ms_teams"]["type"] == "message"
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert card["content"]["type"] == "AdaptiveCard"
    assert {"title": "model_group", "value": "gpt"} in card["content"]["body"][2]["facts"]
    [embed] = told["discord"]["embeds"]
    assert "A <rest> & more." in embed["description"]
    assert told["discord"]["allowed_mentions"] == {"parse": []}
    pager = told["pagerduty"]
    assert pager["routing_key"] == "routing-key-secret"
    assert pager["event_action"] == "trigger"
    assert {"summary", "source", "severity"} <= pager["payload"].keys()
    assert told["webhook"]["event_message"] == "A <rest> & more."
    assert told["webhook"]["event_group"] == "proxy"
    assert told["webhook"]["deployment_id"] == "d-1"


def test_an_incident_begins_and_ends():
    async def main():
        async with running("pagerduty") as (dispatcher, at):
            dispatcher.tell(event(deployment_id="d-1"))
            dispatcher.tell(event(message="Well again.", level="info", deployment_id="d-1", ended=True))
            dispatcher.tell(event(message="Well again.", level="info", deployment_id="d-2", ended=True))
            dispatcher.tell(event("db_exceptions", "Redis is away.", service="redis"))
            await until(lambda: len(at["pagerduty"].bodies) >= 3)
            return at["pagerduty"].bodies

    begun, ended, other = asyncio.run(main())
    assert (begun["event_action"], ended["event_action"]) == ("trigger", "resolve")
    assert begun["dedup_key"] == ended["dedup_key"] != other["dedup_key"]


def test_mail():
    smtp = pytest.importorskip("aiosmtpd.smtp")
    received = []

    class Handler:
        async def handle_DATA(self, server, session, envelope):
            received.append(envelope)
            return "250 OK"

    async def main():
        server = await asyncio.get_running_loop().create_server(lambda: smtp.SMTP(Handler()), "127.0.0.1", 0)
        environ = {
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(server.sockets[0].getsockname()[1]),
            "SMTP_SENDER_EMAIL": "gateway@example.org",
            "ALERT_EMAILS": "one@example.org, two@example.org",
            "SMTP_TLS": "False",
        }
        async with server, running("email", environ=environ) as (dispatcher, _):
            dispatcher.tell(event(message="Tief\nim Schlaf: ü", model_group="gpt"))
            await until(lambda: received)

    asyncio.run(main())
    assert received[0].rcpt_tos == ["one@example.org", "two@example.org"]
    message = message_from_bytes(received[0].content)
    assert "Cooldown deployment" in str(message["Subject"])
    assert "model_group: gpt" in message.get_payload(decode=True).decode()


def test_failures_slowness_and_outages():
    slow = replace(SUCCESS, id="slow", started_at=1_800_000_000.0, ended_at=1_800_000_500.0)

    async def main():
        async with running("webhook", alerting_threshold=100) as (dispatcher, at):
            for record in [slow, *failures(12)]:
                dispatcher.put(record)
            await until(lambda: len(at["webhook"].bodies) >= 4)
            return at["webhook"].bodies

    told = asyncio.run(main())
    assert [each["alert_type"] for each in told] == ["llm_too_slow", "llm_exceptions", "outage_alerts", "outage_alerts"]
    assert told[0]["seconds"] == 500.0
    assert told[1]["error"] == FAILURE.error.kind
    assert told[2]["level"] == "warning"
    assert told[2]["failed"] == 5
    assert told[3]["level"] == "critical"
    assert told[3]["failed"] == 10
    assert CONTENT_CANARY not in str(told)


def test_what_callers_do_wrong_is_no_alert():
    wrong = ErrorRecord("BadRequestError", 400, "x")

    async def main():
        async with running("webhook") as (dispatcher, at):
            for record in failures(20, error=wrong):
                dispatcher.put(record)
            await asyncio.sleep(0.2)
            return at["webhook"].bodies

    assert asyncio.run(main()) == []


def test_an_error_rate_is_an_outage_too():
    args = {"minor_outage_alert_threshold": 1000, "major_outage_alert_threshold": 1000, "error_rate_alert_calls": 8}

    async def main():
        async with running("webhook", alert_types=["outage_alerts"], alerting_args=args) as (dispatcher, at):
            for number in range(10):
                record = SUCCESS if number % 2 else FAILURE
                changed = replace(record, id=str(number), ended_at=1_800_000_000.0, model_group="g", deployment_id="d")
                dispatcher.put(changed)
            await until(lambda: at["webhook"].bodies)
            return at["webhook"].bodies

    [told] = asyncio.run(main())
    assert told["failed"] / told["calls"] >= 0.5
    assert told["calls"] >= 8


def test_the_same_is_told_once_within_its_time():
    clock = Clock()

    async def main():
        async with running("slack", clock=clock, alerting_args={"alert_ttl": 100}) as (dispatcher, at):
            for _ in range(3):
                dispatcher.tell(event(deployment_id="d"))
            dispatcher.tell(event(deployment_id="other"))
            await until(lambda: len(at["slack"].bodies) == 2)
            clock.now += 101
            dispatcher.tell(event(deployment_id="d"))
            await until(lambda: len(at["slack"].bodies) == 3)
            dispatcher.tell(event("budget_alerts", "Crossed.", name="b"))
            clock.now += 3_600
            dispatcher.tell(event("budget_alerts", "Crossed.", name="b"))
            await until(lambda: len(at["slack"].bodies) == 4)
            await asyncio.sleep(0.1)
            return len(at["slack"].bodies)

    assert asyncio.run(main()) == 4


def test_only_the_kinds_that_are_wanted():
    async def main():
        async with running("slack", alert_types=["db_exceptions"]) as (dispatcher, at):
            dispatcher.tell(event())
            for record in failures(20):
                dispatcher.put(record)
            dispatcher.tell(event("db_exceptions", "Away.", service="redis"))
            await until(lambda: at["slack"].bodies)
            return at["slack"].texts()

    [text] = asyncio.run(main())
    assert "Away." in text


def test_kinds_have_slack_webhooks_of_their_own():
    async def main():
        async with HttpSink(lambda body: []) as own, HttpSink(lambda body: []) as second:
            urls = {"db_exceptions": [own.url, second.url]}
            async with running("slack", "webhook", alert_to_webhook_url=urls) as (dispatcher, at):
                dispatcher.tell(event("db_exceptions", "Away.", service="redis"))
                dispatcher.tell(event())
                await until(lambda: len(at["webhook"].bodies) == 2 and at["slack"].bodies)
                return len(own.requests), len(second.requests), len(at["slack"].bodies)

    assert asyncio.run(main()) == (1, 1, 1)


def test_digests():
    clock = Clock()
    gathered = {"llm_exceptions": {"digest": True, "digest_interval": 0.2}}

    async def main():
        async with running("slack", clock=clock, alert_types=["llm_exceptions"], alert_type_config=gathered) as (
            dispatcher,
            at,
        ):
            for number in range(5):
                dispatcher.put(replace(FAILURE, id=str(number), model_group=f"m{number}"))
            await asyncio.sleep(0.1)
            assert at["slack"].bodies == []
            clock.now += 1
            await until(lambda: at["slack"].bodies)
            return at["slack"].texts()

    [text] = asyncio.run(main())
    assert "5 alerts of this kind" in text
    assert "m3" in text


def test_reports():
    clock = Clock()
    args = {"daily_report_frequency": 100, "weekly_report_frequency": 1000, "report_check_interval": 0.05}

    async def main():
        async with running(
            "slack", clock=clock, alerting_args=args, alert_types=["daily_reports", "spend_reports"]
        ) as (
            dispatcher,
            at,
        ):
            for record in [*failures(3), *(replace(SUCCESS, id=f"s{i}", cost=0.5) for i in range(4))]:
                dispatcher.put(record)
            await until(lambda: dispatcher.deliveries[0].queued == 0)
            clock.now += 101
            await until(lambda: len(at["slack"].bodies) == 1)
            clock.now += 1000
            await until(lambda: len(at["slack"].bodies) == 3)
            return at["slack"].texts()

    texts = asyncio.run(main())
    assert "7 calls, 3 failed" in texts[0]
    assert any("2.00 dollars" in text for text in texts)


def test_each_channel_gets_each_alert_though_another_fails():
    async def main():
        async with running("slack", "webhook") as (dispatcher, at):
            at["slack"].sink.failing = True
            for number in range(3):
                dispatcher.tell(event(deployment_id=str(number)))
            await until(lambda: len(at["webhook"].bodies) == 3 and len(at["slack"].bodies) >= 3)
            at["slack"].sink.failing = False
            before = len(at["slack"].bodies)
            await until(lambda: len(at["slack"].bodies) >= before + 3)
            await asyncio.sleep(0.1)
            return at["webhook"].texts(), at["slack"].texts()[before:]

    webhook, slack = asyncio.run(main())
    assert len(webhook) == 3, "a channel that has it is not told again"
    assert {number for number in "012" if any(f"deployment_id: {number}" in text for text in slack)} == set("012")


def test_what_a_channel_refuses_is_lost_and_the_next_goes_on():
    async def main():
        async with running("slack") as (dispatcher, at):
            at["slack"].sink.failing, at["slack"].sink.failing_status = True, 404
            dispatcher.tell(event(deployment_id="1"))
            await until(lambda: at["slack"].bodies)
            at["slack"].sink.failing = False
            dispatcher.tell(event(deployment_id="2"))
            await until(lambda: len(at["slack"].bodies) == 2)
            return dispatcher.subscriptions[0].callback.lost

    assert asyncio.run(main()) == 1


def test_what_waits_goes_out_at_the_end():
    async def main():
        async with running("slack", alert_type_config={"cooldown_deployment": {"digest": True}}) as (dispatcher, at):
            dispatcher.tell(event(deployment_id="1"))
            await asyncio.sleep(0.05)
            receiver = at["slack"]
            await dispatcher.aclose()
            return receiver.texts()

    assert len(asyncio.run(main())) == 1


def test_the_memory_is_bounded():
    memory = Memory(most=100)
    for number in range(1_000):
        assert memory.is_new(Alert("k", "m", 0.0, key=str(number)), 10.0, 0.0)
    assert len(memory._until) <= 100


@pytest.mark.parametrize(
    ("channel", "environ", "message"),
    [
        ("slack", {}, "SLACK_WEBHOOK_URL"),
        ("ms_teams", {}, "MS_TEAMS_WEBHOOK_URL"),
        ("discord", {}, "DISCORD_WEBHOOK_URL"),
        ("pagerduty", {}, "PAGERDUTY_API_KEY"),
        ("email", {}, "SMTP_HOST"),
        ("email", {"SMTP_HOST": "h", "SMTP_SENDER_EMAIL": "a@b", "SMTP_PORT": "tok-1"}, "SMTP_PORT"),
        ("webhook", {"WEBHOOK_URL": "ftp://tok-1"}, "http://"),
    ],
)
def test_channels_that_cannot_work_say_what_is_missing(channel, environ, message):
    with pytest.raises(ValueError, match=message) as caught:
        Channels(AlertingSettings(alerting=[channel], environ=environ))
    assert "tok-1" not in str(caught.value)


def test_no_secret_shows(caplog):
    caplog.set_level(0)

    async def main():
        environ = {"SLACK_WEBHOOK_URL": "http://127.0.0.1:9/services/tok-1"}
        settings = AlertingSettings(alerting=["slack"], environ=environ, alert_to_webhook_url={"x": "http://h/tok-2"})
        callback = Alerting(settings)
        dispatcher = CallbackDispatcher([Subscription("alerting", callback)])
        dispatcher.start()
        dispatcher.tell(event())
        await asyncio.sleep(0.1)
        await dispatcher.deliveries[0].aclose(0.1)
        return repr(settings) + repr(callback)

    assert "tok-" not in asyncio.run(main()) + caplog.text
