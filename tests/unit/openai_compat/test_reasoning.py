"""Reasoning in `<think>` tags, however the text is cut."""

from __future__ import annotations

import pytest

from tianji_core.openai_compat.reasoning import ThinkSplitter, rename_reasoning, split_thinking

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
