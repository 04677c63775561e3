"""Health checks of deployments: on demand, in the background, and what routing makes of them."""

from __future__ import annotations

import asyncio

import pytest

from tianji_core.testing import Answer, FakeUpstream

ADMIN = {"authorization": "Bearer sk-master-of-the-test-1"}
GENERAL = {"master_key": "sk-master-of-the-test-1"}


@pytest.fixture
def upstreams():
    good, bad = FakeUpstream(Answer.chat("ok")).start(), FakeUpstream(Answer.error(401, "Bad key sk-canary-1.")).start()
    yield good, bad
    good.stop()
    bad.stop()


def config(row, good, bad, **general):
    return {
        "model_list": [
            row(good, "m", info={"id": "good"}),
            row(bad, "m", info={"id": "bad"}, api_key="sk-canary-1"),
            row(good, "pictures", info={"id": "pictures", "mode": "image_generation"}),
            row(good, "any/*", model="openai_compatible/*", info={"id": "any"}),
        ],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "general_settings": {**GENERAL, **general},
    }


def test_on_demand(serving, row, upstreams):
    good, bad = upstreams

    async def main():
        async with serving(config(row, good, bad)) as client:
            answer = await client.get("/health", headers=ADMIN)
            assert answer.status == 200, answer.body
            told = answer.json()
            assert (told["healthy_count"], told["unhealthy_count"]) == (1, 1)
            assert [e["model_id"] for e in told["healthy_endpoints"]] == ["good"]
            assert told["unhealthy_endpoints"][0]["status_code"] == 401
            assert {e["model_id"] for e in told["unchecked_endpoints"]} == {"pictures", "any"}
            assert b"canary" not in answer.body
            stats = client.app.serving.gateway.pipeline.stats
            assert (stats.stats("good").requests, stats.stats("bad").failures) == (0, 0)
            newest = (await client.get("/health/latest", query="model_id=bad", headers=ADMIN)).json()["deployments"]
            assert newest[0]["health_check"]["healthy"] is False
            assert newest[0]["cooldown"] is None
            assert (await client.get("/health", query="model=nobody", headers=ADMIN)).status == 404
            assert (await client.get("/health", headers={"authorization": "Bearer sk-x"})).status == 401
            assert (await client.get("/health/latest", headers={})).status == 401

    asyncio.run(main())


def test_a_vendor_that_hangs(serving, row):
    from dataclasses import replace

    with FakeUpstream(replace(Answer.chat(), delay=30.0)) as slow:
        rows = {
            "model_list": [row(slow, "m", info={"id": "slow", "health_check_timeout": 0.1})],
            "general_settings": GENERAL,
        }

        async def main():
            async with serving(rows) as client:
                told = (await client.get("/health", headers=ADMIN)).json()
                assert told["unhealthy_endpoints"][0]["status_code"] == 408

        asyncio.run(main())


def test_in_the_background_and_for_routing(serving, row, upstreams):
    good, bad = upstreams
    wanted = config(
        row, good, bad, background_health_checks=True, health_check_interval=0.05, enable_health_check_routing=True
    )

    async def main():
        async with serving(wanted) as client:
            stats = client.app.serving.gateway.pipeline.stats
            for _ in range(200):
                if {"good", "bad"} <= stats.checked.keys():
                    break
                await asyncio.sleep(0.02)
            answers = [await client.chat("m", headers=ADMIN) for _ in range(12)]
            assert {a.status for a in answers} == {200}
            told = (await client.get("/health", headers=ADMIN)).json()
            assert told["unhealthy_count"] == 1

    asyncio.run(main())


def test_one_that_hangs_keeps_no_other_waiting(serving, row, upstreams):
    from dataclasses import replace

    good, _ = upstreams
    with FakeUpstream(replace(Answer.chat(), delay=30.0)) as slow:
        wanted = {
            "model_list": [
                row(slow, "m", info={"id": "slow", "health_check_timeout": 5}),
                row(good, "m", info={"id": "good"}),
            ],
            "general_settings": {**GENERAL, "background_health_checks": True, "health_check_interval": 0.05},
        }

        async def main():
            async with serving(wanted) as client:
                checked = client.app.serving.gateway.pipeline.stats.checked
                for _ in range(100):
                    if "good" in checked:
                        break
                    await asyncio.sleep(0.02)
                assert checked["good"].healthy
                assert "slow" not in checked
                first = checked["good"]
                for _ in range(100):  # nor does it hold up the next round
                    if checked["good"] is not first:
                        break
                    await asyncio.sleep(0.02)
                assert checked["good"] is not first
                assert len(slow.requests) == 1

        asyncio.run(main())


def test_those_who_ask_at_once_share_a_check(serving, row, upstreams):
    from dataclasses import replace

    with FakeUpstream(replace(Answer.chat(), delay=0.3)) as slow:
        wanted = {"model_list": [row(slow, "m", info={"id": "it"})], "general_settings": GENERAL}

        async def main():
            async with serving(wanted) as client:
                leaves = asyncio.create_task(client.get("/health", headers=ADMIN))
                stays = asyncio.create_task(client.get("/health", headers=ADMIN))
                await asyncio.sleep(0.1)
                leaves.cancel()
                answer = await stays
                assert answer.json()["healthy_count"] == 1
                assert len(slow.requests) == 1
                await client.get("/health", headers=ADMIN)
                assert len(slow.requests) == 2

        asyncio.run(main())
