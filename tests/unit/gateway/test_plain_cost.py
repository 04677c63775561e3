"""The quick way to the cost of a plain call comes to what the long way does, or is not taken."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianji_core.api.callback import Cost
from tianji_core.gateway.costs import _plain_cost, call_cost
from tianji_core.gateway.gateway import Gateway

MODELS = (
    "openai/gpt-4o-mini",
    "openai/gpt-5",
    "anthropic/claude-sonnet-4-5",
    "gemini/gemini-2.5-pro",
    "deepseek/deepseek-chat",
    "xai/grok-4",
)
counts = st.integers(0, 3) | st.integers(0, 400_000) | st.integers(-5, 10**13)
details = st.none() | st.dictionaries(
    st.sampled_from(["cached_tokens", "audio_tokens", "reasoning_tokens", "web_search_requests"]), counts, max_size=2
)
usages = st.fixed_dictionaries(
    {"prompt_tokens": counts, "completion_tokens": counts},
    optional={
        "total_tokens": counts,
        "prompt_tokens_details": details,
        "completion_tokens_details": details,
        "cost": st.just(0.5),
        "num_search_queries": st.just(2),
        "service_tier": st.just("flex"),
    },
)
bodies = st.fixed_dictionaries(
    {}, optional={"web_search_options": st.just({}), "service_tier": st.sampled_from(["flex", "priority", "default"])}
)


@pytest.fixture(scope="module")
def gateway():
    rows = [{"model_name": m, "litellm_params": {"model": m, "api_key": "k"}} for m in MODELS]
    rows.append(
        {
            "model_name": "own",
            "litellm_params": {"model": "openai/x", "api_key": "k", "input_cost_per_token": 1e-6},
        }
    )
    return Gateway.from_config({"model_list": rows})


@settings(max_examples=150)
@given(data=st.data())
def test_both_ways_agree(gateway, data):
    name = data.draw(st.sampled_from([*MODELS, "own"]))
    call = gateway.new_call("chat", {"model": name, "messages": [{"role": "user", "content": "x"}]})
    call.deployment = gateway.pipeline.models.resolve(name).deployments[0]
    call.upstream_model = call.deployment.model
    call.body.update(data.draw(bodies))
    call.usage = data.draw(usages)
    call.service_tier = data.draw(st.sampled_from([None, "default", "standard", "flex", "priority"]))
    quick = _plain_cost(call, call.deployment)
    if quick is not None:
        slow = call_cost(call, call.deployment)
        assert isinstance(slow, Cost)
        assert quick == slow


def test_the_quick_way_is_taken(gateway):
    for name in ("openai/gpt-4o-mini", "own"):
        call = gateway.new_call("chat", {"model": name, "messages": [{"role": "user", "content": "x"}]})
        call.deployment = gateway.pipeline.models.resolve(name).deployments[0]
        call.upstream_model, call.service_tier = call.deployment.model, "default"
        call.usage = {"prompt_tokens": 31, "completion_tokens": 24, "prompt_tokens_details": {"cached_tokens": 0}}
        assert _plain_cost(call, call.deployment) is not None
