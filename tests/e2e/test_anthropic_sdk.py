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
