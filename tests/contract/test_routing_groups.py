"""Strategies for single groups of models, and strategies of one's own beside the config."""

from __future__ import annotations

import asyncio

import pytest

from tianji_core.config import ConfigError
from tianji_core.server import create_app
from tianji_core.testing import Answer, FakeUpstream

CHEAP = {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}
DEAR = {"input_cost_per_token": 1e-5, "output_cost_per_token": 1e-5}
OK = Answer.chat()


@pytest.fixture
def ask(serving, row, fake_upstream):
    """Calls of models, some with two rows, `cheap` and `dear`; says which of the vendor's models were asked."""

    def run(router, asked, *, models="ab", script=None):
        fake_upstream.answer(script=script or (lambda request: OK))
        rows = [
            row(fake_upstream, name, f"openai_compatible/{name}-{kind}", **price)
            for name in models
            for kind, price in (("cheap", CHEAP), ("dear", DEAR))
        ]

        async def main():
            async with serving({"model_list": rows, "router_settings": {"num_retries": 0, **router}}) as client:
                return [await client.chat(name) for name in asked]

        answers = asyncio.run(main())
        return answers, [request.json()["model"] for request in fake_upstream.requests]

    return run


def group(name, models, strategy=None, **more):
    return {"group_name": name, "models": models, "routing_strategy": strategy, **more}


def test_each_group_has_its_strategy_and_the_others_have_the_common_one(ask):
    router = {"routing_groups": [group("saving", ["a"], "cost-based-routing")]}
    _, sent = ask(router, ["a", "b"] * 20)
    assert sent.count("a-cheap") == 20
    assert {"b-cheap", "b-dear"} <= set(sent)


def test_the_name_of_a_group_means_all_its_models(ask):
    answers, sent = ask({"routing_groups": [group("any", ["a", "b"], "cost-based-routing")]}, ["any"] * 20)
    assert {answer.status for answer in answers} == {200}
    assert set(sent) == {"a-cheap", "b-cheap"}
    assert answers[0].json()["model"] == "any"
    assert answers[0].headers["x-litellm-model-group"] == "any"


def test_the_name_is_listed_and_limits_hold_for_it(serving, row, fake_upstream, config_beside):
    fake_upstream.answer(OK)
    rows = [row(fake_upstream, "a", rpm=1), row(fake_upstream, "b", "openai_compatible/up-2", rpm=1)]
    config = {"model_list": rows, "router_settings": {"num_retries": 0}}
    config["router_settings"]["routing_groups"] = [group("any", ["a", "b"], "usage-based-routing-v2")]

    async def main():
        async with serving(config) as client:
            listed = [model["id"] for model in (await client.get("/v1/models")).json()["data"]]
            return listed, [(await client.chat("any")).status for _ in range(3)]

    listed, statuses = asyncio.run(main())
    assert sorted(listed) == ["a", "any", "b"]
    assert statuses == [200, 200, 429]


def test_what_is_known_of_it(serving, row):
    rows = [row("http://vendor.test", name, rpm=10) for name in "ab"]
    router = {"routing_groups": [group("any", ["a", "b"])]}

    async def main():
        async with serving({"model_list": rows, "router_settings": router}) as client:
            groups = (await client.get("/model_group/info")).json()["data"]
            one = await client.get("/v1/models/any")
            rows_of_it = (await client.get("/model/info")).json()["data"]
            return {each["model_group"] for each in groups}, one.json(), [each["model_name"] for each in rows_of_it]

    names, one, listed = asyncio.run(main())
    assert names == {"a", "b", "any"}
    assert one["id"] == "any"
    assert listed == ["a", "b"]


def test_to_callers_it_is_one_more_name(with_callers, row, fake_upstream):
    """The caller "few" may use the model `gpt` only."""
    fake_upstream.answer(OK)
    rows = [row(fake_upstream, name) for name in ("gpt", "other", "a", "b")]

    def statuses(groups, *asked):
        async def main(client):
            return [(await client.chat(name, headers={"authorization": "Bearer few"})).status for name in asked]

        return with_callers(main, rows=rows, router_settings={"routing_groups": groups})

    assert statuses([group("any", ["gpt", "other"])], "any", "gpt", "other") == [403, 200, 403]
    rows = rows[2:]
    assert statuses([group("gpt", ["a", "b"])], "gpt", "a") == [200, 403]


def test_a_reload_keeps_what_was_seen(serving, row, config_beside):
    slow, quick = FakeUpstream(OK.but(delay=0.2)).start(), FakeUpstream(OK).start()
    config = {"model_list": [row(slow), row(quick)], "router_settings": {"routing_strategy": "latency-based-routing"}}
    path = config_beside(config)

    async def main():
        async with serving(path) as client:
            for _ in range(4):
                await client.chat()
            config["router_settings"]["routing_strategy_args"] = {"max_latency_list_size": 3}
            config_beside(config)
            await client.app.reload()
            for _ in range(10):
                await client.chat()
            return client.app.serving.gateway.pipeline.stats

    try:
        stats = asyncio.run(main())
    finally:
        slow.stop()
        quick.stop()
    assert len(slow.requests) == 1
    assert len(quick.requests) == 13
    assert stats.stats("new").latencies.maxlen == 3


