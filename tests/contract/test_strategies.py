"""Routing strategies in the whole gateway: what each does with vendors that are slow, busy, used up or dear."""

from __future__ import annotations

import asyncio
import json

import pytest

from tianji_core.testing import Answer, FakeUpstream
from tianji_core.testing.routing_scenes import within_a_minute


class Vendors(dict):
    """Fake vendors by name."""

    def counts(self):
        """How many requests each has had."""
        return {name: len(upstream.requests) for name, upstream in self.items()}


@pytest.fixture
def vendors(serving, row):
    """Rows of one model, each with a vendor of its own on a real socket.

    `vendors(main, {"a": answer, …}, strategy, rows={"a": {…}}, …)` runs `main(client, the vendors)`.
    """

    def run(main, answers, strategy, *, rows=None, **router):
        started = Vendors((name, FakeUpstream(answer).start()) for name, answer in answers.items())
        settings = {"routing_strategy": strategy, "num_retries": 0, **router}
        listed = [row(upstream, **(rows or {}).get(name, {})) for name, upstream in started.items()]
        made = {"model_list": listed, "router_settings": settings}

        async def outer():
            async with serving(made) as client:
                return await main(client, started)

        try:
            return asyncio.run(outer())
        finally:
            for upstream in started.values():
                upstream.stop()

    return run


def used(tokens):
    """An answer that says it took so many tokens."""
    body = json.loads(Answer.chat().body)
    body["usage"] = {"prompt_tokens": tokens - 1, "completion_tokens": 1, "total_tokens": tokens}
    return Answer.json(body)


async def several(client, times, **body):
    return [(await client.chat(**body)).status for _ in range(times)]


# -- each strategy -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_a_slow_vendor_is_tried_once_and_then_left_alone(vendors, stream):
    answer = Answer.chat_stream() if stream else Answer.chat()

    async def main(client, vendors):
        assert await several(client, 20, stream=stream) == [200] * 20
        return vendors.counts()

    answers = {"slow": answer.but(delay=0.25), "quick": answer}
    assert vendors(main, answers, "latency-based-routing") == {"slow": 1, "quick": 19}


def test_one_call_explores_a_vendor_that_hangs_and_the_others_go_elsewhere(vendors):
    async def main(client, vendors):
        calls = []
        for _ in range(12):
            calls.append(client.open_chat())
            await asyncio.sleep(0.01)
        for _ in range(200):
            if sum(call.task.done() for call in calls) == 11:
                break
            await asyncio.sleep(0.02)
        left = [call for call in calls if not call.task.done()]
        for call in left:
            call.hang_up()
            await call.task
        return len(left), vendors.counts()

    answers = {"hangs": Answer.never(), "quick": Answer.chat()}
    assert vendors(main, answers, "latency-based-routing") == (1, {"hangs": 1, "quick": 11})


def test_a_buffer_lets_nearly_as_quick_ones_share(vendors):
    async def main(client, vendors):
        await several(client, 40)
        return vendors.counts()

    counts = vendors(
        main,
        {"a": Answer.chat().but(delay=0.01), "b": Answer.chat().but(delay=0.01)},
        "latency-based-routing",
        routing_strategy_args={"lowest_latency_buffer": 1000},
    )
    assert min(counts.values()) >= 5


def test_a_hanging_vendor_is_avoided_until_its_calls_are_over(vendors):
    async def main(client, vendors):
        first = [client.open_chat(), client.open_chat()]  # one for each
        await vendors["hangs"].wait_request()
        await asyncio.wait([call.task for call in first], return_when=asyncio.FIRST_COMPLETED)
        seen = [await several(client, 10), vendors.counts()]
        for call in first:
            call.hang_up()
            await call.task
        vendors["hangs"].answer(Answer.chat())
        seen.append(await several(client, 30))
        return *seen, vendors.counts()

    answers = {"hangs": Answer.never(), "well": Answer.chat()}
    busy, counts, free, later = vendors(main, answers, "least-busy")
    assert (busy, free) == ([200] * 10, [200] * 30)
    assert counts == {"hangs": 1, "well": 11}
    assert later["hangs"] > 4


