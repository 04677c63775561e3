"""What OpenRouter does otherwise than OpenAI."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji_core.api.errors import ContentPolicyViolationError, GatewayError, PermissionDeniedError, RateLimitError
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.api.provider import Body, ModelRequest
from tianji_provider_openrouter import OpenRouter, OpenRouterSettings

DETAILS = [{"type": "reasoning.encrypted", "data": "c2Vj", "index": 0}]
MARKER = {"type": "ephemeral"}


def openrouter(**settings: Any) -> OpenRouter:
    return OpenRouter(OpenRouterSettings.model_validate({"api_key": "k", **settings}))


def sent(messages: list[Body]) -> list[Body]:
    built = openrouter().build_request(ModelRequest("chat", "m", {"model": "m", "messages": messages}))
    assert isinstance(built.body, bytes)
    found: list[Body] = json.loads(built.body)["messages"]
    return found


def parse(body: Body) -> Any:
    return openrouter().parse_response(
        ModelRequest("chat", "m", {}), UpstreamReply(200, Headers(), json.dumps(body).encode())
    )


def error(status: int, body: Any) -> GatewayError:
    return openrouter().parse_error(status, Headers(), json.dumps(body).encode())


def test_the_application_is_named_if_it_has_a_name() -> None:
    assert {name for name, _ in openrouter().headers()} == {"content-type", "authorization"}
    named = dict(openrouter(site_url="https://a.test", environ={"OR_APP_NAME": "Acme"}).headers())
    assert (named["http-referer"], named["x-title"]) == ("https://a.test", "Acme")
    given_ = openrouter(app_name="Acme", extra_headers={"X-Title": "Other"}).headers()
    assert [value for name, value in given_ if name == "x-title"] == ["Other"]


@pytest.mark.parametrize(
    "where", [{"reasoning_details": DETAILS}, {"provider_specific_fields": {"reasoning_details": DETAILS}}]
)
def test_reasoning_goes_back(where: Body) -> None:
    (message,) = sent([{"role": "assistant", "content": "x", "thinking_blocks": [{}], **where}])
    assert message == {"role": "assistant", "content": "x", "reasoning_details": DETAILS}


@pytest.mark.parametrize("own", [None, {}, [], {"reasoning_details": []}, {"refusal": None}])
def test_members_of_others_do_not(own: Any) -> None:
    assert sent([{"role": "user", "content": "x", "provider_specific_fields": own}]) == [
        {"role": "user", "content": "x"}
    ]


def test_cache_markers_are_sent_inside_the_content() -> None:
    part = {"type": "text", "text": "x", "cache_control": MARKER}
    assert sent([{"role": "user", "content": "x", "cache_control": MARKER}]) == [{"role": "user", "content": [part]}]
    assert sent([{"role": "developer", "content": [part]}]) == [{"role": "system", "content": [part]}]


def test_reasoning_details_are_shown_twice() -> None:
    message = {"role": "assistant", "content": "x", "reasoning": None, "reasoning_details": DETAILS}
    answer = parse({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    shown = answer["choices"][0]["message"]
    assert (
        shown["provider_specific_fields"]
        == {"reasoning_details": DETAILS}
        == {"reasoning_details": shown["reasoning_details"]}
    )


def test_a_choice_that_ended_in_an_error_is_one() -> None:
    choice = {
        "index": 0,
        "message": {"content": "Par"},
        "finish_reason": "error",
        "error": {"code": 429, "message": "slow"},
    }
    with pytest.raises(RateLimitError, match="slow"):
        parse({"choices": [choice]})


def test_the_vendors_words_are_told() -> None:
    body = {
        "error": {"code": 429, "message": "Provider returned error", "metadata": {"raw": "busy", "provider_name": "A"}}
    }
    assert error(429, body).message == "Provider returned error (A: busy)"
    body = {"error": {"code": 502, "message": "x", "metadata": {"raw": {"a": 1}}}}
    assert error(502, body).message == "x"


def test_moderation_is_told_apart() -> None:
    flagged = {"error": {"code": 403, "message": "m", "metadata": {"reasons": ["violence"], "flagged_input": "…"}}}
    assert isinstance(error(403, flagged), ContentPolicyViolationError)
    assert error(403, flagged).http_status == 403
    assert isinstance(error(403, {"error": {"code": 403, "message": "m"}}), PermissionDeniedError)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "message", "delta", "error", "reasoning", "reasoning_details", "metadata", "raw"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_comes_is_an_answer_or_an_error(value: Any) -> None:
    assert isinstance(error(400, value), GatewayError)
    if isinstance(value, dict):
        try:
            openrouter().patch_chunk(json.loads(json.dumps(value)))
            parse(value)
        except (GatewayError, TypeError):  # the core takes a TypeError for an answer without sense
            pass
