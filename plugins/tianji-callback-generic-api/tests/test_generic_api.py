"""The webhook against a real HTTP server: formats, batches, retries, bounds, the end."""

import asyncio
import json
import logging
from dataclasses import replace
from itertools import pairwise
from time import perf_counter

import pytest

from tianji_callback_generic_api import GenericApi, GenericApiSettings
from tianji_callback_generic_api.encode import encode
from tianji_core.testing.callback import HttpSink
from tianji_core.testing.standard import sample_record

SUCCESS, FAILURE = sample_record("success"), sample_record("failure")
QUICK = {"flush_interval": 0.05, "timeout": 1.0, "retry_delay": 0.01, "max_retries": 3, "close_timeout": 3.0}


def ids(body: bytes) -> list[str]:
    return [event["id"] for event in json.loads(body)]


def numbered(count: int, record=SUCCESS):
    return [replace(record, id=f"call-{number}") for number in range(count)]


def play(scene, *, make_ids=ids, path="/ingest", **settings):
    """Run `scene(callback, sink)` and close: the callback and the sink, for what is to be asserted."""

    async def run():
        async with HttpSink(make_ids, path=path) as sink:
            callback = GenericApi(GenericApiSettings(**{"endpoint": sink.url, **QUICK, **settings}))
            try:
                await scene(callback, sink)
            finally:
                await callback.aclose()
            return callback, sink

    return asyncio.run(run())


async def until(condition):
    while not condition():  # noqa: ASYNC110 - the condition is the server's or the callback's own state
        await asyncio.sleep(0.005)


def sending(records, wait=0.0):
    async def scene(callback, sink):
        for record in records:
            await callback.on_call(record)
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


def test_a_full_batch_goes_at_once_and_the_rest_after_the_interval():
    async def scene(callback, sink):
        for record in numbered(25):
            await callback.on_call(record)
        await asyncio.sleep(0.3)
        seen.append([len(json.loads(body)) for _, body in sink.requests])

    seen = []
    play(scene, batch_size=10, flush_interval=60.0)
    assert seen == [[10, 10, 5]]


def test_one_event_waits_for_the_interval_and_no_longer():
    async def scene(callback, sink):
        await callback.on_call(SUCCESS)
        await asyncio.sleep(0.1)
        assert not sink.requests
        await asyncio.sleep(0.4)
        assert len(sink.requests) == 1

    play(scene, flush_interval=0.25)


def test_a_batch_ends_early_where_it_would_get_too_large():
    big = [replace(r, request={"messages": [{"role": "user", "content": "x" * 1_500_000}]}) for r in numbered(6)]
    callback, sink = play(sending(big))
    assert [len(json.loads(body)) for _, body in sink.requests] == [2, 2, 2]
    assert callback.lost == 0


@pytest.mark.parametrize("status", [500, 502, 503, 599])
def test_server_errors_are_tried_again(status):
    async def scene(callback, sink):
        sink.failing, sink.failing_status = True, status
        await callback.on_call(SUCCESS)
        await until(lambda: len(sink.requests) >= 2)
        sink.failing = False

    callback, sink = play(scene, max_retries=50)
    assert sink.received() == ["call-success"]
    assert callback.lost == 0


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 413, 429])
def test_other_answers_are_not_tried_again(status):
    async def scene(callback, sink):
        sink.failing, sink.failing_status = True, status
        await callback.on_call(SUCCESS)
        await asyncio.sleep(0.3)

    callback, sink = play(scene)
    assert len(sink.requests) == 1
    assert callback.lost == 1


def test_after_the_last_retry_the_batch_is_given_up_and_the_next_one_goes_on():
    async def scene(callback, sink):
        sink.failing = True
        await callback.on_call(FAILURE)
        await until(lambda: callback.lost)
        sink.failing = False
        await callback.on_call(SUCCESS)

    callback, sink = play(scene, max_retries=2)
    assert len(sink.requests) == 4
    assert sink.received() == ["call-success"]
    assert callback.lost == 1


