"""What Together AI does otherwise than OpenAI."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianji_core.api.errors import ContextWindowExceededError, RequestTimeoutError
from tianji_core.api.http import Headers
from tianji_core.api.provider import Body, ModelRequest, Operation, ProviderSettings
from tianji_provider_together_ai import TogetherAI


def together() -> TogetherAI:
    return TogetherAI(ProviderSettings(api_key="k"))


def sent(operation: Operation = "chat", **members: Any) -> Body:
    body = {"model": "m", **({"messages": []} if operation == "chat" else {}), **members}
    built = together().build_request(ModelRequest(operation, "m", body))
    assert isinstance(built.body, bytes)
    found: Body = json.loads(built.body)
    return {key: value for key, value in found.items() if key not in ("model", "messages")}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"logprobs": True}, {"logprobs": 1}),
        ({"logprobs": True, "top_logprobs": 3}, {"logprobs": 3}),
        ({"logprobs": False, "top_logprobs": 0}, {"logprobs": 0}),
        ({"logprobs": 2}, {"logprobs": 2}),
        ({"top_logprobs": 2}, {}),
        ({"reasoning_effort": "minimal"}, {"reasoning_effort": "low"}),
        ({"reasoning_effort": "none"}, {"reasoning": {"enabled": False}}),
        ({"user": "u", "top_k": 4}, {"top_k": 4}),
    ],
)
def test_parameters(asked: Body, told: Body) -> None:
    assert sent(**asked) == told


def test_images() -> None:
    body = sent("images", prompt="x", size="1024x768", response_format="b64_json", steps=4)
    assert body == {"prompt": "x", "width": 1024, "height": 768, "response_format": "base64", "steps": 4}
    assert sent("images", prompt="x", size="auto") == {"prompt": "x"}


def test_speech() -> None:
    assert sent("speech", input="x", voice="v", response_format="pcm")["response_format"] == "raw"


def test_log_probabilities_of_a_stream() -> None:
    chunk: Body = {"choices": [{"index": 0, "delta": {"content": "é"}, "logprobs": -0.5, "finish_reason": None}]}
    together().patch_chunk(chunk)
    entry = {"token": "é", "logprob": -0.5, "bytes": [195, 169], "top_logprobs": []}
    assert chunk["choices"][0]["logprobs"] == {"content": [entry], "refusal": None}


def test_the_end_of_a_stream() -> None:
    chunk: Body = {"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "eos"}]}
    together().patch_chunk(chunk)
    assert chunk["choices"][0]["finish_reason"] == "stop"


def test_errors() -> None:
    old = {
        "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193",
        "error_type": "validation",
    }
    error = together().parse_error(422, Headers(), json.dumps(old).encode())
    assert isinstance(error, ContextWindowExceededError)
    assert isinstance(together().parse_error(524, Headers(), b""), RequestTimeoutError)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["logprobs", "delta", "message", "finish_reason"]),
            st.one_of(
                st.none(),
                st.booleans(),
                st.floats(),
                st.text(max_size=5),
                st.dictionaries(
                    st.sampled_from(["tokens", "token_logprobs", "content", "reasoning"]),
                    st.one_of(
                        st.none(), st.integers(), st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=3)
                    ),
                ),
            ),
        ),
        max_size=3,
    )
)
def test_no_chunk_is_too_odd(choices: list[Any]) -> None:
    together().patch_chunk({"choices": [*choices, None]})
