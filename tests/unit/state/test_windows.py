"""No stretch of a window's length ever holds more than the limit."""

from __future__ import annotations

import asyncio
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tianji_core.state import Limit, Taken
from tianji_core.state.memory import MemoryState
from tianji_core.state.windows import BUCKETS, Windows

STEPS = st.lists(st.tuples(st.floats(0, 30), st.integers(1, 40)), min_size=1, max_size=80)


def largest(taken, window):
    """The most that any stretch of this length holds; `taken` is of (moment, amount)."""
    return max((sum(amount for at, amount in taken if begin <= at < begin + window) for begin, _ in taken), default=0)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_never_over_the_limit(steps):
    now = 1000.0
    windows = Windows(clock=lambda: now)
    taken = []
    for pause, amount in steps:
        now += pause
        if isinstance(windows.take([Limit("a", amount, 100)]), Taken):
            taken.append((now, amount))
    assert largest(taken, 60) <= 100


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_what_is_refused_fits_after_the_time_that_is_told(steps):
    now = 1000.0
    windows = Windows(clock=lambda: now)
    for pause, amount in steps:
        now += pause
        limit = Limit("a", amount, 100)
        refused = windows.take([limit])
        if not refused:
            now += refused.retry_after + 1e-6
            assert windows.take([limit])


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_nothing_is_held_longer_than_a_sixtieth_more(steps):
    now = 1000.0
    windows = Windows(clock=lambda: now)
    for pause, amount in steps:
        now += pause
        windows.take([Limit("a", amount, 100)])
    now += 60 * (1 + 1 / BUCKETS) + 1e-6
    assert windows.take([Limit("a", 0, 100)]).used == (0,)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 40), st.integers(0, 80), st.floats(0, 70)), max_size=40))
def test_what_is_settled_is_what_counts(steps):
    """Whatever order settlements come in: within a window of the last one, the sum is of what was really used."""
    now = 1000.0
    windows = Windows(clock=lambda: now)
    for pause, amount, used, later in steps:
        now += pause
        taken = windows.take([Limit("a", amount, 1e9)])
        now += later
        windows.settle(taken, [used])
        kept = windows.take([Limit("a", 0, 1e9)]).used[0]
        assert kept >= -1e-9
    now += 200
    assert windows.take([Limit("a", 0, 1)]).used == (0,)


def test_no_burst_at_the_edge():
    now = 59.9
    windows = Windows(clock=lambda: now)
    limit = Limit("a", 1, 100)
    assert sum(bool(windows.take([limit])) for _ in range(300)) == 100
    now = 60.1
    assert not windows.take([limit])
    now = 119.8
    assert not windows.take([limit])
    now = 121.0
    assert sum(bool(windows.take([limit])) for _ in range(300)) == 100


def test_a_share():
    async def main():
        state = MemoryState(replicas=3)
        limit = Limit("a", 1, 100)
        assert sum([bool(await state.take([limit])) for _ in range(100)]) == 33
        # A limit smaller than the number of replicas admits somebody all the same.
        assert sum([bool(await state.take([Limit("b", 1, 1)])) for _ in range(5)]) == 1
        assert sum([bool(await state.take([Limit("c", 1, 1, holder=str(n))])) for n in range(5)]) == 1
        assert sum([bool(await state.take([Limit("d", 1, 7, holder=str(n))])) for n in range(9)]) == 2

    asyncio.run(main())


def test_empty_windows_are_forgotten():
    now = 0.0
    windows = Windows(clock=lambda: now)
    for number in range(20_000):
        now += 1
        windows.take([Limit(f"key-{number}", 1, 10)])
    assert len(windows._windows) < 2500


def test_never_over_the_limit_in_redis(with_states):
    """Three states, many at once, over several windows, with amounts given back: by Redis's own clock."""

    async def main(*states):
        chance = random.Random(7)
        taken = []
        shared = all(state.shared for state in states)

        async def caller(state):
            for _ in range(40):
                amount = chance.randint(1, 4)
                result = await state.take([Limit("other", 1, 10**6, window=0.25), Limit("a", amount, 20, window=0.25)])
                if result:
                    at = result.shared_at / 1000 if shared else result.at
                    taken.append((at, amount))
                    if chance.random() < 0.2:
                        state.give_back(result)
                        taken.pop(taken.index((at, amount)))
                await asyncio.sleep(chance.random() * 0.03)

        await asyncio.gather(*(caller(state) for state in states for _ in range(5)))
        assert len(taken) > 10
        assert largest(taken, 0.25) <= 20
        assert sum(amount for _, amount in taken) > 20  # more than one window's worth

    with_states(main, 3)
