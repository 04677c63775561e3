"""The Responses API by OpenAI's own client, in front of a vendor that has chat only."""

from __future__ import annotations

import openai
import pytest


@pytest.fixture
def client(gateway):
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0, timeout=10) as found:
        yield found


def test_a_response(client):
    response = client.responses.create(model="m", input="hello", instructions="Be terse.", max_output_tokens=20)
    assert response.output_text == "Hello hello"
    assert response.status == "completed"
    assert response.model == "m"
    assert response.usage.total_tokens == 27


def test_a_stream(client):
    with client.responses.stream(model="m", input="hello") as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        response = stream.get_final_response()
    assert text == response.output_text == "Hello hello"
    assert response.usage.input_tokens > 0


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, openai.BadRequestError), (429, openai.RateLimitError), (500, openai.InternalServerError)],
)
def test_errors_are_the_right_ones(client, status, error):
    with pytest.raises(error) as caught:
        client.responses.create(model="m", input=f"status {status}")
    assert f"Status {status}." in str(caught.value)


def test_a_stream_that_breaks_off_ends_with_an_error(client):
    kinds: list[str] = []
    with pytest.raises(openai.APIError):
        kinds.extend(event.type for event in client.responses.create(model="m", input="break", stream=True))
    assert "response.completed" not in kinds
