"""Responses with a memory, by OpenAI's own client."""

from __future__ import annotations

import os
import signal

import openai
import pytest


@pytest.fixture
def client(gateway):
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0, timeout=10) as found:
        yield found


def test_a_conversation(client):
    first = client.responses.create(model="m", input="one", store=True)
    second = client.responses.create(model="m", input="two", store=True, previous_response_id=first.id)
    assert (second.previous_response_id, second.output_text) == (first.id, "Hello two")
    items = client.responses.input_items.list(second.id, order="asc")
    said = [part.text for item in items for part in item.content]
    assert said == ["one", "Hello one", "two"]
    pages = list(client.responses.input_items.list(second.id, limit=1))
    assert [item.content[0].text for item in pages] == said[::-1]


def test_asked_for_again_and_forgotten(client):
    made = client.responses.create(model="m", input="hello", store=True, metadata={"a": "b"})
    found = client.responses.retrieve(made.id)
    assert found == made
    assert client.responses.delete(made.id) is None
    with pytest.raises(openai.NotFoundError) as caught:
        client.responses.retrieve(made.id)
    assert f"Response with id '{made.id}' not found." in str(caught.value)
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="m", input="x", previous_response_id=made.id)
    assert refused.value.param == "previous_response_id"


def test_a_stream_is_told_again(client):
    with client.responses.stream(model="m", input="hello", store=True) as stream:
        events = list(stream)
        made = stream.get_final_response()
    again = list(client.responses.retrieve(made.id, stream=True))
    assert [event.sequence_number for event in again] == list(range(len(again)))
    assert again[-1].response.id == made.id
    rest = list(client.responses.retrieve(made.id, stream=True, starting_after=3))
    assert [event.sequence_number for event in rest] == [event.sequence_number for event in again[4:]]
    with client.responses.stream(response_id=made.id, starting_after=3) as resumed:
        assert resumed.get_final_response().output_text == made.output_text
    assert len(events) >= len(again)


def test_background(client):
    made = client.responses.create(model="m", input="hello", background=True)
    assert made.status == "queued"
    while (found := client.responses.retrieve(made.id)).status in ("queued", "in_progress"):
        pass
    assert (found.status, found.output_text) == ("completed", "Hello hello")
    assert client.responses.cancel(made.id).status == "completed"
    never = client.responses.create(model="m", input="never", background=True)
    assert client.responses.cancel(never.id).status == "cancelled"
    assert client.responses.retrieve(never.id).status == "cancelled"


def test_tokens_of_a_prompt(client):
    first = client.responses.create(model="m", input="one two three", store=True)
    alone = client.responses.input_tokens.count(model="m", input="four")
    more = client.responses.input_tokens.count(model="m", input="four", previous_response_id=first.id)
    assert 0 < alone.input_tokens < more.input_tokens


def test_a_codex_loop(client):
    """Nothing stored, the whole history sent each time, tool calls side by side."""
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}]
    more = {"model": "m", "tools": tools, "store": False, "stream": True, "include": ["reasoning.encrypted_content"]}
    more["parallel_tool_calls"] = True
    history = [{"role": "user", "content": [{"type": "input_text", "text": "call twice"}]}]
    items = [e.item for e in client.responses.create(input=history, **more) if e.type == "response.output_item.done"]
    calls = [item for item in items if item.type == "function_call"]
    assert [call.arguments for call in calls] == ['{"a":1}', '{"a":2}']
    history += [item.model_dump(exclude={"id", "status"}) for item in items]
    history += [{"type": "function_call_output", "call_id": c.call_id, "output": c.arguments} for c in calls]
    last = list(client.responses.create(input=history, **more))[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == 'Hello {"a":2}'
    assert last.response.store is False


def test_what_was_told_to_be_kept_survives_a_killed_gateway(own_gateway, tmp_path):
    """The last event is a promise: killed the moment it is read, the gateway that starts next has the answer."""
    url = f"sqlite:///{tmp_path}/store.db"
    first = own_gateway(database_url=url)
    with openai.OpenAI(base_url=f"{first.url}/v1", api_key=first.key, max_retries=0, timeout=10) as client:
        for event in client.responses.create(model="m", input="hello", stream=True):
            if event.type == "response.completed":
                os.kill(first.pid, signal.SIGKILL)
                made = event.response
    first.server.process.wait(10)
    second = own_gateway(database_url=url)
    with openai.OpenAI(base_url=f"{second.url}/v1", api_key=second.key, max_retries=0, timeout=10) as client:
        assert client.responses.retrieve(made.id).output_text == "Hello hello"
