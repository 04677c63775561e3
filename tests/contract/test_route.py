"""`/utils/route`: how a call would be routed, and why."""

from __future__ import annotations

import asyncio

import pytest

from tianji_core.testing import Answer

KEY = "sk-contract-0123456789abcdef"
ADMIN = {"authorization": f"Bearer {KEY}"}


def row(name, ident, upstream="http://127.0.0.1:9", info=(), **params):
    params = {"model": "openai/gpt-4o", "api_key": "k", "api_base": upstream, **params}
    return {"model_name": name, "litellm_params": params, "model_info": {"id": ident, **dict(info)}}


@pytest.fixture
def ask(serving):
    def run(rows, *bodies, headers=ADMIN, **config):
        given = {"model_list": rows, "general_settings": {"master_key": KEY}, **config}

        async def main():
            async with serving(given) as client:
                return [await client.post("/utils/route", body, headers=headers) for body in bodies]

        return asyncio.run(main())

    return run


def reasons(route):
    return {each["id"]: each["left_out"] for each in route["candidates"]}


def test_filters_orders_and_fallbacks_say_their_reasons(ask):
    rows = [
        row("m", "a", weight=2, rpm=7),
        row("m", "b", order=2),
        row("m", "c", info={"blocked": True}),
        row("m", "d", info={"team_id": "t"}),
        row("x/*", "w", model="openai/*"),
    ]
    settings = {"model_group_alias": {"al": "m"}, "fallbacks": [{"al": ["x/y", "al", "gone"]}]}
    [answer] = ask(rows, {"model": "al"}, router_settings=settings)
    assert answer.status == 200, answer.body
    said = answer.json()
    route = said["route"]
    assert route["resolved"] == {"group": "m", "by": "alias", "captured": None}
    assert reasons(route) == {"a": None, "b": "higher order", "c": "blocked", "d": "belongs to another team"}
    assert (route["picked"], route["why"]) == ("a", "the only one left")
    first = next(each for each in route["candidates"] if each["id"] == "a")
    assert (first["weight"], first["rpm"], first["usage"]["requests"]) == (2, 7, 0)
    wildcard, again, gone = said["fallbacks"]
    assert wildcard["resolved"] == {"group": "x/*", "by": "wildcard", "captured": "y"}
    assert (wildcard["picked"], wildcard["candidates"][0]["model"]) == ("w", "y")
    assert again == {"model": "al", "skipped": "asked already"}
    assert (gone["picked"], gone["error"]["status"]) == (None, 400)


def test_tags_and_the_team_of_the_caller_decide(ask):
    rows = [row("m", "a", tags=["fast"]), row("m", "b", tags=["slow"], info={"team_id": "t"})]
    config = {"router_settings": {"enable_tag_filtering": True}}
    fast, mine = ask(rows, {"model": "m", "tags": ["fast"]}, {"model": "m", "tags": ["slow"], "team_id": "t"}, **config)
    assert (fast.json()["route"]["picked"], mine.json()["route"]["picked"]) == ("a", "b")
    [none] = ask(rows, {"model": "m", "tags": ["slow"]}, **config)
    assert (none.json()["route"]["picked"], none.json()["route"]["error"]["status"]) == (None, 401)


def test_what_rests_is_told_and_nothing_is_counted(serving, fake_upstream):
    fake_upstream.answer(Answer.error(429, "Slow down."))
    rows = [row("m", "a", fake_upstream.url), row("n", "b")]
    settings = {"fallbacks": [{"m": ["n"]}], "num_retries": 0, "cooldown_time": 60}
    given = {"model_list": rows, "general_settings": {"master_key": KEY}, "router_settings": settings}

    async def main():
        async with serving(given) as client:
            await client.chat("m", headers=ADMIN)
            stats = client.app.serving.gateway.pipeline.router.stats
            before = {name: stats.stats(name).requests for name in "ab"}
            answer = await client.post("/utils/route", {"model": "m"}, headers=ADMIN)
            assert {name: stats.stats(name).requests for name in "ab"} == before
            return answer.json()

    said = asyncio.run(main())
    [resting] = said["route"]["candidates"]
    assert (resting["left_out"], resting["cooldown"]["status"]) == ("cooldown", 429)
    assert 50 < resting["cooldown"]["remaining_seconds"] <= 60
    assert said["route"]["error"]["status"] == 429
    assert said["fallbacks"][0]["picked"] == "b"


@pytest.mark.parametrize("body", [[], {}, {"model": "m", "team_id": 3}, {"model": "m", "key_tags": "a"}])
def test_malformed_questions_are_400(ask, body):
    [answer] = ask([row("m", "a")], body)
    assert answer.status == 400, answer.body
    assert answer.json()["error"]["message"]


def test_it_is_for_admins(ask):
    [answer] = ask([row("m", "a")], {"model": "m"}, headers={})
    assert answer.status == 401
