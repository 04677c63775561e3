"""Standard tests of `parse_response`: an answer in OpenAI's shape, whatever the vendor sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tianji_core.accounting.prices.rates import Rates
from tianji_core.accounting.prices.tokens import token_cost
from tianji_core.api.errors import GatewayError
from tianji_core.api.provider import Binary, Body, Operation
from tianji_core.testing.corpus import BY_NAME, Scenario
from tianji_core.testing.provider_kit.kit import ProviderKit

FINISH_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})
NONSENSE = {
    "empty": b"",
    "html": b"<!DOCTYPE html><html><body><h1>Welcome</h1></body></html>",
    "cut": b'{"id": "x", "choices": [{"ind',
    "list": b"[]",
    "null": b"null",
    "text": b'"ok"',
    "binary": b"\xff\xfe\x00\x01garbage\x80",
}
"""Bodies that came with status 200 and are no answer."""


class AnswerTests(ProviderKit, kit=True):
    """What becomes of a whole answer."""

    def test_the_answer_has_openai_shape(self, declared_operation: Operation) -> None:
        scenario = BY_NAME[declared_operation]
        answer = self.provider().parse_response(self.request(scenario), self.response(scenario))
        check_answer(scenario, answer)

    @pytest.mark.parametrize("kind", sorted(NONSENSE))
    def test_an_answer_without_sense_is_said_to_be_one(self, kind: str) -> None:
        """Raises GatewayError or ValueError; anything else would look like a crash of the gateway."""
        scenario = self.main_scenario()
        reply = self.reply(NONSENSE[kind], "text/html" if kind == "html" else "application/json")
        with pytest.raises((GatewayError, ValueError)) as caught:
            self.provider().parse_response(self.request(scenario), reply)
        if isinstance(caught.value, GatewayError):
            assert "<html" not in str(caught.value), "a page is not a message"

    def test_two_calls_at_once_do_not_mix(self) -> None:
        provider, scenario = self.provider(), self.main_scenario()
        alone = self.provider().parse_response(self.request(scenario), self.response(scenario))
        first, second = self.request(scenario), self.request(scenario, kit_flag=True)
        provider.build_request(first)
        provider.build_request(second)
        provider.parse_error(500, self.response(scenario).headers, b"")
        answers = [provider.parse_response(request, self.response(scenario)) for request in (second, first)]
        assert answers == [alone, alone]


def check_answer(scenario: Scenario, answer: Body | Binary, *, usage: bool = True) -> None:
    """The form of an answer of any operation."""
    if scenario.operation == "speech":
        assert isinstance(answer, Binary), "speech is answered with bytes"
        assert answer.data
        assert answer.content_type
        return
    assert not isinstance(answer, Binary), "the answer is bytes, not JSON"
    check = CHECKS_OF.get(scenario.operation)
    if check is not None:
        check(answer)
        return
    assert isinstance(answer.get("model"), str), "model is missing"
    if scenario.operation == "embeddings":
        check_embeddings(scenario, answer)
    else:
        check_choices(scenario, answer)
    if usage:
        check_usage(answer.get("usage"), scenario.operation)


def check_choices(scenario: Scenario, answer: Body) -> None:
    chat = scenario.operation == "chat"
    assert answer["object"] == ("chat.completion" if chat else "text_completion")
    assert isinstance(answer["id"], str), "an id is a text, and empty where the vendor gives none"
    assert isinstance(answer["created"], int)
    assert answer["choices"], "there are no choices"
    for index, choice in enumerate(answer["choices"]):
        assert choice["index"] == index
        assert choice["finish_reason"] in FINISH_REASONS, f"{choice['finish_reason']} is none of OpenAI's reasons"
        if not chat:
            assert isinstance(choice["text"], str)
            continue
        message = choice["message"]
        assert message["role"] == "assistant"
        content = message.get("content")
        assert content is None or isinstance(content, str)
        assert content or message.get("tool_calls"), "the answer is empty"


def check_embeddings(scenario: Scenario, answer: Body) -> None:
    assert answer["object"] == "list"
    vectors = answer["data"]
    assert [vector["index"] for vector in vectors] == list(range(len(scenario.body["input"])))
    for vector in vectors:
        assert vector["object"] == "embedding"
        assert vector["embedding"], "a vector is empty"
        assert isinstance(vector["embedding"], str) or all(isinstance(x, float | int) for x in vector["embedding"])
    assert len({len(vector["embedding"]) for vector in vectors}) == 1, "vectors of different lengths"


def check_rerank(answer: Body) -> None:
    results = answer["results"]
    assert results, "there are no results"
    scores = [result["relevance_score"] for result in results]
    assert scores == sorted(scores, reverse=True), "the most relevant document comes first"
    assert all(type(result["index"]) is int for result in results)
    assert isinstance(answer.get("id", ""), str), "an id is a text; the gateway makes one up where there is none"


def check_moderations(answer: Body) -> None:
    assert answer["results"]
    for result in answer["results"]:
        assert type(result["flagged"]) is bool
        assert result["categories"].keys() == result["category_scores"].keys()


def check_images(answer: Body) -> None:
    assert answer["data"], "there is no image"
    for image in answer["data"]:
        assert image.get("url") or image.get("b64_json"), "an image is neither url nor b64_json"


def check_text(answer: Body) -> None:
    assert isinstance(answer["text"], str)
    assert answer["text"]


CHECKS_OF: dict[Operation, Callable[[Body], None]] = {
    "rerank": check_rerank,
    "moderations": check_moderations,
    "images": check_images,
    "image_edits": check_images,
    "image_variations": check_images,
    "transcriptions": check_text,
    "translations": check_text,
}


SAMPLE_PRICES = {
    "input_cost_per_token": 2e-6,
    "output_cost_per_token": 11e-6,
    "cache_read_input_token_cost": 3e-7,
    "cache_creation_input_token_cost": 5e-6,
    "cache_creation_input_token_cost_above_1hr": 7e-6,
    "output_cost_per_reasoning_token": 13e-6,
    "input_cost_per_audio_token": 17e-6,
    "output_cost_per_audio_token": 19e-6,
    "input_cost_per_image_token": 23e-6,
}


def cost_at_sample_prices(usage: Any) -> int:
    """What the tokens of a usage would cost, in 10^-12 dollars, if every kind of them had a price of its own."""
    return sum(token_cost(Rates(SAMPLE_PRICES, "table"), usage)) if isinstance(usage, dict) else 0


def check_usage(usage: Any, operation: Operation) -> None:
    """The counts add up, and no detail is more than its whole."""
    assert isinstance(usage, dict), "the answer reports no usage"
    prompt, total = usage["prompt_tokens"], usage["total_tokens"]
    completion = usage.get("completion_tokens", 0) if operation == "embeddings" else usage["completion_tokens"]
    for count in (prompt, completion, total):
        assert type(count) is int
        assert count >= 0
    assert prompt + completion == total, f"{prompt} + {completion} is not {total}"
    for key, whole in (("prompt_tokens_details", prompt), ("completion_tokens_details", completion)):
        for name, count in (usage.get(key) or {}).items():
            assert count is None or type(count) is int, f"{name} is no count"
            assert (count or 0) <= whole or "prediction" in name, f"{name} is more than the whole"
