"""Streams in parts: whatever the cuts, what goes out is what the whole text would have become."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji_core.gateway.guardrails.active import Window
from tianji_core.gateway.guardrails.windows import Windows, own, rewritten
from tianji_core.translate.chunks import merge_chunks

CARD = re.compile(r"\d{8}")
HEAD = {"id": "r", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def masked(body):
    """Eight digits become a word; the body itself stays as it is."""
    body = own(body)
    for choice in body["choices"]:
        if "text" in choice:
            choice["text"] = CARD.sub("<CARD>", choice["text"])
        message = choice.get("message") or {}
        for key in ("content", "reasoning_content"):
            if message.get(key):
                message[key] = CARD.sub("<CARD>", message[key])
        for call in message.get("tool_calls") or ():
            call["function"]["arguments"] = CARD.sub("<CARD>", call["function"]["arguments"])
    return body


def chunk(delta, index=0, finish=None, **members):
    return {**HEAD, "choices": [{"index": index, "delta": delta, "finish_reason": finish, **members}]}


def cut(text, cuts):
    places = sorted({c % (len(text) + 1) for c in cuts})
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


def passed(chunks, window, judge=masked):
    """What goes out at each step, the end included."""
    windows = Windows(window)
    steps = []
    for each in chunks:
        windows.add(own(each))
        if windows.due:
            windows.judged(judge(windows.body()))
        steps.append(list(windows.released()))
    if windows.pending:
        windows.judged(judge(windows.body()), last=True)
    steps.append(list(windows.released()))
    return steps


TEXTS = st.lists(
    st.sampled_from(["12345678", "1234567", "a", " ", "word ", "98", "Grüße 😀 ", "<CARD>", "\n", "x" * 40]),
    max_size=40,
).map("".join)
CUTS = st.lists(st.integers(0, 2000), max_size=60)
WINDOWS = st.builds(Window, st.integers(1, 60), st.integers(8, 40))


@given(TEXTS, CUTS, WINDOWS)
def test_any_cuts_give_what_the_whole_text_gives(text, cuts, window):
    chunks = [chunk({"role": "assistant", "content": ""})]
    chunks += [chunk({"content": part}) for part in cut(text, cuts)]
    chunks.append(chunk({}, finish="stop"))
    out = [each for step in passed(chunks, window) for each in step]
    assert len(out) == len(chunks)
    [choice] = merge_chunks(out)["choices"]
    assert (choice["message"]["content"] or "") == CARD.sub("<CARD>", text)
    assert choice["finish_reason"] == "stop"
    assert out[0]["choices"][0]["delta"].get("role") == "assistant"


@given(TEXTS, TEXTS, TEXTS, CUTS, WINDOWS)
def test_lanes_that_take_turns(thinks, says, asks, cuts, window):
    chunks = [chunk({"reasoning_content": part}) for part in cut(thinks, cuts)]
    chunks += [chunk({"content": part}) for part in cut(says, cuts)]
    chunks += [
        chunk({"tool_calls": [{"index": 0, "function": {"name": "f" if not n else None, "arguments": part}}]})
        for n, part in enumerate(cut(asks, cuts))
    ]
    chunks += [chunk({"content": part}, 1) for part in cut(asks, cuts)]
    out = [each for step in passed(chunks, window) for each in step]
    assert merge_chunks(out)["choices"] == masked(merge_chunks(chunks))["choices"]


@given(TEXTS, CUTS)
def test_a_whole_stream_keeps_its_chunks(text, cuts):
    chunks = [chunk({"content": part}) for part in cut(text, cuts)] + [chunk({}, finish="length")]
    out = rewritten(chunks, masked(merge_chunks(chunks)))
    assert len(out) == len(chunks)
    assert merge_chunks(out)["choices"] == masked(merge_chunks(chunks))["choices"]


def test_completions_have_lanes_too():
    chunks = [
        {**HEAD, "object": "text_completion", "choices": [{"index": 0, "text": part}]} for part in ("1234", "5678")
    ]
    out = [each for step in passed(chunks, Window(2, 8)) for each in step]
    assert "".join(each["choices"][0]["text"] for each in out) == "<CARD>"


def test_what_is_plain_goes_out_before_the_end():
    chunks = [chunk({"content": "word "}) for _ in range(100)]
    steps = passed(chunks, Window(50, 20))
    gone = sum(len(step) for step in steps[:-1])
    assert gone >= 90
    assert max(len(step) for step in steps[:-1]) <= 11


def test_no_part_of_what_is_looked_for_goes_out_before_it_is_whole():
    parts = ["My card: ", "12", "34", "56", "78", ". ", *["more "] * 50]
    seen = ""
    for step in passed([chunk({"content": part}) for part in parts], Window(1, 8)):
        for each in step:
            seen += each["choices"][0]["delta"]["content"]
            assert "12" not in seen
    assert seen.startswith("My card: <CARD>. ")


def test_probabilities_do_not_tell_what_was_masked():
    spelled = {"content": [{"token": "12345678", "logprob": 0.0}]}
    chunks = [chunk({"content": "12345678"}, logprobs=spelled), chunk({"content": " ok"}, logprobs=spelled)]
    out = rewritten(chunks, masked(merge_chunks(chunks)))
    assert out[0]["choices"][0]["logprobs"] is None


def test_a_stream_of_nothing_but_what_is_masked_is_looked_at_seldom():
    looks = 0

    def judge(body):
        nonlocal looks
        looks += 1
        return masked(body)

    chunks = [chunk({"content": "12345678 "}) for _ in range(3000)]
    out = [each for step in passed(chunks, Window(16, 10), judge) for each in step]
    assert merge_chunks(out)["choices"][0]["message"]["content"] == "<CARD> " * 3000
    assert looks < 40


@pytest.mark.parametrize("judged", [{}, {"choices": []}, {"choices": [{"index": 0}]}])
def test_what_the_verdict_leaves_out_is_gone(judged):
    windows = Windows(Window(1, 1))
    windows.add(chunk({"content": "secret"}))
    windows.judged(judged, last=True)
    [out] = windows.released()
    assert out["choices"][0]["delta"]["content"] == ""
