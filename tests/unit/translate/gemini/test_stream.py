"""Streams of generateContent, in both framings."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji_core.api.errors import BadGatewayError, ServiceUnavailableError
from tianji_core.translate.chunks import merge_chunks
from tianji_core.translate.gemini.framing import Frames, ObjectScanner
from tianji_core.translate.gemini.response import ReplyContext
from tianji_core.translate.gemini.stream import GeminiStreamDecoder
from tianji_core.wire.sse import EventTooLarge

HEAD = {"responseId": "r1", "modelVersion": "gemini-2.5-flash"}


def piece(*parts: Any, reason: str | None = None, index: int = 0, **members: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": index}
    if reason:
        candidate["finishReason"] = reason
    usage = {"promptTokenCount": 8, "candidatesTokenCount": 2, "totalTokenCount": 10}
    return {"candidates": [{**candidate, **members}], "usageMetadata": usage, **HEAD}


def sse(*events: Any) -> bytes:
    return b"".join(b"data: " + orjson.dumps(event) + b"\r\n\r\n" for event in events)


def array(*events: Any) -> bytes:
    return b"[" + b"\n,\r\n".join(orjson.dumps(event, option=orjson.OPT_INDENT_2) for event in events) + b"\n]\n"


def decode(*data: bytes, **body: Any) -> tuple[list[Any], GeminiStreamDecoder]:
    decoder = GeminiStreamDecoder(ReplyContext.of(body, "gemini-2.5-flash", "gemini"))
    chunks = [chunk for each in data for chunk in decoder.feed(each)]
    return chunks + decoder.finish(), decoder


EVENTS = (
    piece({"text": 'Hm {"}\\', "thought": True}),
    piece({"text": 'Grüße, "日本" [1] {2} \\ '}),
    piece({"functionCall": {"name": "f", "args": {"a": '}]"'}}, "thoughtSignature": "c2ln"}),
    piece({"functionCall": {"name": "g"}}),
    piece({"text": ""}, reason="STOP"),
)


@pytest.mark.parametrize("framing", [sse, array])
def test_both_framings_say_the_same_however_they_are_cut(framing: Any) -> None:
    data = framing(*EVENTS)
    whole, decoder = decode(sse(*EVENTS))
    assert decoder.complete
    merged = merge_chunks(whole)
    for size in (1, 2, 7, 64, len(data)):
        chunks, decoder = decode(*(data[at : at + size] for at in range(0, len(data), size)))
        assert decoder.complete
        assert merge_chunks(chunks) == merged
    message = merged["choices"][0]["message"]
    assert message["content"] == 'Grüße, "日本" [1] {2} \\ '
    assert message["reasoning_content"] == 'Hm {"}\\'
    assert [call["function"]["name"] for call in message["tool_calls"]] == ["f", "g"]
    assert merged["choices"][0]["finish_reason"] == "tool_calls"
    assert merged["usage"]["total_tokens"] == 10


def test_the_first_chunk_has_the_role_and_the_last_the_usage() -> None:
    chunks, _ = decode(sse(piece({"text": "a"}), piece({"text": "b"}, reason="STOP")))
    assert [chunk["choices"][0]["delta"] for chunk in chunks[:3]] == [
        {"role": "assistant", "content": "a"},
        {"content": "b"},
        {},
    ]
    assert chunks[2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[3]["choices"] == []
    assert chunks[3]["usage"]["completion_tokens"] == 2


def test_several_candidates_end_each_for_itself() -> None:
    one, two = piece({"text": "a"}, index=0), piece({"text": "b"}, index=1)
    first = decode(sse(one, two, piece(reason="STOP", index=0)))[1]
    assert not first.complete
    chunks, decoder = decode(sse(one, two, piece(reason="STOP", index=0), piece(reason="MAX_TOKENS", index=1)))
    assert decoder.complete
    assert [choice["finish_reason"] for choice in merge_chunks(chunks)["choices"]] == ["stop", "length"]


def test_a_choice_ends_once() -> None:
    chunks, _ = decode(sse(piece({"text": "a"}, reason="STOP"), piece(reason="STOP")))
    assert len([c for chunk in chunks for c in chunk["choices"] if c["finish_reason"]]) == 1


def test_counts_are_totals_and_the_last_ones_count() -> None:
    last = {**piece(reason="STOP"), "usageMetadata": {"candidatesTokenCount": 9, "thoughtsTokenCount": None}}
    chunks, _ = decode(sse(piece({"text": "a"}), last))
    assert chunks[-1]["usage"]["prompt_tokens"] == 8
    assert chunks[-1]["usage"]["completion_tokens"] == 9


def test_sources_come_where_they_are_told() -> None:
    metadata = {
        "webSearchQueries": ["q"],
        "groundingChunks": [{"web": {"uri": "https://a.example/", "title": "A"}}],
        "groundingSupports": [{"segment": {"startIndex": 2, "endIndex": 4}, "groundingChunkIndices": [0]}],
    }
    chunks, _ = decode(sse(piece({"text": "ab"}), piece({"text": "cd"}, reason="STOP", groundingMetadata=metadata)))
    place = {"start_index": 2, "end_index": 4, "url": "https://a.example/", "title": "A"}
    assert chunks[1]["choices"][0]["delta"]["annotations"] == [{"type": "url_citation", "url_citation": place}]
    assert chunks[1]["vertex_ai_grounding_metadata"] == [metadata]
    assert chunks[-1]["usage"]["prompt_tokens_details"]["web_search_requests"] == 1


def test_a_prompt_that_was_refused_ends_the_stream() -> None:
    chunks, decoder = decode(sse({"promptFeedback": {"blockReason": "SAFETY"}, **HEAD}))
    assert decoder.complete
    assert chunks[0]["choices"][0]["finish_reason"] == "content_filter"


def test_pictures_and_sounds_in_a_stream() -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    sound = {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "AAEC"}}
    chunks, _ = decode(sse(piece(picture), piece(picture, sound, reason="STOP")))
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:2]]
    assert [delta["images"][0]["index"] for delta in deltas] == [0, 1]
    assert deltas[1]["audio"]["data"] == "AAEC"


def test_an_error_inside_a_stream() -> None:
    error = {"error": {"code": 503, "message": "Overloaded.", "status": "UNAVAILABLE"}}
    for data in (
        sse(piece({"text": "a"}), error),
        array(piece({"text": "a"}), error),
        sse(piece({"text": "a"}), [error]),
    ):
        chunks, decoder = decode(data)
        assert isinstance(decoder.error, ServiceUnavailableError)
        assert not decoder.complete
        assert chunks[0]["choices"][0]["delta"]["content"] == "a"
        assert chunks[-1]["usage"]["total_tokens"] == 10, "what was made until then has been paid for"


@pytest.mark.parametrize("data", [b"data: {\n\n", b"data: 5\n\n", b"[{}x", b"data: [1]\n\n"])
def test_nonsense_in_a_stream(data: bytes) -> None:
    _, decoder = decode(data, sse(piece({"text": "a"}, reason="STOP")))
    assert isinstance(decoder.error, BadGatewayError) or not decoder.complete or data == b"[{}x"


def test_a_stream_without_an_id_has_none_and_its_calls_still_have() -> None:
    event = {
        key: value for key, value in piece({"functionCall": {"name": "f"}}, reason="STOP").items() if key not in HEAD
    }
    first, second = decode(sse(event))[0], decode(sse(event), messages=[{}])[0]
    assert first[0]["id"] == ""
    ids = [chunks[0]["choices"][0]["delta"]["tool_calls"][0]["id"] for chunks in (first, second)]
    assert len(set(ids)) == 2


def test_log_probabilities_in_a_stream() -> None:
    result = {"chosenCandidates": [{"token": "a", "logProbability": -1}]}
    chunks, _ = decode(sse(piece({"text": "a"}, reason="STOP", logprobsResult=result)))
    assert chunks[0]["choices"][0]["logprobs"]["content"][0]["logprob"] == -1


# -- framing ---------------------------------------------------------------------------------------------------


def test_done_and_blank_events_say_nothing() -> None:
    assert list(Frames().feed(b"\n\ndata: [DONE]\n\ndata:\n\ndata: {}\n\n")) == [{}]


def test_what_stands_between_objects_says_nothing() -> None:
    assert ObjectScanner().feed(b'[1, "{", {"a": {}} , "x" {"b": "}"}') == [b'{"a": {}}', b'{"b": "}"}']


def test_an_object_can_be_too_large() -> None:
    scanner = ObjectScanner(limit=20)
    assert scanner.feed(b'[{"a": 1},' * 9) == [b'{"a": 1}'] * 9
    with pytest.raises(EventTooLarge):
        scanner.feed(b'{"a": "' + b"x" * 20)


def test_a_stream_that_is_one_endless_object_is_an_error() -> None:
    decoder = GeminiStreamDecoder(ReplyContext())
    for _ in range(17):
        decoder.feed(b'{"a": "' + b"x" * 1024 * 1024)
    assert isinstance(decoder.error, BadGatewayError)


@given(st.lists(st.binary(max_size=40), max_size=4), st.sampled_from([b"", b"[", b"data: ", b'[{"candidates": [']))
def test_no_bytes_are_too_odd(pieces: list[bytes], start: bytes) -> None:
    _, decoder = decode(start, *pieces)
    assert not decoder.complete


@given(st.data())
def test_a_stream_may_break_off_anywhere(data: Any) -> None:
    whole = data.draw(st.sampled_from([sse(*EVENTS), array(*EVENTS)]))
    cut = data.draw(st.integers(0, len(whole) - 1))
    chunks, decoder = decode(whole[:cut])
    assert decoder.error is None
    if decoder.complete:
        assert merge_chunks(chunks)["choices"] == merge_chunks(decode(whole)[0])["choices"]
