"""Gateways that share their state in Redis: cooldowns, use of the minute, hard limits, budgets."""

from __future__ import annotations

import asyncio
import time
import uuid
from contextlib import AsyncExitStack

import pytest

from tianji_core.api.errors import GatewayError, RateLimitError
from tianji_core.gateway.gateway import Gateway
from tianji_core.testing import Answer

MESSAGES = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def replicas(redis_url, fake_upstream, monkeypatch):
    """Run a function with some gateways of one config, which share a Redis. Rows are `(id, params)`."""
    monkeypatch.setenv("TIANJI_REDIS_TIMEOUT", "2")  # so that no replica goes on alone on a busy machine

    def run(function, rows, *, count=2, shared=True, **config):
        mark = uuid.uuid4().hex
        model_list = [
            {
                "model_name": "m",
                "litellm_params": {
                    "model": "openai_compatible/up",
                    "api_base": f"{fake_upstream.url}/v1",
                    "api_key": "k",
                    **params,
                },
                "model_info": {"id": f"{mark}-{name}"},
            }
            for name, params in rows
        ]
        router = {"num_retries": 0, **config.pop("router", {})}
        if shared:
            router["redis_url"] = redis_url
        whole = {"model_list": model_list, "router_settings": router, **config}

        async def main():
            async with AsyncExitStack() as stack:
                gateways = [await stack.enter_async_context(Gateway.from_config(whole)) for _ in range(count)]
                return await function(*gateways)

        return asyncio.run(main())

    return run


async def ask(gateway):
    """The class of the error, or None for an answer."""
    try:
        await gateway.chat(model="m", messages=MESSAGES)
    except GatewayError as error:
        return type(error).__name__
    return None


