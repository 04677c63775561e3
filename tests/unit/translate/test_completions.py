"""The legacy completions API over chat models."""

from __future__ import annotations

import pytest

from tianji_core.api.errors import BadRequestError
from tianji_core.translate.completions import chat_chunk_to_completion, chat_to_completion, completions_to_chat


def test_requests():
    body = {"model": "m", "prompt": "Once", "suffix": "x", "echo": True, "best_of": 3, "max_tokens": 5, "stop": ["."]}
    assert completions_to_chat(body) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Once"}],
        "max_tokens": 5,
        "stop": ["."],
    }
    assert body["prompt"] == "Once"
    assert len(completions_to_chat({"prompt": ["a", "b"]})["messages"]) == 2
    asked = completions_to_chat({"prompt": "x", "logprobs": 3})
    assert (asked["logprobs"], asked["top_logprobs"]) == (True, 3)
    for value in (0, None, True, "x"):
        assert "logprobs" not in completions_to_chat({"prompt": "x", "logprobs": value})


@pytest.mark.parametrize("prompt", [[1, 2], [[1], [2]], ["a", 1], [None], 5, {}])
def test_tokens_are_refused(prompt):
    with pytest.raises(BadRequestError) as raised:
        completions_to_chat({"prompt": prompt})
    assert raised.value.param == "prompt"


def test_answers():
    logprobs = {
        "content": [{"token": "a", "logprob": -1, "top_logprobs": [{"token": "b", "logprob": -2}]}, {"token": "cd"}]
    }
    chat = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "service_tier": "x",
        "usage": {"total_tokens": 1},
        "choices": [
            {"index": 0, "message": {"content": "hi"}, "finish_reason": "stop", "logprobs": logprobs},
            {"index": 1, "message": {"content": None}, "finish_reason": "length"},
        ],
    }
    body = chat_to_completion(chat)
    assert set(body) == {"id", "object", "created", "model", "usage", "choices"}
    assert body["object"] == "text_completion"
    assert [c["text"] for c in body["choices"]] == ["hi", ""]
    assert body["choices"][0]["logprobs"] == {
        "tokens": ["a", "cd"],
        "token_logprobs": [-1, 0.0],
        "top_logprobs": [{"b": -2}, {}],
        "text_offset": [0, 1],
    }
    assert body["choices"][1]["logprobs"] is None


def test_chunks():
    chunk = {
        "id": "c",
        "object": "chat.completion.chunk",
        "model": "m",
        "choices": [{"index": 0, "delta": {"content": "x"}}],
    }
    body = chat_chunk_to_completion(chunk)
    assert body["object"] == "text_completion"
    assert body["choices"] == [{"text": "x", "index": 0, "logprobs": None, "finish_reason": None}]
    assert chat_chunk_to_completion({"choices": [], "usage": {"total_tokens": 1}})["usage"] == {"total_tokens": 1}
    assert chat_chunk_to_completion({"choices": [{"delta": {"role": "assistant"}}]})["choices"][0]["text"] == ""
