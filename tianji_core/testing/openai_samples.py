"""Answers in OpenAI's wire format: the samples of every provider whose vendor speaks it."""

from __future__ import annotations

import json
from typing import Any

from tianji_core.api.provider import Body

USAGE = {
    "prompt_tokens": 18,
    "completion_tokens": 9,
    "total_tokens": 27,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
}
_CACHED = {
    "prompt_tokens": 2000,
    "completion_tokens": 10,
    "total_tokens": 2010,
    "prompt_tokens_details": {"cached_tokens": 1920},
}
_REASONED = {
    "prompt_tokens": 18,
    "completion_tokens": 90,
    "total_tokens": 108,
    "completion_tokens_details": {"reasoning_tokens": 64},
}
_LOGPROBS = {"content": [{"token": "Paris", "logprob": -0.01, "bytes": [80], "top_logprobs": []}], "refusal": None}
_PERSON = '{"name": "Ana", "age": 33}'


def _call(name: str, arguments: str, ident: str) -> Body:
    return {"id": ident, "type": "function", "function": {"name": name, "arguments": arguments}}


_WEATHER = _call("get_weather", '{"city": "Paris"}', "call_a1")
_TIME = _call("get_time", '{"tz": "CET"}', "call_b2")


def _whole(*messages: Body, finish: str = "stop", usage: Body = USAGE, logprobs: Body | None = None) -> Body:
    choices = [
        {"index": i, "message": {"role": "assistant", **m}, "logprobs": logprobs, "finish_reason": finish}
        for i, m in enumerate(messages)
    ]
    head = {"id": "chatcmpl-KIT1", "object": "chat.completion", "created": 1700000000, "model": "sample-model"}
    return {**head, "choices": choices, "usage": usage}


def chat_chunks(*deltas: Body, finish: str = "stop", usage: Body = USAGE) -> list[Body]:
    """The chunks of a streamed answer: a role, the deltas, a finish reason, usage."""
    head = {"id": "chatcmpl-KIT2", "object": "chat.completion.chunk", "created": 1700000001, "model": "sample-model"}
    first = {"role": "assistant", "content": ""}
    chunks: list[Body] = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}], "usage": None}
        for delta in (first, *deltas)
    ]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}], "usage": None})
    return [*chunks, {**head, "choices": [], "usage": usage}]


def _events(*deltas: Body, finish: str = "stop", usage: Body = USAGE) -> bytes:
    return sse(*chat_chunks(*deltas, finish=finish, usage=usage))


def sse(*chunks: Any, done: bool = True) -> bytes:
    """Chunks as server-sent events, ended by `[DONE]`."""
    frames = [f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n" for chunk in chunks]
    return "".join([*frames, "data: [DONE]\n\n" if done else ""]).encode()


def _tool_delta(index: int, call: Body | None = None, arguments: str = "") -> Body:
    entry: Body = {"index": index, "function": {"arguments": arguments}}
    if call is not None:
        entry |= {"id": call["id"], "type": "function"}
        entry["function"]["name"] = call["function"]["name"]
    return {"tool_calls": [entry]}


_ONE_TOOL = (_tool_delta(0, _WEATHER), _tool_delta(0, None, '{"city"'), _tool_delta(0, None, ': "Paris"}'))
_TWO_TOOLS = (*_ONE_TOOL, _tool_delta(1, _TIME), _tool_delta(1, None, '{"tz": "CET"}'))

_IMAGE: Body = {"created": 1700000004, "data": [{"b64_json": "aW1hZ2U="}]}

RESPONSES: dict[str, Body] = {
    "chat": _whole({"content": "The capital of France is Paris — schön. 🗼"}),
    "tools": _whole({"content": None, "tool_calls": [_WEATHER]}, finish="tool_calls"),
    "parallel_tools": _whole({"content": None, "tool_calls": [_WEATHER, _TIME]}, finish="tool_calls"),
    "json_object": _whole({"content": _PERSON}),
    "json_schema": _whole({"content": _PERSON}),
    "reasoning": _whole({"content": "Paris.", "reasoning_content": "France? Paris."}, usage=_REASONED),
    "prompt_caching": _whole({"content": "A document."}, usage=_CACHED),
    "logprobs": _whole({"content": "Paris"}, logprobs=_LOGPROBS),
    "n": _whole({"content": "Paris."}, {"content": "It is Paris."}),
    "embeddings": {
        "object": "list",
        "model": "sample-model",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.1, -0.2, 0.3]},
            {"object": "embedding", "index": 1, "embedding": [0.3, 0.2, -0.1]},
        ],
        "usage": {"prompt_tokens": 4, "total_tokens": 4},
    },
    "completions": {
        "id": "cmpl-KIT3",
        "object": "text_completion",
        "created": 1700000002,
        "model": "sample-model",
        "choices": [{"index": 0, "text": " a time.", "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5},
    },
    "rerank": {
        "id": "rr-KIT5",
        "results": [{"index": 1, "relevance_score": 0.98}, {"index": 0, "relevance_score": 0.12}],
        "meta": {"billed_units": {"search_units": 1}},
    },
    "moderations": {
        "id": "modr-KIT6",
        "model": "sample-model",
        "results": [{"flagged": False, "categories": {"hate": False}, "category_scores": {"hate": 0.01}}],
    },
    "images": _IMAGE,
    "image_edits": _IMAGE,
    "image_variations": _IMAGE,
    "transcriptions": {"text": "Hello.", "usage": {"type": "duration", "seconds": 1}},
    "translations": {"text": "Hello."},
}
AUDIO = b"ID3\x04\x00\x00\x00\x00\x00\x00\xff\xfb"
"""The beginning of an MP3 file."""


def _completion_events() -> bytes:
    head = {"id": "cmpl-KIT4", "object": "text_completion", "created": 1700000003, "model": "sample-model"}
    chunks: list[Body] = [
        {**head, "choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": None}]}
        for text in (" a", " time", ".")
    ]
    chunks.append({**head, "choices": [{"index": 0, "text": "", "logprobs": None, "finish_reason": "stop"}]})
    chunks.append({**head, "choices": [], "usage": {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}})
    return sse(*chunks)


STREAMS: dict[str, bytes] = {
    "chat": _events(*({"content": text} for text in ("The capital ", "of France ", "is Paris — schön. ", "🗼"))),
    "tools": _events(*_ONE_TOOL, finish="tool_calls"),
    "parallel_tools": _events(*_TWO_TOOLS, finish="tool_calls"),
    "reasoning": _events(
        {"reasoning_content": "France? "}, {"reasoning_content": "Paris."}, {"content": "Paris."}, usage=_REASONED
    ),
    "completions": _completion_events(),
}


def error(message: str, kind: str = "invalid_request_error", code: str | None = None, param: str | None = None) -> Body:
    """An error in OpenAI's shape."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


_TOO_LONG = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens."

ERRORS: dict[str, Body] = {
    "": error("The vendor says no."),
    "context": error(_TOO_LONG, code="context_length_exceeded", param="messages"),
    "policy": error("Your request was rejected as a result of the safety system.", code="content_policy_violation"),
}
_BEGINNING = STREAMS["chat"].split(b"\n\n")[:2]
ERROR_STREAM = b"".join(event + b"\n\n" for event in _BEGINNING) + sse(
    error("Rate limit reached.", "rate_limit_error", "rate_limit_exceeded"), done=False
)
"""A stream that begins well and then reports a failure."""