def test_priorities(ask):
    wanted = group("best", ["b", "a"], "priority", model_priorities={"a": 2, "b": 1})
    router = {"routing_groups": [wanted], "routing_strategy": "cost-based-routing"}
    _, sent = ask(router, ["best"] * 3)
    assert sent == ["b-cheap"] * 3
    # The name's order does not reach calls of the models themselves.
    assert ask(router, ["a"])[1][-1] == "a-cheap"


def test_the_second_in_line_is_asked_when_the_first_fails(ask):
    wanted = group("best", ["b", "a"], "priority", model_priorities={"a": 2, "b": 1})

    def script(request):
        return Answer.error(500) if request.json()["model"].startswith("b") else OK

    [answer], sent = ask({"routing_groups": [wanted], "num_retries": 1}, ["best"], script=script)
    assert answer.status == 200
    assert sorted(sent[:2]) == ["b-cheap", "b-dear"]
    assert sent[2].startswith("a-")
    assert len(sent) == 3


def test_a_row_of_a_single_model_rests_when_the_group_has_others(serving, row, fake_upstream):
    fake_upstream.answer(script=lambda request: Answer.error(401) if request.json()["model"] == "up-a" else OK)
    wanted = group("best", ["a", "b"], "priority", model_priorities={"a": 1, "b": 2})
    rows = [row(fake_upstream, name, f"openai_compatible/up-{name}") for name in "ab"]

    async def main():
        async with serving({"model_list": rows, "router_settings": {"routing_groups": [wanted]}}) as client:
            return [(await client.chat("best")).status for _ in range(4)]

    assert asyncio.run(main()) == [200] * 4
    assert [r.json()["model"] for r in fake_upstream.requests] == ["up-a"] + ["up-b"] * 4


