"""What the echo provider says, and how: the README's rules, one by one."""

from __future__ import annotations

import base64
import json
import math
import struct
from typing import Any

import pytest

from tianji_core.api.errors import RateLimitError
from tianji_core.api.http import Headers
from tianji_core.api.provider import LocalReply, ModelRequest, Operation
from tianji_core.translate.chunks import merge_chunks
from tianji_provider_echo import Echo, EchoSettings

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["c", "f"]}, "days": {"type": "integer"}},
        },
    },
}
TIME = {"type": "function", "function": {"name": "get_time"}}


def echo(**settings: Any) -> Echo:
    return Echo(EchoSettings.model_validate(settings))


def request(text: Any = "Hello there", model: str = "echo-1", stream: bool = False, **body: Any) -> ModelRequest:
    messages = body.pop("messages", [{"role": "user", "content": text}])
    return ModelRequest("chat", model, {"model": model, "messages": messages, **body}, stream)


def reply(asked: ModelRequest, **settings: Any) -> LocalReply:
    return echo(**settings).local_reply(asked)


def answer(*args: Any, **kwargs: Any) -> Any:
    found = reply(request(*args, **kwargs))
    assert found.status == 200
    return json.loads(found.whole())


def message(*args: Any, **kwargs: Any) -> Any:
    return answer(*args, **kwargs)["choices"][0]["message"]


def streamed(asked: ModelRequest, **settings: Any) -> Any:
    decoder = echo().stream_decoder(asked)
    chunks = decoder.feed(reply(asked, **settings).whole()) + decoder.finish()
    assert decoder.complete
    assert decoder.error is None
    return merge_chunks(chunks)


def test_it_repeats_what_the_user_said_last() -> None:
    messages = [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "x"},
        {"role": "user", "content": [{"type": "text", "text": "second"}]},
    ]
    assert message(messages=messages)["content"].startswith("You said: second\n")


def test_echo_exact_says_nothing_else() -> None:
    assert message("  天机 🀄 \n", "echo-exact")["content"] == "  天机 🀄 \n"


def test_the_same_request_has_the_same_answer() -> None:
    assert reply(request()) == reply(request())
    assert answer()["id"] != answer("Hello you")["id"]


def test_silence_media_and_tool_results_are_met_with_grace() -> None:
    assert "nothing" in message("")["content"]
    picture = {"type": "image_url", "image_url": {"url": "data:"}}
    assert "(with 2 images)" in message([picture, picture, {"type": "text", "text": "?"}])["content"]
    messages = [{"role": "user", "content": "call get_time"}, {"role": "tool", "tool_call_id": "1", "content": "14:05"}]
    assert message(messages=messages, tools=[TIME])["content"] == "The tool says: 14:05"


