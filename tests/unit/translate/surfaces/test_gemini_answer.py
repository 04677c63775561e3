"""Chat answers and chunks as answers of generateContent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tianji_core.testing.openai_samples import RESPONSES, STREAMS
from tianji_core.translate.chunks import merge_chunks
from tianji_core.translate.gemini.framing import ArrayWriter
from tianji_core.translate.gemini.response import ReplyContext, gemini_to_chat
from tianji_core.translate.gemini.stream import GeminiStreamDecoder
from tianji_core.translate.surfaces.gemini import EVENTS, WHOLE
from tianji_core.translate.surfaces.gemini.native import NativeGemini
from tianji_core.translate.surfaces.gemini.state import packed
from tianji_core.wire import google
from tianji_core.wire.sse import DONE, SSEDecoder, encode_event

SHOWS: dict[str, Any] = {"generation_config": {"thinking_config": {"include_thoughts": True}}}


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def answer(message: dict[str, Any], finish: str = "stop", asked: Any = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": finish, **more}
    return WHOLE.answer({"id": "c1", "model": "m", "choices": [choice]}, asked or {})


def parts(message: dict[str, Any], asked: Any = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer(message, asked=asked)["candidates"][0]["content"]["parts"]
    return found


def events_of(chunks: list[dict[str, Any]], usage: Any = None, asked: Any = None) -> list[dict[str, Any]]:
    writer = EVENTS.events("m", asked or {})
    data = b"".join(writer.write(each) for each in chunks) + writer.end(usage)
    return [json.loads(event.data) for event in SSEDecoder().feed(data)]


def assembled(events: list[dict[str, Any]]) -> dict[str, Any]:
    """What a client makes of a stream: neighbouring texts together, everything else in order."""
    whole: dict[str, Any] = {}
    candidates: dict[int, dict[str, Any]] = {}
    for event in events:
        for candidate in event.pop("candidates", ()):
            into = candidates.setdefault(candidate["index"], {"content": {"role": "model", "parts": []}})
            for part in candidate.pop("content")["parts"]:
                last = into["content"]["parts"][-1] if into["content"]["parts"] else {}
                if part.keys() - {"text"} == last.keys() - {"text"} and "text" in part and "text" in last:
                    last["text"] += part["text"]
                elif part != {"text": ""}:
                    into["content"]["parts"].append(part)
            into.update(candidate)
        whole.update(event)
    whole["candidates"] = [candidates[index] for index in sorted(candidates)]
    return whole


def test_a_whole_answer():
    assert WHOLE.answer({**RESPONSES["chat"], "model": "m"}, {}) == {
        "candidates": [
            {
                "content": {"role": "model", "parts": [{"text": "The capital of France is Paris — schön. 🗼"}]},
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {"promptTokenCount": 18, "candidatesTokenCount": 9, "totalTokenCount": 27},
        "modelVersion": "m",
        "responseId": "chatcmpl-KIT1",
    }


@pytest.mark.parametrize("asked", [{}, SHOWS], ids=["hides", "shows"])
@pytest.mark.parametrize("name", [name for name in STREAMS if name != "completions"])
def test_a_stream_says_what_the_whole_answer_says(name, asked):
    chunks = [json.loads(event.data) for event in SSEDecoder().feed(STREAMS[name]) if event.data != DONE]
    merged = merge_chunks(chunks)
    events = events_of(chunks, merged.get("usage"), asked)
    finishing = [any("finishReason" in each for each in event["candidates"]) for event in events]
    assert finishing == [False] * (len(events) - 1) + [True]
    assert assembled(events) == WHOLE.answer({**merged, "model": "m"}, asked)


def test_calls():
    calls = [
        {"id": "call_a", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
        {"id": "call_b__thought__c2ln", "type": "function", "function": {"name": "g", "arguments": "no json"}},
    ]
    told = answer({"content": "Look.", "tool_calls": calls}, "tool_calls")["candidates"][0]
    assert told["finishReason"] == "STOP"
    assert told["content"]["parts"] == [
        {"text": "Look."},
        {"functionCall": {"id": "call_a", "name": "f", "args": {"a": 1}}},
        {"functionCall": {"id": "call_b", "name": "g", "args": {}}, "thoughtSignature": "c2ln"},
    ]


def test_reasoning_is_shown_to_those_who_ask_and_kept_for_its_vendor():
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    made = {"functionCall": {"id": "a", "name": "f", "args": {}}}
    blocks = [{"type": "thinking", "thinking": "Hm.", "signature": "s"}]
    message = {"content": "Yes.", "reasoning_content": "Hm."}
    assert parts(message) == [{"text": "Yes."}]
    assert parts(message, SHOWS) == [{"text": "Hm.", "thought": True}, {"text": "Yes."}]
    assert parts({"thinking_blocks": blocks}, SHOWS) == [{"text": "Hm.", "thought": True}]
    signed = {**made, "thoughtSignature": packed({"thinking_blocks": blocks})}
    assert parts({"tool_calls": [call, call], "thinking_blocks": blocks}) == [signed, made]
    assert parts({"tool_calls": [call], "thinking_blocks": blocks}, SHOWS)[1:] == [signed]
    plain = {**made, "thoughtSignature": packed({"reasoning_content": "Hm."})}
    assert parts({"tool_calls": [call], "reasoning_content": "Hm."}) == [plain]
    assert parts({"tool_calls": [call], "reasoning_content": "Hm."}, SHOWS)[1:] == [made]


def test_streamed_reasoning_is_kept_with_the_call():
    thinking = [{"type": "thinking", "thinking": "H"}], [{"type": "thinking", "thinking": "m.", "signature": "s"}]
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}}
    events = events_of(
        [
            chunk(thinking_blocks=thinking[0], reasoning_content="H"),
            chunk(thinking_blocks=thinking[1], reasoning_content="m."),
            chunk(tool_calls=[call]),
            chunk(tool_calls=[{"index": 1, "id": "b", "function": {"name": "g", "arguments": "{}"}}]),
            chunk(tool_calls=[{"index": 0, "function": {"arguments": '"a":1}'}}]),
            chunk("tool_calls"),
        ]
    )
    (event,) = events
    blocks = [{"type": "thinking", "thinking": "Hm.", "signature": "s"}]
    assert event["candidates"][0]["content"]["parts"] == [
        {
            "functionCall": {"id": "a", "name": "f", "args": {"a": 1}},
            "thoughtSignature": packed({"thinking_blocks": blocks}),
        },
        {"functionCall": {"id": "b", "name": "g", "args": {}}},
    ]


def test_calls_whose_place_is_not_told():
    named = {"index": None, "id": "a", "function": {"name": "f", "arguments": "{"}}
    rest = {"function": {"arguments": "}"}}
    other = {"id": "b", "function": {"name": "g", "arguments": "{}"}}
    odd = {**chunk(tool_calls=[named]), "choices": [{"index": None, "delta": {"tool_calls": [named]}}]}
    (event,) = events_of([odd, chunk(tool_calls=[rest]), chunk(tool_calls=[other]), chunk("tool_calls")])
    calls = [part["functionCall"] for part in event["candidates"][0]["content"]["parts"]]
    assert calls == [{"id": "a", "name": "f", "args": {}}, {"id": "b", "name": "g", "args": {}}]


@pytest.mark.parametrize(
    ("finish", "message", "reason"),
    [
        ("stop", {"content": "x"}, "STOP"),
        ("length", {"content": "x"}, "MAX_TOKENS"),
        ("tool_calls", {"content": "x"}, "STOP"),
        ("content_filter", {"content": None}, "SAFETY"),
        ("stop", {"content": None, "refusal": "No."}, "SAFETY"),
        ("odd", {"content": "x"}, "STOP"),
    ],
)
def test_finish_reasons(finish, message, reason):
    assert answer(message, finish)["candidates"][0]["finishReason"] == reason
    assert events_of([chunk(**message), chunk(finish)])[-1]["candidates"][0]["finishReason"] == reason


def test_an_empty_answer_has_a_part():
    assert parts({"content": None}) == [{"text": ""}]
    (event,) = events_of([])
    assert event["candidates"][0]["content"]["parts"] == [{"text": ""}]


def test_usage():
    usage = {
        "prompt_tokens": 20,
        "completion_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 5, "text_tokens": 12, "image_tokens": 8},
        "completion_tokens_details": {"reasoning_tokens": 4, "text_tokens": 6},
    }
    told = WHOLE.answer({"choices": [], "usage": usage}, {})["usageMetadata"]
    assert told == {
        "promptTokenCount": 20,
        "candidatesTokenCount": 6,
        "thoughtsTokenCount": 4,
        "totalTokenCount": 30,
        "cachedContentTokenCount": 5,
        "promptTokensDetails": [{"modality": "IMAGE", "tokenCount": 8}, {"modality": "TEXT", "tokenCount": 12}],
        "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 6}],
    }
    back = WHOLE.native_usage({"usageMetadata": told})
    assert back is not None
    assert (back["prompt_tokens"], back["completion_tokens"]) == (20, 10)
    assert back["completion_tokens_details"]["reasoning_tokens"] == 4


def test_logprobs():
    token = {"token": "Paris", "logprob": -0.5, "top_logprobs": [{"token": "Paris", "logprob": -0.5}]}
    told = answer({"content": "Paris"}, logprobs={"content": [token]})["candidates"][0]
    assert told["avgLogprobs"] == -0.5
    assert told["logprobsResult"] == {
        "chosenCandidates": [{"token": "Paris", "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "Paris", "logProbability": -0.5}]}],
    }


def test_pictures_and_sound():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aW1n"}}
    assert parts({"content": None, "images": [image]}) == [{"inlineData": {"mimeType": "image/png", "data": "aW1n"}}]
    sound = {"id": "a", "data": "cGNt", "transcript": "Hi"}
    assert parts({"content": None, "audio": sound}) == [
        {"text": "Hi"},
        {"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": "cGNt"}},
    ]


def test_sources():
    place = {"start_index": 4, "end_index": 9, "url": "https://a.test", "title": "A"}
    annotations = [{"type": "url_citation", "url_citation": place}, {"type": "url_citation", "url": "https://a.test"}]
    told = answer({"content": "Für Paris.", "annotations": annotations})["candidates"][0]["groundingMetadata"]
    assert told == {
        "groundingChunks": [{"web": {"uri": "https://a.test", "title": "A"}}],
        "groundingSupports": [
            {"segment": {"startIndex": 5, "endIndex": 10, "text": "Paris"}, "groundingChunkIndices": [0]}
        ],
    }
    streamed = events_of([chunk(content="Für "), chunk(content="Paris."), chunk("stop", annotations=annotations)])
    assert streamed[-1]["candidates"][0]["groundingMetadata"] == told


GOOGLES = {
    "candidates": [
        {
            "content": {
                "role": "model",
                "parts": [
                    {"text": "Hm.", "thought": True},
                    {"executableCode": {"language": "PYTHON", "code": "1"}},
                    {"text": "Look.", "thoughtSignature": "dGV4dA=="},
                    {"functionCall": {"id": "x", "name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"},
                ],
            },
            "finishReason": "MALFORMED_RESPONSE",
            "finishMessage": "Odd.",
            "groundingMetadata": {"webSearchQueries": ["q"]},
            "safetyRatings": [{"category": "C", "probability": "LOW"}],
            "index": 0,
        }
    ],
    "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 5, "totalTokenCount": 10},
    "modelVersion": "m",
    "responseId": "r1",
}


def test_an_answer_of_googles_own_comes_through_chat():
    """Where it has to be read: a guardrail judges it, say."""
    told = WHOLE.answer(gemini_to_chat(GOOGLES, ReplyContext(), "seed"), SHOWS)
    told["usageMetadata"].pop("candidatesTokensDetails")
    assert told == GOOGLES
    decoder = GeminiStreamDecoder(ReplyContext(model="m"))
    chunks = decoder.feed(encode_event(json.dumps(GOOGLES).encode())) + decoder.finish()
    streamed = assembled(events_of(chunks, asked=SHOWS))["candidates"][0]
    for name in ("finishReason", "finishMessage", "groundingMetadata", "safetyRatings"):
        assert streamed[name] == GOOGLES["candidates"][0][name]
    assert streamed["content"]["parts"][-1] == GOOGLES["candidates"][0]["content"]["parts"][-1]


def test_a_refused_prompt_of_googles_own():
    refused = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 5}, "responseId": "r"}
    told = WHOLE.answer(gemini_to_chat(refused, ReplyContext(model="m"), "seed"), {})
    assert told["promptFeedback"] == {"blockReason": "SAFETY"}
    assert "candidates" not in told
    decoder = GeminiStreamDecoder(ReplyContext(model="m"))
    chunks = decoder.feed(encode_event(json.dumps(refused).encode())) + decoder.finish()
    assert events_of(chunks)[-1]["promptFeedback"] == {"blockReason": "SAFETY"}


# -- passed on -------------------------------------------------------------------------------------------------------

STREAM = b"".join(
    encode_event(json.dumps(each).encode())
    for each in (
        {
            "candidates": [{"content": {"parts": [{"text": 'an "error" in words'}]}}],
            "usageMetadata": {"promptTokenCount": 5},
        },
        {"candidates": [{"content": {"parts": [{"text": "."}]}, "finishReason": "STOP"}]},
        {"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}},
    )
)


@pytest.mark.parametrize("cut", range(0, len(STREAM), 7))
def test_a_stream_of_googles_is_passed_on_however_it_is_cut(cut):
    stream = NativeGemini()
    assert stream.feed(STREAM[:cut]) + stream.feed(STREAM[cut:]) + stream.finish() == STREAM
    assert stream.complete
    assert stream.error is None
    assert stream.usage is not None
    assert stream.usage["total_tokens"] == 7


def test_line_ends_of_googles():
    stream = NativeGemini()
    assert stream.feed(STREAM.replace(b"\n", b"\r\n")) + stream.finish() == STREAM


@pytest.mark.parametrize("cut", range(0, STREAM.index(b"STOP"), 11))
def test_a_stream_that_is_cut_is_not_complete(cut):
    stream = NativeGemini()
    stream.feed(STREAM[:cut])
    stream.finish()
    assert not stream.complete


@pytest.mark.parametrize(
    "data",
    [b"data: nonsense\n\n", b"data: [1]\n\n", b'data: {"error":{"code":503,"message":"x","status":"UNAVAILABLE"}}\n\n'],
)
def test_failures_in_a_stream_of_googles(data):
    stream = NativeGemini()
    assert stream.feed(data + STREAM) == b""
    assert stream.error is not None
    assert stream.error["error"]["message"]


@pytest.mark.parametrize("step", [1, 5, 1000])
def test_one_array(step):
    writer = ArrayWriter()
    told = b"".join(writer.feed(STREAM[at : at + step]) for at in range(0, len(STREAM), step)) + writer.end()
    assert json.loads(told) == [json.loads(event.data) for event in SSEDecoder().feed(STREAM)]
    assert ArrayWriter().end() == b"[]"


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (413, "INVALID_ARGUMENT"),
        (418, "INVALID_ARGUMENT"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (502, "UNAVAILABLE"),
        (529, "UNAVAILABLE"),
        (599, "INTERNAL"),
    ],
)
def test_errors(status, word):
    assert google.error_body("no", status) == {"error": {"code": status, "message": "no", "status": word}}


def test_errors_with_more_to_say():
    assert google.error_body("no", 400, "FAILED_PRECONDITION")["error"]["status"] == "FAILED_PRECONDITION"
    assert google.error_body("no", 401, "INVALID_ARGUMENT")["error"]["status"] == "UNAUTHENTICATED"
    assert google.error_body("no", 429, retry_after=1.5)["error"]["details"] == [
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.5s"}
    ]
    assert google.error_body("no", 429, retry_after=30)["error"]["details"][0]["retryDelay"] == "30s"
