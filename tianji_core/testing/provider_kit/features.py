"""Standard tests of features: what is declared works, what is not is refused."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from tianji_core.api.errors import BadRequestError, UnsupportedCapabilityError, UnsupportedParamsError
from tianji_core.api.provider import UPLOADS, Body, Feature, Operation
from tianji_core.testing.corpus import BY_NAME, COMPANIONS, PARAM_VALUES, SCENARIOS, VALUES_OF, Scenario
from tianji_core.testing.provider_kit.answers import AnswerTests, check_answer, cost_at_sample_prices
from tianji_core.testing.provider_kit.kit import body_of, json_of, members
from tianji_core.testing.provider_kit.requests import OPERATIONS, RequestTests
from tianji_core.wire.openai import PARAMS

INPUTS = frozenset({"images", "audio", "files"})
FEATURED = [s for s in SCENARIOS if s.name not in get_args(Operation)]
ANSWERED = [s for s in FEATURED if s.answer]


class FeatureTests(RequestTests, AnswerTests, kit=True):
    """A provider can do what it declares, and says no to the rest before any vendor is asked."""

    def test_capabilities_use_the_words_of_the_contract(self) -> None:
        capabilities = self.provider_class.capabilities
        assert capabilities.operations, "no operation is declared"
        assert capabilities.operations <= set(get_args(Operation))
        assert capabilities.features <= set(get_args(Feature))

    @pytest.mark.parametrize("scenario", FEATURED, ids=lambda s: s.name)
    def test_a_feature_is_asked_for_or_refused(self, scenario: Scenario) -> None:
        if scenario.operation not in self.provider_class.capabilities.operations:
            return  # refused as a whole
        if self.declares(scenario):
            self.assert_offered(scenario)
            self.assert_body(scenario.name, self.build(scenario))
        else:
            self.assert_refused(scenario)

    @pytest.mark.parametrize("scenario", ANSWERED, ids=lambda s: s.name)
    def test_the_answer_of_a_feature_has_it(self, scenario: Scenario) -> None:
        if self.declares(scenario):
            answer = self.provider().parse_response(self.request(scenario), self.response(scenario))
            check_answer(scenario, answer)
            assert isinstance(answer, dict)
            CHECKS.get(scenario.name, lambda _: None)(answer)

    def test_a_stream_costs_what_a_whole_answer_does(self, stream_scenario: Scenario) -> None:
        """At prices that are different for every kind of token; where the samples tell of equally many tokens."""
        if not self.stream_usage:
            return
        whole = self.provider().parse_response(self.request(stream_scenario), self.response(stream_scenario))
        assert isinstance(whole, dict)
        usages = [whole.get("usage"), self.merged(stream_scenario).get("usage")]
        costs = [cost_at_sample_prices(usage) for usage in usages]
        assert all(cost > 0 for cost in costs), f"a usage costs nothing: {usages}"
        if len({(usage["prompt_tokens"], usage["completion_tokens"]) for usage in usages if usage}) == 1:
            assert costs[0] == costs[1], f"the same tokens, at different prices: {usages}"

    def test_a_streamed_feature_says_the_same_as_a_whole_one(self, stream_scenario: Scenario) -> None:
        answer = self.merged(stream_scenario)
        check_answer(stream_scenario, answer, usage=self.stream_usage)
        CHECKS.get(stream_scenario.name, lambda _: None)(answer)

    # -- parameters ----------------------------------------------------------------------------------------------

    def test_supported_params_are_openai_parameters(self, declared_operation: Operation) -> None:
        supported = self.provider().supported_params(self.model, declared_operation)
        assert supported is None or isinstance(supported, frozenset)
        unknown = (supported or frozenset()) - PARAMS[declared_operation]
        assert not unknown, f"no such OpenAI parameters: {sorted(unknown)}"

    @pytest.mark.parametrize(
        ("operation", "param"), [(o, p) for o in OPERATIONS for p in sorted(PARAMS[o] & PARAM_VALUES.keys())]
    )
    def test_a_supported_parameter_reaches_the_vendor(self, operation: Operation, param: str) -> None:
        provider, scenario = self.provider(), BY_NAME[operation]
        if operation not in provider.capabilities.operations or param in self.ignored_params:
            return
        supported = provider.supported_params(self.model_for(scenario), operation)
        if supported is not None and param not in supported:
            return  # refused or dropped by the gateway, which asks supported_params
        value = VALUES_OF.get((operation, param), PARAM_VALUES[param])
        asked, plain = self.request(scenario), self.request(scenario)
        plain.body |= COMPANIONS.get(param, {})
        asked.body |= {**COMPANIONS.get(param, {}), param: value}
        without = provider.build_request(plain)
        try:
            sent = provider.build_request(asked)
        except UnsupportedParamsError:  # this model does not take this value
            asked = self.request(scenario)
            asked.body |= {**COMPANIONS.get(param, {}), param: value}
            asked.drop_params = True
            assert body_of(provider.build_request(asked)) == body_of(without), f"{param} is not dropped"
            return
        except BadRequestError:
            return  # refused openly: it cannot be said to this vendor
        name = self.renamed_params.get(param, param)
        if self.is_openai_shaped() and operation not in UPLOADS:
            assert name in json_of(sent), f"{param} is among supported_params and is not sent"
        else:
            assert body_of(sent) != body_of(without), f"{param} is among supported_params and changes nothing"

    # -- helpers -----------------------------------------------------------------------------------------------

    def assert_offered(self, scenario: Scenario) -> None:
        """What a declared feature is asked for by must not be refused for lack of the parameter."""
        supported = self.provider().supported_params(self.model_for(scenario), scenario.operation)
        lacking = scenario.params - supported if supported is not None else frozenset()
        assert not lacking, (
            f"{scenario.feature} is declared, but {sorted(lacking)} is not among supported_params of "
            f'{self.model_for(scenario)}; is it another model\'s? (models = {{"{scenario.feature}": …}})'
        )

    def assert_refused(self, scenario: Scenario) -> None:
        """Refused by supported_params or by build_request; see the head of `tianji_core.testing.provider`."""
        supported = self.provider().supported_params(self.model_for(scenario), scenario.operation)
        if supported is not None and scenario.params - supported:
            return
        try:
            request = self.build(scenario)
        except (UnsupportedCapabilityError, UnsupportedParamsError):
            return
        if scenario.feature == "prompt_caching":
            kept = [key for key, _ in members(json_of(request)) if key == "cache_control"]
            assert not kept or self.is_openai_shaped(), "prompt_caching is not declared, yet cache markers are sent"
            return
        if scenario.feature in INPUTS and self.is_openai_shaped():
            return
        params = ", ".join(sorted(scenario.params))
        pytest.fail(
            f"{scenario.feature} is not declared, yet {scenario.name} is sent: declare it, or "
            f"{f'take {params} out of supported_params, or ' if params else ''}raise UnsupportedCapabilityError",
            pytrace=False,
        )


def tool_calls(answer: Body) -> list[Body]:
    """The tool calls of an answer's first choice, each checked for its form."""
    choice = answer["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    calls: list[Body] = choice["message"]["tool_calls"]
    offered = {tool["function"]["name"] for tool in BY_NAME["tools"].body["tools"]}
    for call in calls:
        assert call["type"] == "function"
        assert call["id"]
        assert isinstance(call["id"], str)
        assert call["function"]["name"] in offered
        assert isinstance(call["function"]["arguments"], str), "arguments are JSON in a string"
        assert isinstance(json.loads(call["function"]["arguments"]), dict)
    assert len({call["id"] for call in calls}) == len(calls), "two calls have the same id"
    return calls


def _one_tool(answer: Body) -> None:
    calls = tool_calls(answer)
    assert [call["function"]["name"] for call in calls] == ["get_weather"]
    assert json.loads(calls[0]["function"]["arguments"]).get("city")


def _two_tools(answer: Body) -> None:
    assert len(tool_calls(answer)) >= 2, "the sample's calls were not all found"


def _text(answer: Body) -> str:
    content = answer["choices"][0]["message"]["content"]
    assert isinstance(content, str)
    return content


def _json_object(answer: Body) -> None:
    assert isinstance(json.loads(_text(answer)), dict)


def _json_schema(answer: Body) -> None:
    person = json.loads(_text(answer))
    assert isinstance(person["name"], str)
    assert isinstance(person["age"], int)


def _reasoning(answer: Body) -> None:
    reasoning = answer["choices"][0]["message"].get("reasoning_content")
    assert isinstance(reasoning, str), "reasoning goes into message.reasoning_content"
    assert reasoning
    assert _text(answer)


def _cached(answer: Body) -> None:
    details = answer["usage"].get("prompt_tokens_details") or {}
    assert details.get("cached_tokens"), "cached tokens go into usage.prompt_tokens_details.cached_tokens"


def _logprobs(answer: Body) -> None:
    tokens = answer["choices"][0]["logprobs"]["content"]
    assert tokens
    for token in tokens:
        assert isinstance(token["token"], str)
        assert token["logprob"] <= 0


def _two_choices(answer: Body) -> None:
    assert [choice["index"] for choice in answer["choices"]] == [0, 1]


CHECKS = {
    "tools": _one_tool,
    "parallel_tools": _two_tools,
    "json_object": _json_object,
    "json_schema": _json_schema,
    "reasoning": _reasoning,
    "prompt_caching": _cached,
    "logprobs": _logprobs,
    "n": _two_choices,
}
"""What the answer of a feature must hold once it is in OpenAI's shape."""
