"""The quick way to the texts of common bodies gives what the long one does, or nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tianji_core.api.texts import answer_places, plain_answer_texts, plain_texts, request_places

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=6,
)
CONTENT = st.text(max_size=20) | JSON | st.just([{"type": "text", "text": "part"}])
MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["system", "user", "assistant", "tool"]) | JSON,
        "content": CONTENT,
        "refusal": st.none() | JSON,
        "reasoning_content": JSON,
        "tool_calls": JSON | st.just([{"function": {"name": "f", "arguments": "{}"}}]),
        "annotations": JSON,
    },
)
REQUEST = st.fixed_dictionaries(
    {"model": st.just("m"), "messages": st.lists(MESSAGE | JSON, max_size=3) | JSON},
    optional={
        "temperature": st.just(1),
        "prompt": CONTENT,
        "tools": JSON | st.just([{"function": {"description": "what it is for"}}]),
        "response_format": JSON | st.just({"json_schema": {"description": "what it is"}}),
        "odd": JSON,
    },
)
ANSWER = st.fixed_dictionaries(
    {"id": st.just("x"), "choices": st.lists(st.fixed_dictionaries({"message": MESSAGE | JSON}) | JSON, max_size=3)},
    optional={"text": CONTENT, "usage": JSON, "data": JSON, "results": JSON | st.just([{"document": "text"}])},
)


@given(REQUEST)
def test_plain_requests(body):
    quick = plain_texts(body)
    assert quick is None or quick == [place.text for place in request_places(body)]


@given(ANSWER)
def test_plain_answers(body):
    quick = plain_answer_texts(body)
    assert quick is None or quick == [place.text for place in answer_places(body)]


def test_what_is_common_goes_the_quick_way():
    said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello!"}]
    assert plain_texts({"model": "m", "messages": said, "stream": True, "max_tokens": 5}) == ["Be brief.", "Hello!"]
    message = {"role": "assistant", "content": "Hi", "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    answer = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": {}}
    assert plain_answer_texts(answer) == ["Hi"]