@pytest.mark.parametrize(
    ("groups", "line", "message"),
    [
        ([group("default", ["a"])], "group_name", "no group"),
        ([group("", ["a"])], "group_name", "must not be empty"),
        ([group("a", ["a"])], "group_name", 'a model is called "a"'),
        ([group("alias", ["a"])], "group_name", 'an alias is called "alias"'),
        ([group("x", ["b"]), group("x", ["a"])], "group_name", 'another routing group is called "x"'),
        ([group("x", ["a"]), group("y", ["b", "a"])], "models[1]", 'routing group "x" already'),
        ([group("x", ["a"], "cost-based-ruoting")], "routing_strategy", "cost-based-routing"),
        ([group("x", ["a"], "cost-based-routing", routing_strategy_args=5)], "routing_strategy_args", "mapping"),
        ([group("x", ["a"], "latency-based-routing", routing_strategy_args={"ttl": 0})], "ttl", "greater than 0"),
        ([group("x", ["a", "b"], "priority", model_priorities={"a": 1})], "model_priorities", "no priority for b"),
        ([group("x", ["a"], "priority", model_priorities={"a": 0})], "model_priorities.a", "1 or more"),
        ([group("x", ["a"], "priority")], "routing_groups[0]", "no priority for a"),
        ([{"models": ["a"]}], "group_name", "required key missing"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(row, config_beside, groups, line, message):
    rows = [row("http://vendor.test", name) for name in "ab"]
    router = {"routing_groups": groups, "model_group_alias": {"alias": "a"}}
    path = config_beside({"model_list": rows, "router_settings": router})
    with pytest.raises(ConfigError) as caught:
        create_app(path)
    said = str(caught.value)
    assert "config.yaml:" in said
    assert line in said
    assert message in said


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([group("x", ["a", "gone"])], 'routing_groups[0].models[1]: no model is called "gone"'),
        ([group("x", [])], "routing_groups[0]: a routing group without models"),
        ([group("x", ["a"], model_priorities={"a": 1})], "only the strategy priority goes by them"),
        ([group("x", ["a"], "priority", model_priorities={"a": 1, "b": 2})], "is not among the group's models"),
    ],
)
def test_what_looks_wrong_is_told_and_the_gateway_starts(row, config_beside, groups, message):
    rows = [row("http://vendor.test", name) for name in "ab"]
    app = create_app(config_beside({"model_list": rows, "router_settings": {"routing_groups": groups}}))
    assert message in app.serving.gateway.loaded.report.format()


# -- strategies beside the config ----------------------------------------------------------------------------------

MINE = """
    from tianji_core.api.routing import RoutingStrategy

    class Named(RoutingStrategy):
        def __init__(self, options):
            self.wanted = options.get("wanted", "b")

        def pick(self, candidates, call, snapshot):
            return next(d for d in candidates if d.model.endswith(self.wanted))

    class Plain(RoutingStrategy):
        def pick(self, candidates, call, snapshot):
            return candidates[-1]

    def made(options):
        return Named({"wanted": "a"})

    ready = Plain()
    number = 5
"""
THEIRS = """
    class Chooser:
        seen = []

        def get_available_deployment(
            self, model, messages=None, input=None, specific_deployment=False, request_kwargs=None,
            healthy_deployments=None,
        ):
            Chooser.seen.append((model, messages, input, specific_deployment, request_kwargs))
            for deployment in healthy_deployments:
                if deployment["litellm_params"]["model"] == "openai_compatible/up-b":
                    return deployment

        async def async_get_available_deployment(self, model, **named):
            raise AssertionError("nobody awaits here")

    class Free:
        def get_available_deployment(self, **named):
            assert set(named) == {
                "model", "messages", "input", "specific_deployment", "request_kwargs", "healthy_deployments"
            }
            return named["healthy_deployments"][-1]

    class Nothing(Free):
        def get_available_deployment(self, healthy_deployments):
            pass

    class Invents(Free):
        def get_available_deployment(self, healthy_deployments):
            return {"model_info": {"id": "nobody"}}

    class OnlyAsync:
        async def async_get_available_deployment(self, **named):
            pass

    class Async:
        async def get_available_deployment(self, **named):
            pass

    class Blind:
        def get_available_deployment(self, model, messages=None):
            pass

    class Options:
        def __init__(self, needed):
            raise ValueError("no such place")

    chooser = Chooser()
"""


@pytest.fixture
def with_strategy(serving, row, fake_upstream, config_beside):
    """Two calls of a model with the rows a, b and c, under a strategy of a file beside the config."""

    def run(strategy, args=None, **router):
        fake_upstream.answer(OK)
        settings = {"routing_strategy": strategy, "routing_strategy_args": args or {}, **router}
        rows = [row(fake_upstream, "m", f"openai_compatible/up-{name}", api_key="sk-hidden") for name in "abc"]
        path = config_beside({"model_list": rows, "router_settings": settings}, mine=MINE, theirs=THEIRS)

        async def main():
            async with serving(path) as client:
                return [await client.chat(), await client.chat()]

        answers = asyncio.run(main())
        return [a.status for a in answers], [r.json()["model"] for r in fake_upstream.requests], answers

    return run


@pytest.mark.parametrize(
    ("strategy", "args", "picked"),
    [
        ("mine.Named", None, "up-b"),
        ("mine.Named", {"wanted": "c"}, "up-c"),
        ("mine.Plain", None, "up-c"),
        ("mine.made", None, "up-a"),
        ("mine.ready", None, "up-c"),
        ("theirs.Chooser", None, "up-b"),
        ("theirs.chooser", None, "up-b"),
        ("theirs.Free", None, "up-c"),
    ],
)
def test_a_strategy_of_a_file_beside_the_config(with_strategy, strategy, args, picked):
    statuses, sent, _ = with_strategy(strategy, args)
    assert statuses == [200, 200]
    assert sent == [picked, picked]


@pytest.mark.parametrize("strategy", ["theirs.Nothing", "theirs.Invents"])
def test_an_object_that_chooses_nothing_is_an_error_of_its_own(with_strategy, strategy):
    statuses, sent, [answer, _] = with_strategy(strategy)
    assert statuses == [500, 500]
    assert sent == []
    assert answer.error["message"] == "The routing strategy chose no deployment of model 'm'."


@pytest.mark.parametrize(
    ("strategy", "args", "message"),
    [
        ("theirs.OnlyAsync", None, "has async_get_available_deployment only"),
        ("theirs.Async", None, "is async, and a choice must not wait here"),
        ("theirs.Blind", None, "has to take healthy_deployments"),
        ("theirs.Options", None, "no such place"),
        ("mine.number", None, "neither a RoutingStrategy nor an object with get_available_deployment"),
        ("mine.ready", {"a": 1}, "it is an object already"),
        ("mine.Plain", {"a": 1}, "it takes no options"),
        ("mine.Gone", None, 'has no "Gone"'),
        ("nowhere.Gone", None, "nowhere"),
    ],
)
def test_what_cannot_be_a_strategy_is_told_with_its_place(row, config_beside, strategy, args, message):
    router = {"routing_strategy": strategy, "routing_strategy_args": args or {}}
    path = config_beside(
        {"model_list": [row("http://vendor.test")], "router_settings": router}, mine=MINE, theirs=THEIRS
    )
    with pytest.raises(ConfigError) as caught:
        create_app(path)
    said = str(caught.value)
    assert "router_settings.routing_strategy" in said
    assert "config.yaml:" in said
    assert message in said
