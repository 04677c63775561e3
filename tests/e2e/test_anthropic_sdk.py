"""Anthropic's own Python client against a running gateway in front of an OpenAI-shaped vendor."""

from __future__ import annotations

import anthropic
import pytest

HI = [{"role": "user", "content": "hello"}]


@pytest.fixture
def client(gateway):
    with anthropic.Anthropic(base_url=gateway.url, api_key=gateway.key, max_retries=0, timeout=10) as found:
        yield found


def test_messages(client):
    answer = client.messages.create(model="m", max_tokens=20, messages=HI, system="Be terse.")
    assert answer.content[0].text == "Hello hello"
    assert answer.stop_reason == "end_turn"
    assert answer.model == "m"
    assert answer.usage.input_tokens > 0
    assert answer.usage.output_tokens > 0


def test_stream(client):
    with client.messages.stream(model="m", max_tokens=20, messages=HI) as stream:
        assert "".join(stream.text_stream) == "Hello hello"
        message = stream.get_final_message()
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens > 0


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
    ],
)
def test_errors_are_the_right_ones(client, status, error):
    asked = [{"role": "user", "content": f"status {status}"}]
    with pytest.raises(error) as caught:
        client.messages.create(model="m", max_tokens=20, messages=asked)
    assert caught.value.body["type"] == "error"
    assert caught.value.body["error"]["message"] == f"Status {status}."


def test_a_wrong_key_is_told_in_the_dialect(gateway):
    with (
        anthropic.Anthropic(base_url=gateway.url, api_key="sk-wrong", max_retries=0) as stranger,
        pytest.raises(anthropic.AuthenticationError) as caught,
    ):
        stranger.messages.create(model="m", max_tokens=20, messages=HI)
    assert caught.value.body["error"]["type"] == "authentication_error"


def test_a_stream_that_breaks_off_ends_with_an_error(client):
    asked = [{"role": "user", "content": "break"}]
    with (
        pytest.raises(anthropic.APIStatusError),
        client.messages.stream(model="m", max_tokens=20, messages=asked) as stream,
    ):
        for _ in stream:
            pass


def test_what_is_missing(client):
    with pytest.raises(anthropic.BadRequestError, match="max_tokens"):
        client.post("/v1/messages", body={"model": "m", "messages": HI}, cast_to=object)


def test_tools(client):
    tool = {"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
    choice = {"type": "tool", "name": "get_weather"}
    asked = {"model": "echo", "max_tokens": 50, "messages": HI, "tools": [tool], "tool_choice": choice}
    answer = client.messages.create(**asked)
    assert answer.stop_reason == "tool_use"
    (call,) = [block for block in answer.content if block.type == "tool_use"]
    assert call.name == "get_weather"
    with client.messages.stream(**asked) as stream:
        streamed = stream.get_final_message()
    assert [b.input for b in streamed.content if b.type == "tool_use"] == [call.input]
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "18 degrees"}
    told = [*HI, {"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
    last = client.messages.create(model="echo", max_tokens=50, messages=told, tools=[tool])
    assert last.stop_reason == "end_turn"


def test_tokens_are_counted_before_anything_is_sent(client):
    short = client.messages.count_tokens(model="m", messages=HI).input_tokens
    more = client.messages.count_tokens(model="m", messages=HI, system="Be terse. " * 50).input_tokens
    assert 0 < short < more


OLD = "anthropic==1.17.0"
SCRIPT = """
    import sys
    import anthropic
    assert anthropic.__version__.startswith("1."), anthropic.__version__
    client = anthropic.Anthropic(base_url=sys.argv[1], api_key=sys.argv[2], max_retries=0)
    hi = [{"role": "user", "content": "hello"}]
    assert client.messages.create(model="m", max_tokens=9, messages=hi).content[0].text == "Hello hello"
    with client.messages.stream(model="m", max_tokens=9, messages=hi) as stream:
        assert "".join(stream.text_stream) == "Hello hello"
    tool = {"name": "f", "input_schema": {"type": "object", "properties": {}}}
    named = {"type": "tool", "name": "f"}
    called = client.messages.create(model="echo", max_tokens=9, messages=hi, tools=[tool], tool_choice=named)
    assert [block.name for block in called.content if block.type == "tool_use"] == ["f"]
    for status, kind in ((400, anthropic.BadRequestError), (401, anthropic.AuthenticationError),
                         (429, anthropic.RateLimitError), (500, anthropic.InternalServerError)):
        try:
            client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": f"status {status}"}])
        except kind as error:
            assert error.status_code == status
        else:
            raise AssertionError(status)
"""


@pytest.mark.long
@pytest.mark.timeout(300)
def test_an_old_major_of_the_client(gateway, run_with):
    run_with(OLD, SCRIPT, gateway.url, gateway.key)
