"""Answers, streams and errors of Bedrock."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tianji_core.api.errors import (
    AuthenticationError,
    BadGatewayError,
    BadRequestError,
    ContentPolicyViolationError,
    ContextWindowExceededError,
    GatewayError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    ServiceUnavailableError,
)
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.translate.anthropic.response import ReplyContext as ClaudeContext
from tianji_core.translate.anthropic.structured import JSON_TOOL
from tianji_core.translate.chunks import merge_chunks
from tianji_provider_bedrock.errors import parse_error
from tianji_provider_bedrock.eventstream import encode
from tianji_provider_bedrock.invoke import InvokeDecoder
from tianji_provider_bedrock.messages import Names
from tianji_provider_bedrock.response import ReplyContext, parse_converse
from tianji_provider_bedrock.stream import ConverseDecoder

USAGE = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}


def parse(*content: Any, context: ReplyContext | None = None, stop: str = "end_turn", **more: Any) -> dict[str, Any]:
    answer = {"output": {"message": {"content": list(content)}}, "stopReason": stop, "usage": USAGE, **more}
    headers = Headers([("x-amzn-requestid", "req-1")])
    return parse_converse(UpstreamReply(200, headers, json.dumps(answer).encode()), context or ReplyContext())


def use(call_id: str, name: str, arguments: Any) -> dict[str, Any]:
    return {"toolUse": {"toolUseId": call_id, "name": name, "input": arguments}}


def event(kind: str, **payload: Any) -> bytes:
    return encode({":message-type": "event", ":event-type": kind}, json.dumps(payload).encode())


def delta(index: int, **what: Any) -> bytes:
    return event("contentBlockDelta", contentBlockIndex=index, delta=what)


def start(index: int, call_id: str, name: str) -> bytes:
    return event("contentBlockStart", contentBlockIndex=index, start={"toolUse": {"toolUseId": call_id, "name": name}})


def stop(index: int) -> bytes:
    return event("contentBlockStop", contentBlockIndex=index)


END = event("messageStop", stopReason="end_turn")
META = event("metadata", usage=USAGE, metrics={"latencyMs": 1})


def decode(*pieces: bytes, context: ReplyContext | None = None) -> tuple[dict[str, Any], ConverseDecoder]:
    decoder = ConverseDecoder(context or ReplyContext(), "bedrock")
    chunks = [chunk for piece in pieces for chunk in decoder.feed(piece)] + decoder.finish()
    return merge_chunks(chunks), decoder


# -- whole answers -------------------------------------------------------------------------------------------------


def test_everything_at_once() -> None:
    answer = parse(
        {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "s"}}},
        {"reasoningContent": {"redactedContent": "abc="}},
        {"text": "Let me "},
        {"text": "look."},
        use("c1", "get_weather", {"city": "Paris"}),
        use("c2", "get_time", {}),
        context=ReplyContext(Names(["get weather", "get_time"])),
        stop="tool_use",
        trace={"guardrail": {"actionReason": "none"}},
        serviceTier={"type": "flex"},
    )
    assert answer["id"] == "req-1"
    assert (answer["trace"], answer["service_tier"]) == ({"guardrail": {"actionReason": "none"}}, "flex")
    [choice] = answer["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == "Let me look."
    assert choice["message"]["reasoning_content"] == "Hm."
    assert [block["type"] for block in choice["message"]["thinking_blocks"]] == ["thinking", "redacted_thinking"]
    assert [
        (c["index"], c["function"]["name"], c["function"]["arguments"]) for c in choice["message"]["tool_calls"]
    ] == [
        (0, "get weather", '{"city":"Paris"}'),
        (1, "get_time", "{}"),
    ]


def test_usage_counts_cached_tokens_in() -> None:
    details = [{"ttl": "1h", "inputTokens": 3}, {"ttl": "5m", "inputTokens": 4}]
    usage = {**USAGE, "cacheReadInputTokens": 20, "cacheWriteInputTokens": 7, "cacheDetails": details}
    extra = {"usage": {"output_tokens_details": {"thinking_tokens": 2}}}
    found = parse({"text": "x"}, usage=usage, additionalModelResponseFields=extra)["usage"]
    assert (found["prompt_tokens"], found["completion_tokens"], found["total_tokens"]) == (37, 5, 42)
    assert found["prompt_tokens_details"]["cached_tokens"] == 20
    assert found["cache_creation"] == {"ephemeral_1h_input_tokens": 3, "ephemeral_5m_input_tokens": 4}
    assert found["completion_tokens_details"] == {"reasoning_tokens": 2, "text_tokens": 3}


def test_the_json_tool_is_the_answer() -> None:
    json_wanted = ReplyContext.of({"messages": [], "response_format": {"type": "json_object"}})
    [choice] = parse({"text": "Sure."}, use("c", JSON_TOOL, {"a": 1}), context=json_wanted, stop="tool_use")["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ('{"a":1}', "stop")
    assert "tool_calls" not in choice["message"]
    own = {"messages": [], "response_format": {"type": "json_object"}, "tools": [{"function": {"name": JSON_TOOL}}]}
    assert not ReplyContext.of(own).json


def test_citations() -> None:
    web = {"title": "T", "location": {"web": {"url": "https://x.example", "domain": "x.example"}}}
    page = {"location": {"documentPage": {"documentIndex": 0, "start": 1, "end": 2}}}
    cited = {"citationsContent": {"content": [{"text": "Paris."}], "citations": [web, page]}}
    message = parse({"text": "It is "}, cited)["choices"][0]["message"]
    assert message["content"] == "It is Paris."
    place = {"start_index": 6, "end_index": 12, "url": "https://x.example", "title": "T"}
    assert message["annotations"] == [{"type": "url_citation", "url_citation": place}]
    assert message["provider_specific_fields"]["citations"] == [{**page, "supported_text": "Paris."}]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("stop_sequence", "stop"),
        ("malformed_tool_use", "stop"),
        (None, "stop"),
    ],
)
def test_finish_reasons(reason: Any, finish: str) -> None:
    assert parse({"text": "x"}, stop=reason)["choices"][0]["finish_reason"] == finish


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"output": {"message": {"content": "x"}}}'])
def test_answers_that_are_none(body: bytes) -> None:
    with pytest.raises(BadGatewayError):
        parse_converse(UpstreamReply(200, Headers(), body), ReplyContext())


# -- streams -------------------------------------------------------------------------------------------------------


def test_a_stream_with_everything() -> None:
    merged, decoder = decode(
        event("messageStart", role="assistant"),
        delta(0, reasoningContent={"text": "Hm."}) + delta(0, reasoningContent={"signature": "s"}) + stop(0),
        delta(1, reasoningContent={"redactedContent": "abc="}) + stop(1),
        delta(2, text="Let me ") + delta(2, text="look.") + stop(2),
        start(3, "c1", "get_weather") + delta(3, toolUse={"input": '{"a'}) + delta(3, toolUse={"input": '": 1}'}),
        stop(3) + start(4, "c2", "get_time") + stop(4),
        event("messageStop", stopReason="tool_use") + META,
        context=ReplyContext(Names(["get weather", "get_time"])),
    )
    assert decoder.complete
    [choice] = merged["choices"]
    message = choice["message"]
    assert (message["content"], message["reasoning_content"]) == ("Let me look.", "Hm.")
    assert message["thinking_blocks"] == [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {"type": "redacted_thinking", "data": "abc="},
    ]
    assert [(c["id"], c["function"]) for c in message["tool_calls"]] == [
        ("c1", {"name": "get weather", "arguments": '{"a": 1}'}),
        ("c2", {"name": "get_time", "arguments": "{}"}),
    ]
    assert choice["finish_reason"] == "tool_calls"
    assert merged["usage"]["total_tokens"] == 15


def test_the_json_tool_is_the_text_of_a_stream() -> None:
    merged, _ = decode(
        start(0, "c", JSON_TOOL) + delta(0, toolUse={"input": '{"a":'}) + delta(0, toolUse={"input": "1}"}) + stop(0),
        event("messageStop", stopReason="tool_use"),
        META,
        context=ReplyContext(json=True),
    )
    [choice] = merged["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ('{"a":1}', "stop")


def test_a_whole_answer_that_nobody_counted() -> None:
    merged, decoder = decode(delta(0, text="x") + END)
    assert decoder.complete
    assert "usage" not in merged
    _, cut = decode(delta(0, text="x"))
    assert not cut.complete


@pytest.mark.parametrize(
    ("kind", "payload", "error"),
    [
        ("throttlingException", {"message": "Too many tokens"}, RateLimitError),
        ("validationException", {"message": "Bad"}, BadRequestError),
        ("modelTimeoutException", {"message": "Late"}, RequestTimeoutError),
        ("serviceUnavailableException", {"message": "Later"}, ServiceUnavailableError),
        ("internalServerException", {"message": "Oh"}, InternalServerError),
        ("modelStreamErrorException", {"message": "Oh", "originalStatusCode": 429}, RateLimitError),
        ("modelStreamErrorException", {"message": "Oh"}, InternalServerError),
        ("newException", {}, InternalServerError),
    ],
)
def test_exceptions_in_streams(kind: str, payload: dict[str, Any], error: type[GatewayError]) -> None:
    frame = encode({":message-type": "exception", ":exception-type": kind}, json.dumps(payload).encode())
    _, decoder = decode(delta(0, text="x") + frame + END + META)
    assert type(decoder.error) is error
    assert decoder.error.provider == "bedrock"
    assert decoder.error.message
    assert not decoder.complete


def test_errors_of_the_framing_itself() -> None:
    told = {":message-type": "error", ":error-code": "InternalFailure", ":error-message": "Gone."}
    _, decoder = decode(encode(told, b""))
    assert isinstance(decoder.error, InternalServerError)
    assert decoder.error.message == "Gone."
    for broken in (encode({":message-type": "event", ":event-type": "x"}, b"[]"), b"x" * 40):
        assert isinstance(decode(broken)[1].error, BadGatewayError)


def test_chunks_of_invoke_that_are_none() -> None:
    for payload in ({"bytes": "%"}, {"bytes": base64.b64encode(b"5").decode()}, {}):
        decoder = InvokeDecoder(ClaudeContext(), "bedrock")
        decoder.feed(event("chunk", **payload))
        assert isinstance(decoder.error, BadGatewayError)
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    decoder = InvokeDecoder(ClaudeContext(provider="bedrock"), "bedrock")
    decoder.feed(event("chunk", bytes=base64.b64encode(json.dumps(overloaded).encode()).decode()))
    assert decoder.error is not None
    assert (decoder.error.http_status, decoder.error.provider) == (529, "bedrock")


# -- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "message", "error"),
    [
        (400, "ValidationException", "Bad", BadRequestError),
        (400, "ValidationException", "Input is too long for requested model.", ContextWindowExceededError),
        (400, "ValidationException:http://x/", "Too many tokens in the prompt", ContextWindowExceededError),
        (
            400,
            "ValidationException",
            "This request has been blocked by our content filters.",
            ContentPolicyViolationError,
        ),
        (400, "ThrottlingException", "Rate exceeded", RateLimitError),
        (429, "ThrottlingException", "Too many tokens, please wait", RateLimitError),
        (403, "UnrecognizedClientException", "Invalid token", AuthenticationError),
        (403, "ExpiredTokenException", "Expired", PermissionDeniedError),
        (403, "AccessDeniedException", "No", PermissionDeniedError),
        (404, "ResourceNotFoundException", "None", NotFoundError),
        (408, "ModelTimeoutException", "Late", RequestTimeoutError),
        (424, "ModelErrorException", "Oh", InternalServerError),
        (503, "ServiceUnavailableException", "Later", ServiceUnavailableError),
    ],
)
def test_errors(status: int, kind: str, message: str, error: type[GatewayError]) -> None:
    headers = Headers([("x-amzn-errortype", kind), ("retry-after", "3")])
    found = parse_error(status, headers, json.dumps({"message": message}).encode(), "bedrock")
    assert type(found) is error
    assert (found.message, found.code, found.retry_after) == (message, kind.partition(":")[0], 3.0)
    typed = json.dumps({"__type": f"com.amazon.coral#{kind}", "Message": message}).encode()
    assert type(parse_error(status, Headers(), typed, "bedrock")) is error


def test_what_was_signed_is_not_told() -> None:
    told = "The Canonical String for this request should have been 'POST x-amz-security-token:secret'"
    body = json.dumps({"message": f"The request signature we calculated does not match.\n\n{told}"}).encode()
    for kind in ("InvalidSignatureException", "SignatureDoesNotMatch"):
        found = parse_error(403, Headers([("x-amzn-errortype", kind)]), body, "bedrock")
        assert found.message == "The request signature we calculated does not match."
        assert found.http_status == 401


def test_errors_of_what_stands_in_between() -> None:
    assert parse_error(502, Headers(), b"upstream down", "bedrock").message == "upstream down"
    assert "502" in parse_error(502, Headers(), b"<html>", "bedrock").message
    assert parse_error(302, Headers(), b"", "bedrock").http_status == 502
