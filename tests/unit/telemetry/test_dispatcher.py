"""Records on their way to the callbacks."""

from __future__ import annotations

import asyncio
import time

from tianji_core.api.call import ANONYMOUS
from tianji_core.api.callback import Callback, CallRecord
from tianji_core.telemetry import CallbackDispatcher, dispatcher
from tianji_core.telemetry.dispatcher import Subscription


def record(number=0, outcome="success"):
    fields = dict.fromkeys(CallRecord.__dataclass_fields__)
    known = {"id": str(number), "outcome": outcome, "principal": ANONYMOUS, "started_at": 0.0, "ended_at": 1.0}
    return CallRecord(**{**fields, **known, "attempts": (), "tags": (), "metadata": {}, "guardrails": ()})


class Sink(Callback):
    def __init__(self, seconds=0.0, failure=None):
        self.seen, self.closed, self.cut = [], 0, 0
        self.seconds, self.failure = seconds, failure

    async def on_call(self, record):
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cut += 1
            raise
        if self.failure:
            raise self.failure
        self.seen.append(record.id)

    async def aclose(self):
        self.closed += 1
        if self.failure:
            raise self.failure


def run(records, *subscriptions):
    async def main():
        found = CallbackDispatcher(subscriptions)
        found.start()
        for each in records:
            found.put(each)
        await found.aclose()
        assert len(asyncio.all_tasks()) == 1, "a task was left behind"
        return found

    return asyncio.run(main())


def test_everything_is_delivered_before_it_closes():
    sink = Sink(0.001)
    run([record(i) for i in range(300)], Subscription("s", sink))
    assert sorted(map(int, sink.seen)) == list(range(300))
    assert sink.closed == 1


def test_who_wants_what():
    successes, failures = Sink(), Sink()
    records = [record(0), record(1, "failure")]
    run(records, Subscription("s", successes, True, False), Subscription("f", failures, False, True))
    assert (successes.seen, failures.seen) == (["0"], ["1"])


def test_failures_stay_where_they_are():
    good, bad = Sink(), Sink(failure=RuntimeError("x"))
    found = run([record(i) for i in range(3)], Subscription("b", bad), Subscription("g", good))
    assert good.seen == ["0", "1", "2"]
    assert found.failed == 3
    assert bad.closed == 1


def test_a_slow_sink_is_cut_off_and_holds_nobody_up(monkeypatch):
    monkeypatch.setattr(dispatcher, "DEADLINE", 0.1)
    slow, quick = Sink(60), Sink()
    started = time.monotonic()
    found = run([record(i) for i in range(10)], Subscription("s", slow), Subscription("q", quick))
    assert time.monotonic() - started < 2
    assert len(quick.seen) == 10
    assert slow.cut == 10
    assert found.failed == 10


def test_closing_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr(dispatcher, "CLOSE_DEADLINE", 0.1)
    slow = Sink(60)
    started = time.monotonic()
    run([record(i) for i in range(500)], Subscription("s", slow))
    assert time.monotonic() - started < 2
    assert slow.closed == 1


def test_a_full_queue_drops_the_oldest(monkeypatch):
    monkeypatch.setattr(dispatcher, "QUEUE_SIZE", 10)
    sink = Sink()
    found = run([record(i) for i in range(25)], Subscription("s", sink))
    assert sink.seen == [str(i) for i in range(15, 25)]
    assert found.dropped == 15


def test_nobody_listens():
    found = run([])
    assert not found.active
    assert not found.wants_content
