"""Whole answers of generateContent: choices, usage, sources, errors."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji_core.api.errors import BadGatewayError, GatewayError, RateLimitError
from tianji_core.translate.gemini.grounding import url_citations
from tianji_core.translate.gemini.logprobs import openai_logprobs
from tianji_core.translate.gemini.response import FINISH_REASONS, ReplyContext, parse_answer
from tianji_core.translate.gemini.usage import openai_usage


def answer(*parts: Any, reason: str = "STOP", **candidate: Any) -> dict[str, Any]:
    return {
        "candidates": [{"content": {"parts": list(parts), "role": "model"}, "finishReason": reason, **candidate}],
        "responseId": "r1",
        "modelVersion": "gemini-2.5-flash",
    }


def parse(value: Any, **body: Any) -> Any:
    return parse_answer(orjson.dumps(value), ReplyContext.of(body, "gemini-2.5-flash", "gemini"))


def message(*parts: Any, **candidate: Any) -> Any:
    return parse(answer(*parts, **candidate))["choices"][0]["message"]


def function_call(name: str = "f", **members: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": {"a": 1}, **members}}


def test_a_text() -> None:
    assert parse(answer({"text": "Par"}, {"text": "is."})) == {
        "id": "r1",
        "object": "chat.completion",
        "created": 0,
        "model": "gemini-2.5-flash",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Paris.", "images": [], "thinking_blocks": []},
                "finish_reason": "stop",
                "provider_specific_fields": {"native_finish_reason": "STOP"},
            }
        ],
        "vertex_ai_grounding_metadata": [],
        "vertex_ai_url_context_metadata": [],
        "vertex_ai_safety_results": [],
        "vertex_ai_citation_metadata": [],
    }


def test_thoughts_are_reasoning_and_signatures_are_kept() -> None:
    found = message({"text": "Hm.", "thought": True}, {"text": "Paris.", "thoughtSignature": "c2ln"})
    assert found["reasoning_content"] == "Hm."
    assert found["content"] == "Paris."
    assert found["thinking_blocks"] == [{"type": "thinking", "thinking": "Hm."}]
    assert found["provider_specific_fields"] == {"thought_signatures": ["c2ln"]}


def test_calls_are_numbered_and_signed() -> None:
    found = message({"text": "Looking."}, {**function_call(), "thoughtSignature": "c2ln"}, function_call("g"))
    first, second = found["tool_calls"]
    assert (first["index"], second["index"]) == (0, 1)
    assert first["id"].endswith("__thought__c2ln")
    assert first["provider_specific_fields"] == {"thought_signature": "c2ln"}
    assert second["function"] == {"name": "g", "arguments": '{"a":1}'}
    assert "__thought__" not in second["id"]
    assert found["provider_specific_fields"] == {"thought_signatures": ["c2ln"]}


def test_the_same_call_has_another_id_in_the_next_turn() -> None:
    without_id = {key: value for key, value in answer(function_call()).items() if key != "responseId"}

    def ids(turns: int) -> Any:
        return [
            parse(each, messages=[{}] * turns)["choices"][0]["message"]["tool_calls"][0]["id"]
            for each in (answer(function_call()), without_id)
        ]

    assert ids(1) == ids(1)
    assert not set(ids(1)) & set(ids(3))


def test_ids_of_the_vendor_are_kept() -> None:
    assert message(function_call(id="abc123"))["tool_calls"][0]["id"] == "abc123"


def test_names_come_back_as_the_caller_has_them() -> None:
    tools = [{"type": "function", "function": {"name": "get weather"}}]
    found = parse(answer(function_call("get_weather")), tools=tools)
    assert found["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "get weather"


def test_a_call_without_arguments_has_an_empty_object() -> None:
    found = message({"functionCall": {"name": "f"}})
    assert found["tool_calls"][0]["function"]["arguments"] == "{}"
    assert found["content"] is None


@pytest.mark.parametrize("native", [*FINISH_REASONS, "BRAND_NEW", None])
def test_finish_reasons(native: Any) -> None:
    plain = parse(answer({"text": "a"}, reason=native))["choices"][0]["finish_reason"]
    called = parse(answer(function_call(), reason=native))["choices"][0]["finish_reason"]
    assert plain == FINISH_REASONS.get(native, "stop")
    assert called == ("tool_calls" if plain == "stop" else plain)


def test_a_filter_ends_an_answer_and_says_why() -> None:
    ratings = [{"category": "HARM_CATEGORY_HARASSMENT", "blocked": True}]
    found = parse({"candidates": [{"finishReason": "SAFETY", "finishMessage": "No.", "safetyRatings": ratings}]})
    (choice,) = found["choices"]
    assert choice["finish_reason"] == "content_filter"
    assert choice["message"] == {"role": "assistant", "content": None}
    assert choice["provider_specific_fields"] == {"native_finish_reason": "SAFETY", "finish_message": "No."}
    assert found["vertex_ai_safety_results"] == [ratings]


def test_a_prompt_that_was_refused_is_an_answer_without_words() -> None:
    feedback = {"blockReason": "PROHIBITED_CONTENT"}
    found = parse({"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4}})
    (choice,) = found["choices"]
    assert choice["finish_reason"] == "content_filter"
    assert choice["message"]["content"] is None
    assert choice["provider_specific_fields"]["prompt_feedback"] == feedback
    assert found["usage"]["total_tokens"] == 4


def test_pictures_and_sounds() -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    sound = {"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": "AAEC"}}
    found = message({"text": "Here."}, picture, {**picture, "thought": True}, sound, sound)
    assert found["images"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}, "index": 0},
    ]
    assert found["audio"]["data"] == "AAECAAEC"
    wav = parse(answer(sound), audio={"format": "wav"})["choices"][0]["message"]["audio"]["data"]
    assert wav.startswith("UklGR")


def test_what_googles_own_tools_did_is_kept_to_be_sent_back() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "print(1)"}, "thoughtSignature": "c2ln"}
    result = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}
    found = message(code, result, {"text": "One."})
    assert found["provider_specific_fields"] == {"gemini_parts": [code, result]}


# -- usage -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"promptTokenCount": 8, "candidatesTokenCount": 6, "totalTokenCount": 14}, (8, 6)),
        ({"promptTokenCount": 8, "candidatesTokenCount": 6, "thoughtsTokenCount": 40, "totalTokenCount": 54}, (8, 46)),
        ({"promptTokenCount": 8, "candidatesTokenCount": 46, "thoughtsTokenCount": 40, "totalTokenCount": 54}, (8, 46)),
        ({"promptTokenCount": 8, "toolUsePromptTokenCount": 5, "candidatesTokenCount": 6}, (13, 6)),
        ({"promptTokenCount": 8, "thoughtsTokenCount": 40, "totalTokenCount": 48}, (8, 40)),
    ],
)
def test_usage_counts_thoughts_and_tools_in(usage: Any, counts: tuple[int, int]) -> None:
    found = openai_usage(usage)
    assert found is not None
    assert (found["prompt_tokens"], found["completion_tokens"]) == counts
    assert found["total_tokens"] == sum(counts)


def test_usage_by_kind() -> None:
    found = openai_usage(
        {
            "promptTokenCount": 300,
            "cachedContentTokenCount": 100,
            "candidatesTokenCount": 20,
            "thoughtsTokenCount": 5,
            "totalTokenCount": 325,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 10},
                {"modality": "DOCUMENT", "tokenCount": 5},
                {"modality": "IMAGE", "tokenCount": 258},
                {"modality": "AUDIO", "tokenCount": 27},
            ],
            "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 20}],
        },
        searches=2,
    )
    assert found is not None
    assert found["prompt_tokens_details"] == {
        "text_tokens": 15,
        "image_tokens": 258,
        "audio_tokens": 27,
        "cached_tokens": 100,
        "web_search_requests": 2,
    }
    assert found["completion_tokens_details"] == {"audio_tokens": 20, "reasoning_tokens": 5, "text_tokens": 0}


def test_what_a_search_reads_is_not_counted() -> None:
    found = openai_usage({"promptTokenCount": 8, "toolUsePromptTokenCount": 500, "candidatesTokenCount": 2}, searches=1)
    assert found is not None
    assert found["prompt_tokens"] == 8


@pytest.mark.parametrize("usage", [None, {}, [], "x"])
def test_no_usage_is_none(usage: Any) -> None:
    assert openai_usage(usage) is None


# -- sources ---------------------------------------------------------------------------------------------------

CHUNKS = [
    {"web": {"uri": "https://a.example/", "title": "A"}},
    {"retrievedContext": {"uri": "gs://b/c.pdf", "title": "C"}},
    {"web": {}},
]


def support(start: int, end: int, *indexes: Any, part: int = 0) -> dict[str, Any]:
    return {
        "segment": {"startIndex": start, "endIndex": end, "partIndex": part},
        "groundingChunkIndices": list(indexes),
    }


def test_places_are_counted_in_characters() -> None:
    texts = ["Grüße. ", "日本 is far."]
    metadata = {"groundingChunks": CHUNKS, "groundingSupports": [support(0, 8, 0), support(0, 6, 1, part=1)]}
    found = [each["url_citation"] for each in url_citations(metadata, texts)]
    whole = "".join(texts)
    assert [whole[each["start_index"] : each["end_index"]] for each in found] == ["Grüße.", "日本"]
    assert [each["url"] for each in found] == ["https://a.example/", "gs://b/c.pdf"]


@pytest.mark.parametrize(
    "metadata",
    [None, {}, {"groundingSupports": [support(0, 9, 0)]}, {"groundingChunks": CHUNKS, "groundingSupports": [5]}],
)
def test_sources_that_are_none(metadata: Any) -> None:
    assert url_citations(metadata, ["abc"]) == []


def test_sources_that_lead_nowhere_are_left_out() -> None:
    metadata = {"groundingChunks": CHUNKS, "groundingSupports": [support(0, 99, 2, 9, -1, "x", None, 0)]}
    (found,) = url_citations(metadata, ["abc"])
    assert found["url_citation"]["end_index"] == 3


def test_searches_are_counted() -> None:
    metadata = {"webSearchQueries": ["a", "b"], "groundingChunks": CHUNKS, "groundingSupports": [support(0, 1, 0)]}
    value = {**answer({"text": "Paris."}, groundingMetadata=metadata), "usageMetadata": {"promptTokenCount": 1}}
    found = parse(value)
    assert found["usage"]["prompt_tokens_details"]["web_search_requests"] == 2
    assert len(found["choices"][0]["message"]["annotations"]) == 1
    assert found["vertex_ai_grounding_metadata"] == [metadata]


def test_log_probabilities() -> None:
    result = {
        "chosenCandidates": [{"token": "Paris", "logProbability": -0.1}, {"token": "."}],
        "topCandidates": [{"candidates": [{"token": "Paris", "logProbability": -0.1}, {"token": "Lyon"}]}],
    }
    assert openai_logprobs(result) == {
        "content": [
            {
                "token": "Paris",
                "logprob": -0.1,
                "top_logprobs": [{"token": "Paris", "logprob": -0.1}, {"token": "Lyon", "logprob": 0.0}],
            },
            {"token": ".", "logprob": 0.0, "top_logprobs": []},
        ]
    }
    assert openai_logprobs({}) is None


# -- nonsense --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [[], {}, 5, None, {"candidates": []}, {"usageMetadata": {"promptTokenCount": 3}}])
def test_answers_that_are_none(value: Any) -> None:
    with pytest.raises(BadGatewayError):
        parse(value)


def test_an_error_with_status_200_is_an_error() -> None:
    error = {"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED"}
    for value in ({"error": error}, [{"error": error}]):
        with pytest.raises(RateLimitError, match="Slow down"):
            parse(value)


WORDS = """candidates content parts text thought functionCall name args inlineData mimeType data finishReason index
groundingMetadata groundingSupports groundingChunks segment usageMetadata promptTokenCount error code logprobsResult
chosenCandidates topCandidates promptFeedback blockReason responseId thoughtSignature"""
MEMBERS = WORDS.split()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 99999) | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(MEMBERS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)


@given(JSON)
def test_no_answer_is_too_odd(value: Any) -> None:
    try:
        parse(value)
    except GatewayError:
        return
