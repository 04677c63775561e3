"""The usage of realtime sessions, from the events that pass."""

from __future__ import annotations

import json

import pytest

from tianji_core.accounting.sessions import SessionUsage

TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


def done(**usage):
    return json.dumps({"type": "response.done", "response": {"usage": usage}})


def transcribed(**usage):
    return json.dumps({"type": TRANSCRIBED, "usage": usage})


def total(*messages, transcribes=False):
    usage = SessionUsage(transcribes=transcribes)
    for message in messages:
        usage.see(message)
    return usage.total()


def test_nothing_said_is_no_usage():
    assert total() is None
    assert total("x", "", '{"type": "session.created"}') is None


def test_answers_are_added_up():
    details = {"text_tokens": 1, "audio_tokens": 2, "cached_tokens_details": {"audio_tokens": 3}}
    one = done(input_tokens=3, output_tokens=4, total_tokens=7, input_token_details=details)
    two = done(input_tokens=10, output_tokens=0, total_tokens=10, input_token_details={"text_tokens": 10})
    assert total(one, "between", two) == {
        "prompt_tokens": 13,
        "completion_tokens": 4,
        "total_tokens": 17,
        "prompt_tokens_details": {"text_tokens": 11, "audio_tokens": 2, "cached_tokens_details": {"audio_tokens": 3}},
    }


def test_a_total_that_is_not_said_is_the_sum():
    assert total(done(input_tokens=1, output_tokens=2))["total_tokens"] == 3


def test_transcripts_are_told_apart():
    found = total(done(input_tokens=1, output_tokens=2, total_tokens=3), transcribed(type="duration", seconds=1.5))
    assert found["total_tokens"] == 3
    assert found["input_audio_transcription"]["seconds"] == 1.5
    alone = total(transcribed(type="tokens", input_tokens=5, output_tokens=1, total_tokens=6))
    assert alone["prompt_tokens"] == 0
    assert alone["input_audio_transcription"]["total_tokens"] == 6


def test_in_sessions_that_transcribe_they_are_all_there_is():
    found = total(transcribed(input_tokens=5, output_tokens=1, total_tokens=6), transcribes=True)
    assert found == {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}


@pytest.mark.parametrize(
    "message",
    [
        '"response.done"',
        '{"type": "response.done"',
        '["response.done"]',
        '{"type": "response.done", "response": "response.done"}',
        '{"type": "response.done", "response": {"usage": null}}',
        '{"type": "other", "name": "response.done", "response": {"usage": {"input_tokens": 5}}}',
        json.dumps({"type": "response.output_text.delta", "delta": '{"type":"response.done"}'}),
        f'{{"type": "{TRANSCRIBED}"}}',
        f'["{TRANSCRIBED}"]',
    ],
)
def test_what_only_looks_like_it(message):
    assert total(message) is None


@pytest.mark.parametrize(
    ("usage", "prompt"),
    [({"input_tokens": "5"}, None), ({"input_tokens": True}, None), ({"input_tokens": 5, "output_tokens": None}, 5)],
)
def test_counts_that_are_none(usage, prompt):
    found = total(done(**usage))
    assert (found or {}).get("prompt_tokens") == prompt


def test_members_of_changing_types_do_no_harm():
    assert total(done(input_tokens=1, a={"b": 1}), done(input_tokens=1, a=5), done(input_tokens={"x": 1}))
