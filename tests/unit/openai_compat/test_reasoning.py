"""Reasoning in `<think>` tags, however the text is cut."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest

from tianji_core.openai_compat.reasoning import (
    PLAIN_MODELS,
    THINK_MODELS,
    ThinkPatch,
    ThinkSplitter,
    rename_reasoning,
    split_answer,
    split_thinking,
)

TEXTS = [
    ("<think>a < b</think>\n\nyes", "a < b", "yes"),
    ("  \n<think>\nfirst\n\nsecond</think>yes </think> and <think>no</think>", "first\n\nsecond", None),
    ("no tags", None, "no tags"),
    ("<thin", None, "<thin"),
    ("<think>never closed", "never closed", ""),
    ("<think></think>ok", None, "ok"),
    ("", None, ""),
    ("a <think>b</think>", None, "a <think>b</think>"),
]


@pytest.mark.parametrize(("text", "reasoning", "content"), TEXTS)
def test_whole_texts(text: str, reasoning: str | None, content: str | None) -> None:
    found = split_thinking(text)
    assert found[0] == reasoning
    assert found[1] == (content if content is not None else "yes </think> and <think>no</think>")


@pytest.mark.parametrize("text", [text for text, _, _ in TEXTS])
def test_every_cut_says_the_same(text: str) -> None:
    whole = ThinkSplitter()
    wanted = [sum_of(whole.feed(text), whole.finish())]
    for cut in range(len(text) + 1):
        splitter = ThinkSplitter()
        pieces = [splitter.feed(text[:cut]), splitter.feed(text[cut:]), splitter.finish()]
        assert [sum_of(*pieces)] == wanted, f"cut at {cut}"


def sum_of(*pieces: tuple[str, str]) -> tuple[str, str]:
    return "".join(p[0] for p in pieces), "".join(p[1] for p in pieces)


def test_a_text_may_begin_inside() -> None:
    splitter = ThinkSplitter(inside=True)
    assert splitter.feed("hm</th") == ("hm", "")
    assert splitter.feed("ink>\n") == ("", "")
    assert splitter.feed("yes") == ("", "yes")


def test_another_name() -> None:
    body = {"choices": [{"delta": {"thought": "a"}}, {"delta": None}, None]}
    rename_reasoning(body, "delta", "thought")
    assert body["choices"][0] == {"delta": {"reasoning_content": "a"}}


@pytest.mark.parametrize(
    ("message", "reasoning"),
    [
        ({"reasoning": "a"}, "a"),
        ({"reasoning": "a", "reasoning_content": None}, "a"),
        ({"reasoning": None, "reasoning_content": "b"}, "b"),
        ({"reasoning": None}, None),
    ],
)
def test_reasoning_under_both_names(message, reasoning):
    body = {"choices": [{"message": message}, {"message": None}, None]}
    rename_reasoning(body, "message")
    assert message == {"reasoning_content": reasoning}


def streamed(text: str, *cuts: int) -> list[dict[str, Any]]:
    edges = [0, *sorted(cuts), len(text)]
    pieces = [text[start:end] for start, end in pairwise(edges)]
    chunks: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    return [*chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, {"choices": [], "usage": {}}]


def together(chunks: list[dict[str, Any]]) -> tuple[str, str]:
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    return "".join(d.get("reasoning_content") or "" for d in deltas), "".join(d.get("content") or "" for d in deltas)


@pytest.mark.parametrize("text", [text for text, _, _ in TEXTS])
def test_a_stream_says_the_same_as_the_whole_text(text: str) -> None:
    splitter = ThinkSplitter()
    wanted = sum_of(splitter.feed(text), splitter.finish())
    for cut in range(len(text) + 1):
        chunks = streamed(text, cut, cut // 2)
        patch = ThinkPatch()
        for chunk in chunks:
            patch(chunk)
        assert together(chunks) == wanted, f"cut at {cut}"


def test_choices_of_a_stream_do_not_mix() -> None:
    patch = ThinkPatch()
    first: dict[str, Any] = {"choices": [{"index": 0, "delta": {"content": "<think>a"}}]}
    second: dict[str, Any] = {"choices": [{"index": 1, "delta": {"content": "b"}}]}
    patch(first)
    patch(second)
    assert together([first, second]) == ("a", "b")


@pytest.mark.parametrize("choices", [None, [None], [{"delta": None}], [{"index": [], "delta": {"content": 5}}]])
def test_anything_may_be_sent_for_a_chunk(choices: Any) -> None:
    ThinkPatch()({"choices": choices})
    split_answer({"choices": choices})
    split_answer({"choices": [{"message": {"content": 5}}, {"message": None}]})


def test_thinking_in_a_whole_answer() -> None:
    body = {"choices": [{"message": {"content": "<think>a</think>b"}}, {"message": {"content": "c"}}]}
    split_answer(body)
    assert body == {"choices": [{"message": {"content": "b", "reasoning_content": "a"}}, {"message": {"content": "c"}}]}


@pytest.mark.parametrize(
    ("model", "plain", "aloud"),
    [
        ("meta-llama/llama-3.3-70b-instruct-turbo", True, False),
        ("deepseek-r1-distill-llama-70b", True, True),
        ("deepseek-v3-0324", True, False),
        ("accounts/fireworks/models/deepseek-v3p2", False, False),
        ("openai/gpt-oss-120b", False, False),
        ("qwen/qwen3-235b-a22b-fp8", False, True),
        ("qwen/qwen2.5-7b-instruct-turbo", True, False),
        ("deepseek-ai/deepseek-r1-0528", False, True),
        ("moonshotai/kimi-k2-thinking", False, False),
    ],
)
def test_families_of_open_models(model: str, plain: bool, aloud: bool) -> None:
    assert bool(re.search(PLAIN_MODELS, model)) is plain
    assert bool(re.search(THINK_MODELS, model)) is aloud
