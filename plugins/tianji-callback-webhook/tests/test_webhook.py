"""The webhook against a real HTTP server: formats, batches, retries, bounds, the end."""

import asyncio
import json
from dataclasses import replace
from time import perf_counter

import pytest

from tianji_callback_webhook import Webhook, WebhookSettings
from tianji_core.telemetry import CallbackDispatcher, Subscription
from tianji_core.testing.callback import HttpSink
from tianji_core.testing.standard import sample_record

SUCCESS, FAILURE = sample_record("success"), sample_record("failure")
QUICK = {"flush_interval": 0.05, "timeout": 1.0}


def ids(body: bytes) -> list[str]:
    return [event["id"] for event in json.loads(body)]


def numbered(count: int, record=SUCCESS):
    return [replace(record, id=f"call-{number}") for number in range(count)]


def play(scene, *, make_ids=ids, path="/ingest", **settings):
    """Run `scene(delivery, sink)` and close: the delivery and the sink, for what is to be asserted."""

    async def run():
        async with HttpSink(make_ids, path=path) as sink:
            callback = Webhook(WebhookSettings(**{"endpoint": sink.url, **QUICK, **settings}))
            dispatcher = CallbackDispatcher([Subscription("w", callback)])
            dispatcher.start()
            [delivery] = dispatcher.deliveries
            try:
                await scene(delivery, sink)
            finally:
                await delivery.aclose(5.0)
            return delivery, sink

    return asyncio.run(run())


async def until(condition):
    while not condition():  # noqa: ASYNC110 - the condition is the server's or the callback's own state
        await asyncio.sleep(0.005)


def sending(records, wait=0.0):
    async def scene(delivery, sink):
        for record in records:
            delivery.put(record)
        await asyncio.sleep(wait)

    return scene


def test_the_body_is_an_array_of_payloads():
    _, sink = play(sending([SUCCESS, FAILURE]))
    ((head, body),) = sink.requests
    assert head.startswith("POST /ingest HTTP/1.1\r\n")
    assert "content-type: application/json\r\n" in head.lower()
    success, failure = json.loads(body)
    assert success["status"] == "success"
    assert success["messages"] == SUCCESS.request["messages"]
    assert success["response"] == SUCCESS.response
    assert failure["error_information"]["error_class"] == "ServiceUnavailableError"


def test_ndjson_has_one_line_for_each_event():
    _, sink = play(sending(numbered(3)), make_ids=lambda b: [json.loads(x)["id"] for x in b.splitlines()],
                   log_format="ndjson")  # fmt: skip
    ((head, body),) = sink.requests
    assert "content-type: application/x-ndjson\r\n" in head.lower()
    assert body.endswith(b"}\n")
    assert body.count(b"\n") == 3


def test_single_sends_one_request_for_each_event():
    _, sink = play(sending(numbered(40)), make_ids=lambda b: [json.loads(b)["id"]], log_format="single")
    assert len(sink.requests) == 40
    assert sorted(sink.received()) == sorted(f"call-{n}" for n in range(40))


def test_headers_come_with_every_request_and_may_set_the_content_type():
    settings = {"headers": {"X-Token": "s3cret", "content-type": "application/vnd.logs"}}
    _, sink = play(sending([SUCCESS]), **settings)
    head = sink.requests[0][0].lower()
    assert "x-token: s3cret\r\n" in head
    assert "content-type: application/vnd.logs\r\n" in head
    assert head.count("content-type") == 1


@pytest.mark.parametrize(
    ("events", "expected"), [(["llm_api_success"], ["call-success"]), (["llm_api_failure"], ["call-failure"])]
)
def test_only_the_chosen_events_are_sent(events, expected):
    _, sink = play(sending([SUCCESS, FAILURE]), event_types=events)
    assert sink.received() == expected


def test_a_full_batch_goes_at_once_and_the_rest_at_the_end():
    async def scene(delivery, sink):
        for record in numbered(25):
            delivery.put(record)
        await asyncio.sleep(0.3)
        seen.append([len(json.loads(body)) for _, body in sink.requests])

    seen = []
    _, sink = play(scene, batch_size=10, flush_interval=60.0)
    assert seen == [[10, 10]]
    assert len(sink.received()) == 25


def test_one_event_waits_for_the_interval_and_no_longer():
    async def scene(delivery, sink):
        delivery.put(SUCCESS)
        await asyncio.sleep(0.1)
        assert not sink.requests
        await asyncio.sleep(0.4)
        assert len(sink.requests) == 1

    play(scene, flush_interval=0.25)


def test_a_batch_ends_early_where_it_would_get_too_large():
    big = [replace(r, request={"messages": [{"role": "user", "content": "x" * 1_500_000}]}) for r in numbered(6)]
    delivery, sink = play(sending(big))
    assert [len(json.loads(body)) for _, body in sink.requests] == [2, 2, 2]
    assert delivery.delivered == 6


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 599])
def test_what_may_pass_is_tried_again(status):
    async def scene(delivery, sink):
        sink.failing, sink.failing_status = True, status
        delivery.put(SUCCESS)
        await until(lambda: sink.requests)
        sink.failing = False

    delivery, sink = play(scene)
    assert sink.received() == ["call-success"]
    assert delivery.failed == delivery.dropped == 0


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404])
def test_other_answers_are_not_tried_again(status):
    async def scene(delivery, sink):
        sink.failing, sink.failing_status = True, status
        delivery.put(SUCCESS)
        await until(lambda: delivery.failed)

    _, sink = play(scene)
    assert len(sink.requests) == 1


def test_what_is_too_large_for_the_webhook_goes_in_smaller_parts():
    async def scene(delivery, sink):
        sink.most = 3
        for record in numbered(16):
            delivery.put(record)

    delivery, sink = play(scene, flush_interval=0.2)
    assert sorted(sink.received()) == sorted(f"call-{n}" for n in range(16))
    assert delivery.delivered == 16


def test_a_time_out_is_tried_again():
    async def scene(delivery, sink):
        sink.delay = 5.0
        delivery.put(SUCCESS)
        await until(lambda: sink.requests)
        sink.delay = 0.0

    delivery, sink = play(scene, timeout=0.2)
    assert sink.received() == ["call-success"]
    assert delivery.failed == delivery.dropped == 0


def test_a_refused_connection_shows_nothing_of_the_address(capsys):
    async def run():
        callback = Webhook(WebhookSettings(endpoint="http://127.0.0.1:9/secret-path", **QUICK))
        dispatcher = CallbackDispatcher([Subscription("w", callback)])
        dispatcher.start()
        dispatcher.put(SUCCESS)
        await asyncio.sleep(0.2)
        [delivery] = dispatcher.deliveries
        await delivery.aclose(1.0)
        return delivery

    assert asyncio.run(run()).dropped == 1
    shown = capsys.readouterr()
    assert "secret-path" not in shown.out + shown.err


def test_closing_flushes_at_once():
    async def scene(delivery, sink):
        delivery.put(SUCCESS)
        started.append(perf_counter())

    started = []
    _, sink = play(scene, flush_interval=60.0)
    assert sink.received() == ["call-success"]
    assert perf_counter() - started[0] < 5.0