def test_usage_counts_words() -> None:
    usage = answer("one two three", "echo-exact")["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (3, 3, 6)


def test_limits_and_stops() -> None:
    choice = answer("one  two three", "echo-exact", max_tokens=2)["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("one  two", "length")
    assert message("one END two", "echo-exact", stop=["END"])["content"] == "one "
    assert answer("one two", "echo-exact", max_completion_tokens=2)["choices"][0]["finish_reason"] == "stop"


def test_several_choices() -> None:
    choices = answer("hi", "echo-exact", n=3)["choices"]
    assert [c["message"]["content"] for c in choices] == ["hi", "hi (2)", "hi (3)"]


def calls(*args: Any, **kwargs: Any) -> list[tuple[str, Any]]:
    choice = answer(*args, **kwargs)["choices"][0]
    found = [
        (call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in choice["message"].get("tool_calls") or ()
    ]
    assert choice["finish_reason"] == ("tool_calls" if found else "stop")
    return found


def test_tools_are_called_when_asked_for() -> None:
    tools = [WEATHER, TIME]
    example = {"city": "example", "unit": "c", "days": 1}
    assert calls("Hello", tools=tools) == []
    assert calls("call get_weather", tools=tools) == [("get_weather", example)]
    assert calls('Call get_weather {"city": "Paris"}', tools=tools) == [("get_weather", {"city": "Paris"})]
    assert calls("call get_time and get_weather", tools=tools) == [("get_time", {}), ("get_weather", example)]
    assert calls("call get_time and get_weather", tools=tools, parallel_tool_calls=False) == [("get_time", {})]
    assert calls("call nobody", tools=tools) == []


def test_tool_choice_is_obeyed() -> None:
    tools = [WEATHER, TIME]
    named = {"type": "function", "function": {"name": "get_time"}}
    assert [name for name, _ in calls("Hello", tools=tools, tool_choice="required")] == ["get_weather"]
    assert calls("Hello", tools=tools, tool_choice=named) == [("get_time", {})]
    assert calls("call get_time", tools=tools, tool_choice="none") == []


def test_json_is_answered_where_wanted() -> None:
    assert json.loads(message("hi", response_format={"type": "json_object"})["content"]) == {"echo": "hi"}
    schema = {
        "type": "object",
        "properties": {
            "list": {"type": "array", "items": {"$ref": "#/$defs/pair"}},
            "either": {"anyOf": [{"type": "number"}, {"type": "null"}]},
            "maybe": {"type": ["boolean", "null"]},
        },
        "$defs": {"pair": {"type": "object", "properties": {"a": {"const": 5}}}},
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    found = json.loads(message("hi", response_format=wanted)["content"])
    assert found == {"list": [{"a": 5}], "either": 1.5, "maybe": True}


def test_a_schema_without_end_ends() -> None:
    schema = {"type": "object", "properties": {"next": {"$ref": "#"}}}
    assert message("hi", response_format={"type": "json_schema", "json_schema": {"schema": schema}})["content"]


@pytest.mark.parametrize("thinks", [{"model": "echo-think"}, {"reasoning_effort": "low"}])
def test_reasoning(thinks: dict[str, str]) -> None:
    found = answer("one two", **thinks)
    assert found["choices"][0]["message"]["reasoning_content"] == "The user sent 2 words. I shall say them back."
    assert found["usage"]["completion_tokens_details"]["reasoning_tokens"] == 10


@pytest.mark.parametrize("asked", [request("Hi", "error-429"), request("Hi", "echo/error-429"), request("error 429")])
def test_errors_on_request(asked: ModelRequest) -> None:
    found = reply(asked)
    assert found.status == 429
    error = echo().parse_error(found.status, Headers(found.headers), found.whole())
    assert isinstance(error, RateLimitError)
    assert error.retry_after == 1
    assert "asked" in error.message


def test_only_errors_are_errors() -> None:
    assert reply(request("error 200")).status == 200
    assert reply(request("an error 503 came")).status == 200


@pytest.mark.parametrize(
    "asked",
    [
        request("one  two\nthree ", "echo-exact", True),
        request("Hi", "echo-think", True, n=2),
        request("call get_weather and get_time", stream=True, tools=[WEATHER, TIME]),
        request("", "echo-exact", True),
    ],
)
@pytest.mark.parametrize("words", [1, 2, 50])
def test_a_stream_says_the_same(asked: ModelRequest, words: int) -> None:
    asked.body["stream_options"] = {"include_usage": True}
    whole = json.loads(reply(ModelRequest("chat", asked.model, asked.body)).whole())
    merged = streamed(asked, chunk_words=words)
    for choice in whole["choices"]:
        del choice["logprobs"], choice["message"]["refusal"], choice["message"]["annotations"]
    assert merged == whole


def test_usage_of_a_stream_is_sent_if_asked_for() -> None:
    assert "usage" not in streamed(request("Hi", stream=True))


def test_a_stream_has_a_pace() -> None:
    body = reply(request("one two", "echo-exact", True), chunk_delay=0.5, first_delay=2).body
    assert isinstance(body, tuple)
    assert [seconds for seconds, _ in body] == [2, 0.5, 0.5, 0.5, 0.5]
    assert all(data.endswith(b"\n\n") for _, data in body)
    assert reply(request(), first_delay=2).delay == 2


def test_a_stream_may_break_off() -> None:
    asked = request("break off", stream=True)
    decoder = echo().stream_decoder(asked)
    assert decoder.feed(reply(asked).whole()) + decoder.finish()
    assert not decoder.complete


def other(operation: Operation, **body: Any) -> Any:
    asked = ModelRequest(operation, "echo-1", {"model": "echo-1", **body})
    return json.loads(reply(asked).whole())


def test_completions() -> None:
    found = other("completions", prompt=["Once", "Twice"], n=2)
    assert found["choices"][0]["text"] == " … Once, says the echo."
    assert len(found["choices"]) == 4
    assert other("completions", prompt="Once", echo=True)["choices"][0]["text"].startswith("Once …")
    assert other("completions", prompt=[1, 2, 3])["usage"]["prompt_tokens"] == 3
    asked = ModelRequest("completions", "echo-1", {"prompt": "Once"}, True)
    assert streamed(asked)["choices"][0]["text"] == " … Once, says the echo."


def test_embeddings_are_unit_vectors_and_alike_for_like_texts() -> None:
    found = other("embeddings", input=["a red apple", "a red apple", "the red apple", "quantum field theory"])
    first, same, near, far = (each["embedding"] for each in found["data"])
    assert len(first) == 64
    assert first == same
    assert math.isclose(sum(x * x for x in first), 1)

    def alike(one: list[float], two: list[float]) -> float:
        return sum(x * y for x, y in zip(one, two, strict=True))

    assert alike(first, near) > alike(first, far)
    assert found["usage"] == {"prompt_tokens": 12, "total_tokens": 12}


def test_embeddings_of_any_size_and_form() -> None:
    packed = other("embeddings", input="hello", dimensions=3, encoding_format="base64")["data"][0]["embedding"]
    plain = other("embeddings", input="hello", dimensions=3)["data"][0]["embedding"]
    assert struct.unpack("<3f", base64.b64decode(packed)) == tuple(plain)
    assert len(other("embeddings", input=[[1, 2], [3]])["data"]) == 2
    assert len(other("embeddings", input=[1, 2])["data"]) == 1
    assert math.isclose(sum(x * x for x in other("embeddings", input="")["data"][0]["embedding"]), 1)


ODD = (
    None,
    5,
    True,
    "x",
    [],
    [5],
    [None],
    {},
    {"function": 5},
    [{}],
    [{"function": {"name": []}}],
    [{"name": 5}],
    [[]],
)
MEMBERS = ("n", "stop", "tools", "tool_choice", "response_format", "max_tokens", "stream_options", "reasoning_effort")


@pytest.mark.parametrize("stream", [False, True])
def test_odd_requests_are_answered_all_the_same(stream: bool) -> None:
    """The gateway checks the plainest types only; a vendor has to cope with the rest."""
    for value in ODD:
        for messages in ([{"role": "user", "content": value}], [{"role": "assistant", "tool_calls": value}], []):
            assert reply(request(messages=messages, stream=stream)).status == 200
        for name in MEMBERS:
            if name in ("n", "max_tokens") and not isinstance(value, int | None):
                continue  # refused by the gateway
            if name in ("tools", "stop") and not isinstance(value, list | None):
                continue
            body = {"tools": [WEATHER], name: value}
            assert reply(request("call get_weather", stream=stream, **body)).status == 200
        for operation, name in (("completions", "prompt"), ("embeddings", "input")):
            if isinstance(value, str | list):
                assert other(operation, **{name: value})  # type: ignore[arg-type]


def test_depth_and_size_do_no_harm() -> None:
    deep: Any = "x"
    for _ in range(1000):
        deep = [deep]
    assert reply(request(deep)).status == 200
    assert other("embeddings", input=deep)
    many: dict[str, Any] = {name: {"$ref": "#"} for name in "abcdefghij"}
    schema = {
        "type": "object",
        "properties": {**many, "k": {"type": "array", "minItems": 10**9, "items": {"$ref": "#"}}},
    }
    wanted = {"type": "json_schema", "json_schema": {"schema": schema}}
    assert len(message("hi", response_format=wanted)["content"]) < 100_000
    assert len(answer("hi", n=10**9)["choices"]) == 128
    long = reply(request("word " * 200_000, "echo-exact", True)).body
    assert isinstance(long, tuple)
    assert len(long) < 6000