async def until(condition, seconds=3.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        await asyncio.sleep(0.01)


def resting(gateway):
    return {identifier.rpartition("-")[2] for identifier in gateway.pipeline.stats.cooldowns.resting}


def test_a_rest_is_told_to_the_others(replicas, fake_upstream):
    fake_upstream.answer(Answer.error(401), Answer.chat())

    async def main(one, two):
        assert await ask(one) == "AuthenticationError"
        await until(lambda: resting(two) == {"a"} or resting(two) == {"b"})
        rest = next(iter(two.pipeline.stats.cooldowns.resting.values()))
        assert (rest.reason, rest.status) == ("AuthenticationError", 401)
        assert 25 < rest.until - time.monotonic() <= 30

    replicas(main, [("a", {}), ("b", {})], router={"cooldown_time": 30})


def test_a_replica_that_starts_later_learns_it(replicas, fake_upstream):
    fake_upstream.answer(Answer.error(401), Answer.chat())

    async def main(one):
        await ask(one)
        await asyncio.sleep(0.1)  # until it is kept
        async with Gateway.from_config(one.loaded) as late:
            await until(lambda: len(resting(late)) == 1)

    replicas(main, [("a", {}), ("b", {})], count=1, router={"cooldown_time": 30})


def test_well_again_is_told_too(replicas, fake_upstream):
    fake_upstream.answer(Answer.error(401), Answer.chat())

    async def main(one, two):
        await ask(one)
        await until(lambda: resting(two))
        stats = one.pipeline.stats
        [identifier] = stats.cooldowns.resting
        stats.cooldowns.succeeded(identifier)
        await until(lambda: not resting(two))
        await asyncio.sleep(0.05)
        async with Gateway.from_config(one.loaded) as late:
            await asyncio.sleep(0.1)
            assert not resting(late)

    replicas(main, [("a", {}), ("b", {})], router={"cooldown_time": 30})


def test_use_of_the_minute_is_added_up(replicas, fake_upstream):
    fake_upstream.answer(Answer.chat())

    async def main(one, two):
        for _ in range(3):
            await ask(one)
        await ask(two)
        [counted] = one.pipeline.router.counted
        for _ in range(2):
            for gateway in (one, two):
                await gateway.sharing.add_up()
        seen = [gateway.pipeline.stats.stats(counted) for gateway in (one, two)]
        if len({s.minute for s in seen}) == 1 and time.time() % 60 > 2:
            assert [s.requests for s in seen] == [4, 4]
            assert seen[0].tokens == seen[1].tokens > 0
        await ask(two)
        assert seen[1].requests == 5

    replicas(main, [("a", {"rpm": 100})], router={"enable_pre_call_checks": True})


@pytest.mark.parametrize("shared", [True, False])
def test_hard_limits_are_never_overrun(replicas, fake_upstream, shared):
    fake_upstream.answer(Answer.chat())
    count = 3 if shared else 1

    async def main(*gateways):
        answers = await asyncio.gather(*(ask(g) for g in gateways for _ in range(20)))
        assert answers.count(None) == 10
        assert answers.count("RateLimitError") == 20 * count - 10
        with pytest.raises(RateLimitError) as caught:
            await gateways[0].chat(model="m", messages=MESSAGES)
        assert 1 <= caught.value.retry_after <= 61

    checks = {"optional_pre_call_checks": ["enforce_model_rate_limits"]}
    replicas(main, [("a", {"rpm": 4}), ("b", {"rpm": 6})], count=count, shared=shared, router=checks)
    assert len(fake_upstream.requests) == 10


def test_tokens_are_settled(replicas, fake_upstream):
    """A limit of tokens is met by what calls have really used: each answer says 30 or so."""
    fake_upstream.answer(Answer.chat())

    async def main(gateway):
        used = 0
        while await ask(gateway) is None:
            used += 1
            await asyncio.sleep(0)
            assert used < 50
        answer = fake_upstream.requests
        assert len(answer) == used
        assert 2 <= used < 50

    checks = {"optional_pre_call_checks": ["enforce_model_rate_limits"]}
    replicas(main, [("a", {"tpm": 60})], count=1, shared=False, router=checks)


@pytest.mark.parametrize("where", ["row", "provider", "tag"])
def test_budgets(replicas, fake_upstream, where):
    fake_upstream.answer(Answer.chat())
    price = {"input_cost_per_token": 1.0, "output_cost_per_token": 1.0}
    mark = uuid.uuid4().hex
    rows, router, litellm = [("a", price)], {}, {}
    if where == "row":
        rows = [("a", {**price, "max_budget": 1, "budget_duration": "1d"})]
    elif where == "tag":
        litellm = {"tag_budget_config": {mark: {"max_budget": 1, "budget_duration": "1h"}}}
    else:
        rows = [("a", {**price, "custom_llm_provider": "openai_compatible", "model": "up"})]
        router = {"provider_budget_config": {"openai_compatible": {"budget_limit": 1, "time_period": "1d"}}}

    async def main(*gateways):
        one = gateways[0]
        await one.chat(model="m", messages=MESSAGES, tags=[mark])
        with pytest.raises(RateLimitError, match="budget") as caught:
            await one.chat(model="m", messages=MESSAGES, tags=[mark])
        assert caught.value.error_type == "budget_exceeded"
        for other in gateways[1:]:
            await asyncio.sleep(0.05)
            await other.pipeline.budgets.look()
            with pytest.raises(RateLimitError, match="budget"):
                await other.chat(model="m", messages=MESSAGES, tags=[mark])
        if where == "tag":
            await one.chat(model="m", messages=MESSAGES)

    # What a provider has spent is the same key for every test and every run: not in a Redis that others use.
    shared = where != "provider"
    replicas(main, rows, count=2 if shared else 1, shared=shared, router=router, litellm_settings=litellm)


@pytest.mark.parametrize("fault", ["hang", "kill"])
def test_redis_away_fails_nobody(own_redis, fake_upstream, fault):
    """Limits go on by this replica's share, and no call waits for more than a time limit or two."""
    fake_upstream.answer(Answer.chat())
    row = {"model": "openai_compatible/up", "api_base": f"{fake_upstream.url}/v1", "api_key": "k", "rpm": 50}
    config = {
        "model_list": [{"model_name": "m", "litellm_params": row}],
        "router_settings": {
            "redis_url": own_redis.url,
            "num_retries": 0,
            "enable_pre_call_checks": True,
            "optional_pre_call_checks": ["enforce_model_rate_limits"],
        },
    }

    async def main():
        async with Gateway.from_config(config) as gateway:
            assert await ask(gateway) is None
            getattr(own_redis, fault)()
            slowest, answers = 0.0, []
            for _ in range(60):
                begin = time.monotonic()
                answers.append(await ask(gateway))
                slowest = max(slowest, time.monotonic() - begin)
            if fault == "hang":
                own_redis.go_on()
            assert slowest < 0.3
            assert set(answers) <= {None, "RateLimitError"}
            assert 40 <= answers.count(None) <= 49, "the limit holds without Redis, too"

    asyncio.run(main())