def test_a_time_out_is_tried_again():
    async def scene(callback, sink):
        sink.delay = 5.0
        await callback.on_call(SUCCESS)
        await until(lambda: sink.requests)
        sink.delay = 0.0

    callback, sink = play(scene, timeout=0.2)
    assert sink.received() == ["call-success"]
    assert callback.lost == 0


def test_a_refused_connection_is_tried_again_and_then_given_up(caplog):
    async def run():
        callback = GenericApi(GenericApiSettings(endpoint="http://127.0.0.1:9/secret-path", **QUICK))
        await callback.on_call(SUCCESS)
        await asyncio.sleep(0.5)
        await callback.aclose()
        return callback

    assert asyncio.run(run()).lost == 1
    assert "ConnectError" in caplog.text
    assert "secret-path" not in caplog.text


def test_waits_between_tries_grow_and_vary():
    async def scene(callback, sink):
        sink.failing = True
        await callback.on_call(SUCCESS)
        for tries in (1, 2, 3, 4):
            await until(lambda tries=tries: len(sink.requests) >= tries)
            times.append(perf_counter())

    times = []
    play(scene, retry_delay=0.1, max_retries=3)
    first, second, third = (after - before for before, after in pairwise(times))
    assert 0.04 < first < 0.2
    assert 0.09 < second < 0.35
    assert 0.19 < third < 0.6


def test_a_full_queue_drops_the_oldest_counts_them_and_logs_one_line(caplog):
    async def scene(callback, sink):
        sink.delay = 60.0
        for record in numbered(100):
            await callback.on_call(record)
        sink.delay = 0.0

    callback, sink = play(scene, max_queue=10)
    assert callback.lost == 90
    assert sink.received() == [f"call-{n}" for n in range(90, 100)]
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("tianji")]
    assert len(lines) == 2, "one while it happens, one with the final count"
    assert "90 events" in lines[-1]


def test_the_queue_is_bounded_in_bytes_too():
    size = len(encode(SUCCESS))
    callback, sink = play(sending(numbered(20)), max_queue_bytes=5 * (size + 10))
    assert callback.lost == 15
    assert len(sink.received()) == 5


def test_on_call_does_not_wait_for_a_webhook_that_hangs():
    async def scene(callback, sink):
        sink.delay = 60.0
        started = perf_counter()
        for record in numbered(2_000):
            await callback.on_call(record)
        took.append(perf_counter() - started)

    took = []
    play(scene, close_timeout=0.1)
    assert took[0] < 1.0


def test_closing_flushes_at_once_and_is_bounded():
    async def scene(callback, sink):
        await callback.on_call(SUCCESS)
        started = perf_counter()
        await callback.aclose()
        took.append(perf_counter() - started)

    took = []
    _, sink = play(scene, flush_interval=60.0)
    assert sink.received() == ["call-success"]
    assert took[0] < 1.0


def test_closing_cuts_a_long_back_off_short():
    async def scene(callback, sink):
        sink.failing = True
        await callback.on_call(SUCCESS)
        await until(lambda: len(sink.requests) >= 6)
        sink.failing = False

    callback, sink = play(scene, retry_delay=0.05, max_retries=20)
    assert sink.received() == ["call-success"]
    assert callback.lost == 0


def test_what_is_left_when_closing_takes_too_long_is_counted():
    async def scene(callback, sink):
        sink.delay = 60.0
        for record in numbered(7):
            await callback.on_call(record)
        await asyncio.sleep(0.15)
        started = perf_counter()
        await callback.aclose()
        took.append(perf_counter() - started)

    took = []
    callback, _ = play(scene, close_timeout=0.2, timeout=30.0)
    assert callback.lost == 7
    assert took[0] < 1.5


def test_a_call_after_the_end_is_counted_and_nothing_else():
    async def scene(callback, sink):
        await callback.aclose()
        await callback.on_call(SUCCESS)

    callback, sink = play(scene)
    assert callback.lost == 1
    assert not sink.requests


def test_httpx_does_not_log_the_endpoint_and_keeps_its_voice_for_others(caplog):
    caplog.set_level(logging.DEBUG)
    play(sending([SUCCESS]), path="/tok-1?key=tok-2")
    assert "tok-" not in caplog.text
    assert not logging.getLogger("httpx").filters