@pytest.mark.parametrize("strategy", ["usage-based-routing", "usage-based-routing-v2"])
def test_tokens_are_counted(vendors, strategy):
    async def main(client, vendors):
        await several(client, 20)
        return vendors.counts()

    answers = {"large": used(1000), "small": used(10)}
    assert within_a_minute(lambda: vendors(main, answers, strategy)) == {"large": 1, "small": 19}


def test_a_burst_is_spread_before_tokens_are_known(vendors):
    async def main(client, vendors):
        await several(client, 1)
        await asyncio.gather(*(client.chat() for _ in range(19)))
        return vendors.counts()

    answer = used(10).but(delay=0.1)
    counts = within_a_minute(lambda: vendors(main, {"a": answer, "b": answer}, "usage-based-routing-v2"))
    assert counts == {"a": 10, "b": 10}


@pytest.mark.parametrize(
    "strategy", ["usage-based-routing", "usage-based-routing-v2", "cost-based-routing", "latency-based-routing"]
)
def test_limits_hold_and_then_callers_are_told(vendors, strategy):
    async def main(client, vendors):
        answers = [await client.chat() for _ in range(8)]
        return [a.status for a in answers], answers[-1], vendors.counts()

    def run():
        rows = {"a": {"rpm": 2}, "b": {"tpm": 30}}
        return vendors(main, {"a": used(5), "b": used(10)}, strategy, rows=rows)

    statuses, last, counts = within_a_minute(run)
    assert statuses == [200] * 5 + [429] * 3
    assert counts == {"a": 2, "b": 3}
    assert 0 < float(last.headers["retry-after"]) <= 60


def test_limits_may_stand_beside_litellm_params(serving, row, fake_upstream):
    fake_upstream.answer(Answer.chat())
    config = {
        "model_list": [
            {**row(fake_upstream, rpm=9), "rpm": 2},
            {**row(fake_upstream, model="openai_compatible/b"), "tpm": 0},
        ],
        "router_settings": {"routing_strategy": "usage-based-routing-v2", "num_retries": 0},
    }

    async def main():
        async with serving(config) as client:
            return await several(client, 3)

    assert within_a_minute(lambda: asyncio.run(main())) == [200, 200, 429]


@pytest.mark.parametrize("strategy", ["simple-shuffle", "least-busy"])
def test_limits_are_no_limits_for_the_others(vendors, strategy):
    async def main(client, vendors):
        return await several(client, 8)

    rows = {"a": {"rpm": 1}, "b": {"rpm": 1}}
    assert vendors(main, {"a": Answer.chat(), "b": Answer.chat()}, strategy, rows=rows) == [200] * 8


def test_the_cheapest_comes_first_and_the_next_while_it_rests(vendors):
    rows = {
        "dear": {"input_cost_per_token": 1e-5, "output_cost_per_token": 1e-5},
        "cheap": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6},
        "unknown": {"model": "openai_compatible/nobody-knows-its-price"},
    }

    async def main(client, vendors):
        seen = [await several(client, 3), vendors.counts()]
        vendors["cheap"].answer(Answer.error(429))
        seen += [await several(client, 2, num_retries=1), vendors.counts()]
        vendors["cheap"].answer(Answer.chat())
        cooldowns = client.app.serving.gateway.pipeline.stats.cooldowns
        [resting] = cooldowns.resting
        cooldowns.learned(resting, None)  # as another replica would tell
        return [*seen, await several(client, 2), vendors.counts()]

    answers = dict.fromkeys(rows, Answer.chat())
    assert vendors(main, answers, "cost-based-routing", rows=rows, cooldown_time=60) == [
        [200] * 3,
        {"dear": 0, "cheap": 3, "unknown": 0},
        [200] * 2,
        {"dear": 2, "cheap": 4, "unknown": 0},
        [200] * 2,
        {"dear": 2, "cheap": 6, "unknown": 0},
    ]
