"""What every state keeps to, in one process and in Redis."""

from __future__ import annotations

import asyncio

from tianji_core.state import Limit


async def eventually(check, seconds=3.0):
    for _ in range(int(seconds / 0.01)):
        if await check():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")


def test_counters(with_states):
    async def main(one, other):
        assert await one.add([("a", 1, 60), ("b", 2.5, 60)]) == [1, 2.5]
        assert await other.add([("a", 2, 60)]) == [3]
        assert await other.read(["a", "b", "c"]) == [3, 2.5, 0]
        assert await one.add([("a", -1, 60)]) == [2]
        assert await one.read([]) == []
        assert await one.add([]) == []

    with_states(main, 2)


def test_a_counter_ends_after_its_first_amount(with_states):
    async def main(state):
        await state.add([("a", 1, 0.15)])
        await asyncio.sleep(0.1)
        assert await state.add([("a", 1, 0.15)]) == [2]
        await asyncio.sleep(0.1)
        assert await state.read(["a"]) == [0]
        assert await state.add([("a", 5, 1)]) == [5]

    with_states(main)


def test_all_or_nothing(with_states):
    async def main(one, other):
        key, team = Limit("key", 1, 3), Limit("team", 100, 250)
        assert (await one.take([key, team])).used == (1, 100)
        assert (await other.take([key, team])).used == (2, 200)
        refused = await one.take([key, team])
        assert not refused
        assert refused.index == 1
        assert 58 < refused.retry_after <= 61
        assert (await one.take([key._replace(amount=0)])).used == (2,)
        assert (await other.take([key])).used == (3,)
        assert (await other.take([key])).index == 0

    with_states(main, 2)


def test_what_never_fits_is_refused(with_states):
    async def main(state):
        refused = await state.take([Limit("tokens", 11, 10, window=7)])
        assert refused.retry_after == 7

    with_states(main)


def test_room_comes_back_bit_by_bit(with_states):
    async def main(state):
        limit = Limit("a", 1, 2, window=0.3)
        assert await state.take([limit])
        await asyncio.sleep(0.15)
        assert await state.take([limit])
        refused = await state.take([limit])
        assert 0.05 < refused.retry_after < 0.2
        await asyncio.sleep(refused.retry_after + 0.005)
        assert await state.take([limit])
        assert not await state.take([limit])

    with_states(main)


def test_settling(with_states):
    async def main(one, other):
        tokens = Limit("tokens", 100, 1000)
        first, second = await one.take([tokens]), await one.take([tokens])
        one.settle(first, [30])
        one.settle(second, [500])

        async def counted():
            return (await other.take([tokens._replace(amount=0)])).used == (530,)

        await eventually(counted)
        third = await other.take([tokens])
        other.settle(third, [None])
        fourth = await other.take([tokens])
        other.give_back(fourth)

        async def given_back():
            return (await one.take([tokens._replace(amount=0)])).used == (630,)

        await eventually(given_back)

    with_states(main, 2)


def test_leases(with_states):
    async def main(one, other):
        def lease(holder):
            return Limit("parallel", 1, 2, holder=holder)

        first = await one.take([lease("a")])
        assert (await other.take([lease("b")])).used == (2,)
        assert not await one.take([lease("c")])
        assert (await one.take([lease("a")])).used == (2,)  # it has one already
        assert (await one.take([Limit("rpm", 1, 5), lease("c")])).index == 1
        one.give_back(first)

        async def room():
            return bool(await other.take([lease("c")]))

        await eventually(room)
        assert (await one.take([Limit("rpm", 0, 5)])).used == (0,)

    with_states(main, 2)


def test_values(with_states):
    async def main(one, other):
        await one.set("a", b"1")
        await one.set_many({"b": b"\x00\xff", "c*": b"3"}, ttl=60)
        assert await other.get("a") == b"1"
        assert await other.get_many(["c*", "x", "b"]) == [b"3", None, b"\x00\xff"]
        assert await other.delete(["a", "x"]) == 1
        assert await one.get("a") is None
        await one.set("short", b"1", ttl=0.03)
        await asyncio.sleep(0.05)
        assert await one.get("short") is None
        await one.set_many({})

    with_states(main, 2)


def test_clearing_by_prefix(with_states):
    async def main(state):
        await state.set_many({f"p[1]*:{number}": b"x" for number in range(1200)} | {"p1": b"y", "p[1]": b"z"})
        assert await state.clear("p[1]*:") == 1200
        assert await state.get_many(["p1", "p[1]", "p[1]*:7"]) == [b"y", b"z", None]

    with_states(main)


def test_news(with_states):
    async def main(one, other):
        if one is not other:
            await asyncio.sleep(0)
        heard = []
        end = one.subscribe("keys", lambda message: heard.append(("one", message)))
        other.subscribe("keys", lambda message: heard.append(("other", message)))
        other.subscribe("else", lambda message: heard.append(("wrong", message)))
        for state in (one, other):
            if hasattr(state, "listening"):
                await state.listening()
        other.publish("keys", b"a\nb")
        assert ("other", b"a\nb") in heard  # at once

        async def all_told():
            return ("one", b"a\nb") in heard

        await eventually(all_told)
        await asyncio.sleep(0.05)
        assert sorted(heard) == [("one", b"a\nb"), ("other", b"a\nb")]  # nobody twice
        end()
        one.publish("keys", b"2")

        async def other_told():
            return ("other", b"2") in heard

        await eventually(other_told)
        assert ("one", b"2") not in heard

    with_states(main, 2)


def test_a_subscriber_that_fails_is_alone_with_it(with_states):
    async def main(state):
        heard = []

        def failing(message):
            raise ValueError(message)

        state.subscribe("a", failing)
        state.subscribe("a", heard.append)
        state.publish("a", b"1")
        assert heard == [b"1"]

    with_states(main)


def test_many_at_once_take_what_there_is_and_no_more(with_states):
    async def main(*states):
        limit = Limit("a", 1, 50, window=30)
        results = await asyncio.gather(*(states[number % 3].take([limit]) for number in range(200)))
        assert sum(map(bool, results)) == 50

    with_states(main, 3)
