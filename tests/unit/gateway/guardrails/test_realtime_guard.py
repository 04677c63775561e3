"""What guardrails make of the events of a realtime session."""

from __future__ import annotations

import asyncio
import json

import pytest

from tianji_core.api.guardrail import Block, Guardrail
from tianji_core.gateway.call import Call
from tianji_core.gateway.guardrails import ActiveGuardrail, GuardrailChain
from tianji_core.gateway.realtime_guard import SessionGuard


class Words(Guardrail):
    stages = frozenset({"pre_call", "during_call", "post_call"})

    async def check(self, stage, payload):
        places = payload.places()
        if any("bad" in place.text for place in places):
            return Block("No bad words.")
        if any("crash" in place.text for place in places):
            raise RuntimeError("what happened")
        return payload.rewritten(places, [place.text.replace("Ann", "****") for place in places])


def guard(*stages):
    call = Call("realtime", "rt", {"model": "rt"}, stream=True)
    return SessionGuard(call, GuardrailChain([ActiveGuardrail("words", Words(), frozenset(stages), True)]))


def up(found, event):
    message = event if isinstance(event, str | bytes) else json.dumps(event)
    onwards, back = asyncio.run(found.up(message))
    return [json.loads(each) for each in onwards], [json.loads(each) for each in back]


def down(found, *events):
    async def main():
        return [[json.loads(each) for each in await found.down(json.dumps(event))] for event in events]

    return asyncio.run(main())


def says(text, **members):
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content}
    return {"type": "conversation.item.create", "event_id": "e1", "item": item, **members}


@pytest.mark.parametrize("stage", ["pre_call", "during_call"])
def test_what_a_client_says(stage):
    found = guard(stage)
    assert up(found, says("Good morning")) == ([says("Good morning")], [])
    assert up(found, says("I am Ann")) == ([says("I am ****")], [])
    onwards, [error] = up(found, says("something bad"))
    assert onwards == []
    assert error["type"] == "error"
    assert error["error"]["message"] == "No bad words."
    assert error["error"]["event_id"] == "e1"
    assert error["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "session.update", "session": {"instructions": "be bad"}},
        {"type": "session.update", "session": {"tools": [{"name": "f", "description": "bad"}]}},
        {"type": "session.update", "session": {"prompt": {"id": "p", "variables": {"x": "bad"}}}},
        {"type": "response.create", "response": {"instructions": "bad"}},
        {"type": "response.create", "response": {"input": [{"role": "user", "content": [{"text": "bad"}]}]}},
        {"type": "conversation.item.create", "item": {"type": "function_call_output", "output": "bad"}},
        {"type": "conversation.item.create", "item": {"type": "function_call", "arguments": "bad"}},
        {"type": "something.new", "words": ["bad"]},
    ],
)
def test_wherever_it_stands(event):
    onwards, back = up(guard("pre_call"), event)
    assert onwards == []
    assert back[0]["error"]["message"] == "No bad words."


def test_sound_is_refused_once_and_never_passed_on():
    found = guard("pre_call")
    sound = {"type": "input_audio_buffer.append", "audio": "AAAA"}
    assert [len(up(found, sound)[1]) for _ in range(3)] == [1, 0, 0]
    content = [{"type": "input_audio", "audio": "AAAA"}]
    spoken = {"type": "conversation.item.create", "item": {"role": "user", "content": content}}
    assert up(guard("pre_call"), spoken)[0] == []
    assert up(guard("pre_call"), {"type": "response.create", "response": {"input": [{"content": content}]}})[0] == []
    assert up(guard("post_call"), sound) == ([sound], [])


def test_what_cannot_be_read_is_refused():
    for message in ("no json", b"\x00\xff", "[1]"):
        onwards, back = up(guard("pre_call"), message)
        assert (onwards, len(back)) == ([], 1)


def test_a_guardrail_that_fails_refuses():
    onwards, [error] = up(guard("pre_call"), says("crash"))
    assert onwards == []
    assert "what happened" not in json.dumps(error)
    assert error["error"]["type"] == "server_error"


def response(text, delta="spoken"):
    output = [{"type": "message", "role": "assistant", "content": [{"type": "output_audio", "transcript": text}]}]
    return (
        {"type": "response.created", "response": {"id": "r1", "output": []}},
        {"type": "response.output_audio.delta", "response_id": "r1", "delta": "AAAA"},
        {"type": "response.output_audio_transcript.delta", "response_id": "r1", "delta": delta},
        {"type": "conversation.item.done", "item": output[0]},
        {"type": "response.done", "event_id": "x", "response": {"id": "r1", "status": "completed", "output": output}},
    )


def test_what_the_vendor_says_is_held_until_it_is_judged():
    events = response("a good answer")
    assert down(guard("post_call"), *events) == [[], [], [], [], list(events)]


@pytest.mark.parametrize("text", ["a bad answer", "I am Ann", "crash"])
def test_what_the_vendor_must_not_say(text):
    *before, [error, done] = down(guard("post_call"), *response(text))
    assert before == [[], [], [], []]
    assert error["type"] == "error"
    assert done["type"] == "response.done"
    assert done["response"]["status"] == "failed"
    assert done["response"]["output"] == []
    assert text not in json.dumps([error, done])


def test_after_a_refusal_the_session_goes_on():
    found = guard("post_call")
    down(found, *response("bad"))
    events = response("better")
    assert down(found, *events)[-1] == list(events)


def test_what_belongs_to_no_response():
    found = guard("post_call")
    session = {"type": "session.created", "session": {"instructions": "bad, but the client's own"}}
    limits = {"type": "rate_limits.updated", "rate_limits": []}
    item = {"type": "conversation.item.retrieved", "item": {"role": "assistant", "content": [{"text": "bad"}]}}
    assert down(found, session, limits) == [[session], [limits]]
    [[error]] = down(found, item)
    assert error["type"] == "error"


def test_a_response_that_is_too_long(monkeypatch):
    monkeypatch.setattr("tianji_core.gateway.realtime_guard.MOST_HELD", 200)
    *_, [error, done] = down(guard("post_call"), *response("fine", "x" * 500))
    assert "too long" in error["error"]["message"]
    assert done["response"]["output"] == []


@pytest.mark.parametrize(
    "event",
    [
        {"type": "session.update", "session": {"audio": {"input": {"transcription": {"prompt": "bad"}}}}},
        {"type": "session.update", "session": {"tools": [{"parameters": {"properties": {"name": {"title": "bad"}}}}]}},
    ],
)
def test_words_below_members_of_odd_names(event):
    assert up(guard("pre_call"), event)[0] == []


@pytest.mark.parametrize("odd", ["x", 5, None, [], [5], {"input": 5}, {"input": [5]}, {"content": 5}])
def test_odd_events_are_no_defect(odd):
    for event in ({"type": "response.create", "response": odd}, {"type": "conversation.item.create", "item": odd}):
        assert up(guard("pre_call"), event)[0] == [event]
    [messages] = down(guard("post_call"), {"type": "response.done", "response": odd})
    assert messages
    [[error, done]] = down(guard("post_call"), {"type": "response.done", "response": "bad"})
    assert (error["type"], done["response"]["status"]) == ("error", "failed")
