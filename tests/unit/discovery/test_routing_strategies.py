"""Routing strategies by name: those of strangers load, and those of ours that are missing are told how to get."""

from __future__ import annotations

import asyncio

import pytest

from tianji_core.config import ConfigError
from tianji_core.gateway import Gateway

STRATEGY = """
    from pydantic import BaseModel
    from tianji_core import hookimpl
    from tianji_core.api.routing import RoutingStrategy

    class Settings(BaseModel):
        wanted: str

    class Named(RoutingStrategy):
        samples = 25
        respects_limits = True

        def __init__(self, settings):
            self.wanted = settings.wanted

        def pick(self, candidates, call, snapshot):
            return next(d for d in candidates if d.model == self.wanted)

    @hookimpl
    def tianji_register_routing_strategies(register):
        register("by-name", Named, settings=Settings)
"""


def config(strategy, **more):
    base = "http://vendor.test"
    rows = [
        {
            "model_name": "m",
            "litellm_params": {"model": f"openai_compatible/{name}", "api_base": base, "mock_response": name, "rpm": 2},
        }
        for name in "abc"
    ]
    return {"model_list": rows, "router_settings": {"routing_strategy": strategy, "num_retries": 0, **more}}


def test_a_strangers_package(site):
    site.install("acme-routing", STRATEGY, points={"tianji.routing_strategies": ["by-name = acme_routing"]})

    async def main():
        made = config("by-name", routing_strategy_args={"wanted": "b"})
        async with Gateway.from_config(made, registry=site.scan()) as gateway:
            answers = [await gateway.chat(model="m", messages=[{"role": "user", "content": "Hi"}]) for _ in range(2)]
            stats = gateway.pipeline.stats.stats(gateway.pipeline.models.groups["m"][1].id)
            return [answer["choices"][0]["message"]["content"] for answer in answers], stats.latencies.maxlen

    assert asyncio.run(main()) == (["b", "b"], 25)


def test_its_settings_are_checked(site):
    site.install("acme-routing", STRATEGY, points={"tianji.routing_strategies": ["by-name = acme_routing"]})
    with pytest.raises(ConfigError, match=r"routing_strategy_args\.wanted: field required"):
        Gateway.from_config(config("by-name"), registry=site.scan())


@pytest.mark.parametrize(
    ("strategy", "package"),
    [
        ("least-busy", "tianji-routing-least-busy"),
        ("cost-based-routing", "tianji-routing-cost"),
        ("usage-based-routing", "tianji-routing-usage"),
        ("usage-based-routing-v2", "tianji-routing-usage"),
        ("latency-based-routing", "tianji-routing-latency"),
    ],
)
@pytest.mark.parametrize("where", ["router_settings.routing_strategy", "routing_groups[0].routing_strategy"])
def test_one_that_is_missing_never_becomes_another(site, strategy, package, where):
    """The sibling took every name that it did not know for a shuffle."""
    made = config(strategy)
    if "groups" in where:
        group = {"group_name": "g", "models": ["m"], "routing_strategy": strategy}
        made = config("simple-shuffle", routing_groups=[group])
    with pytest.raises(ConfigError) as caught:
        Gateway.from_config(made, registry=site.scan())
    assert f"pip install {package}\n" in f"{caught.value}\n"
    assert where in str(caught.value)
