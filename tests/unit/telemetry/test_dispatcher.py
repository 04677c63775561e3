"""Records on their way to the callbacks."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianji_core.api.call import ANONYMOUS
from tianji_core.api.callback import Callback, CallRecord, DeliveryError, GatewayEvent
from tianji_core.telemetry import CallbackDispatcher, Subscription, delivery, dispatcher


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
    monkeypatch.setattr(Sink, "deadline", 0.1)
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
    monkeypatch.setattr(delivery, "QUEUE_SIZE", 10)
    sink = Sink()
    found = run([record(i) for i in range(25)], Subscription("s", sink))
    assert sink.seen == [str(i) for i in range(15, 25)]
    assert found.dropped == 15


def test_nobody_listens():
    found = run([])
    assert not found.active
    assert not found.wants_content


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.002)


class Batches(Callback):
    batch_size = 10
    flush_interval = 0.05
    event_kinds = frozenset({"cooldown_deployment"})

    def __init__(self, *errors):
        self.batches, self.events, self.tries = [], [], 0
        self.errors = list(errors)

    async def on_calls(self, records):
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        self.batches.append([r.id for r in records])

    async def on_event(self, event):
        self.events.append(event)


def test_batches_by_size_and_by_interval():
    async def main():
        sink = Batches()
        found = CallbackDispatcher([Subscription("s", sink)])
        found.start()
        for i in range(25):
            found.put(record(i))
        await until(lambda: len(sink.batches) == 2)
        assert [len(batch) for batch in sink.batches[:2]] == [10, 10]
        await until(lambda: len(sink.batches) == 3)  # the interval is over
        found.put(record(25))
        await found.aclose()
        return sink.batches

    assert [int(i) for batch in asyncio.run(main()) for i in batch] == list(range(26))


def test_what_may_be_sent_again_is(monkeypatch):
    monkeypatch.setattr(delivery, "FIRST_DELAY", 0.02)
    errors = [DeliveryError("away"), DeliveryError("busy", after=0.2), DeliveryError("away")]

    async def main():
        sink = Batches(*errors)
        found = CallbackDispatcher([Subscription("s", sink)])
        found.start()
        started = time.monotonic()
        for i in range(10):
            found.put(record(i))
        await until(lambda: sink.batches)
        assert time.monotonic() - started > 0.2
        [mine] = found.deliveries
        assert (mine.delivered, mine.retried, mine.failed, mine.dropped) == (10, 3, 0, 0)
        await found.aclose()
        return sink

    assert asyncio.run(main()).tries == 4


def test_what_may_not_be_sent_again_is_lost_and_counted():
    sink = Batches(DeliveryError("no", retry=False), RuntimeError("a defect"))
    found = run([record(i) for i in range(30)], Subscription("s", sink))
    assert len(sink.batches) == 1
    assert found.failed == 20


def test_records_are_given_up_after_a_while(monkeypatch):
    monkeypatch.setattr(delivery, "FIRST_DELAY", 0.01)
    monkeypatch.setattr(delivery, "RETRY_FOR", 0.1)

    async def main():
        sink = Batches(*[DeliveryError("away")] * 1000)
        found = CallbackDispatcher([Subscription("s", sink)])
        found.start()
        for i in range(10):
            found.put(record(i))
        await until(lambda: found.failed == 10)
        assert sink.tries < 10
        await found.aclose()

    asyncio.run(main())


def test_a_sink_that_keeps_failing_is_left_alone_and_tried_by_one_at_a_time(monkeypatch):
    monkeypatch.setattr(delivery, "FIRST_DELAY", 0.05)
    monkeypatch.setattr(delivery, "PROBE_LOOK", 0.02)

    class Ill(Sink):
        healthy, tries, at_once, most = False, 0, 0, 0

        async def on_call(self, record):
            self.tries += 1
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            await asyncio.sleep(0.001)
            self.at_once -= 1
            if not self.healthy:
                raise DeliveryError("away")
            self.seen.append(record.id)

    async def main():
        sink = Ill()
        found = CallbackDispatcher([Subscription("s", sink)])
        found.start()
        for i in range(100):
            found.put(record(i))
        await until(lambda: sink.tries == 100)  # all were under way when it fell ill
        [mine] = found.deliveries
        sink.most = 0
        await asyncio.sleep(0.5)
        assert mine.rests
        assert sink.most == 1
        assert sink.tries < 130
        sink.healthy = True
        await until(lambda: len(sink.seen) == 100)
        assert not mine.rests
        assert mine.delivered == 100
        await found.aclose()

    asyncio.run(main())


def test_events_reach_those_who_want_them():
    async def main():
        some, all_of_them, none = Batches(), Batches(), Batches()
        all_of_them.event_kinds, none.event_kinds = frozenset({"*"}), frozenset()
        found = CallbackDispatcher([Subscription(str(i), each) for i, each in enumerate((some, all_of_them, none))])
        found.start()
        for kind in ("cooldown_deployment", "budget_alerts"):
            found.tell(GatewayEvent(kind, "It happened.", time.time()))
        await found.aclose()
        return [[event.kind for event in each.events] for each in (some, all_of_them, none)]

    assert asyncio.run(main()) == [["cooldown_deployment"], ["cooldown_deployment", "budget_alerts"], []]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["ok", "again", "never", "defect"]), max_size=12), st.integers(1, 7))
def test_each_record_is_delivered_once_or_counted(outcomes, size):
    class Random(Callback):
        batch_size, flush_interval = size, 0.001

        def __init__(self):
            self.seen, self.plan = [], list(outcomes)

        async def on_calls(self, records):
            await asyncio.sleep(0)
            match self.plan.pop(0) if self.plan else "ok":
                case "again":
                    raise DeliveryError("again")
                case "never":
                    raise DeliveryError("never", retry=False)
                case "defect":
                    raise ValueError
            self.seen += [r.id for r in records]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivery, "FIRST_DELAY", 0.001)
        patch.setattr(delivery, "PROBE_LOOK", 0.001)
        sink = Random()
        found = run([record(i) for i in range(30)], Subscription("s", sink))
    [mine] = found.deliveries
    assert len(sink.seen) == len(set(sink.seen)) == mine.delivered
    assert mine.delivered + mine.failed + mine.dropped == 30
    assert mine.dropped == 0
