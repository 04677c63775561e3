"""Putting streamed chunks together to the answer they stand for, and the other way round."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tianji_core.api.provider import Body


def merge_chunks(chunks: Iterable[Body]) -> Body:
    """The whole answer that a client has in hand after these `chat.completion.chunk` or completion chunks."""
    merged: Body = {}
    choices: dict[int, Body] = {}
    usage: Any = None
    for chunk in chunks:
        if not merged:
            merged = {k: v for k, v in chunk.items() if k not in ("choices", "usage")}
        for key in ("system_fingerprint", "service_tier"):
            if chunk.get(key) is not None:
                merged[key] = chunk[key]
        usage = chunk.get("usage") or usage
        for choice in chunk.get("choices") or ():
            index = choice.get("index", 0)
            into = choices.get(index)
            if into is None:
                into = choices[index] = {"index": index, "finish_reason": None}
            _merge_choice(into, choice)
    if merged.get("object") == "chat.completion.chunk":
        merged["object"] = "chat.completion"
    merged["choices"] = [choices[index] for index in sorted(choices)]
    if usage is not None:
        merged["usage"] = usage
    return _without_indexes(merged)


def _merge_choice(into: Body, choice: Body) -> None:
    if choice.get("finish_reason"):
        into["finish_reason"] = choice["finish_reason"]
    if isinstance(choice.get("text"), str):
        into["text"] = into.get("text", "") + choice["text"]
    logprobs = choice.get("logprobs")
    if isinstance(logprobs, dict):
        _merge_logprobs(into, logprobs)
    delta = choice.get("delta")
    if isinstance(delta, dict):
        message = into.setdefault("message", {"role": "assistant", "content": None})
        _merge_delta(message, delta)


def _merge_logprobs(into: Body, logprobs: Body) -> None:
    kept = into.get("logprobs")
    if not isinstance(kept, dict):
        into["logprobs"] = {k: list(v) if isinstance(v, list) else v for k, v in logprobs.items()}
        return
    for key, value in logprobs.items():
        if isinstance(value, list) and isinstance(kept.get(key), list):
            kept[key].extend(value)
        elif kept.get(key) is None:
            kept[key] = value


def _merge_delta(message: Body, delta: Body) -> None:
    for key, value in delta.items():
        if value is None:
            continue
        if key == "tool_calls":
            _merge_tool_calls(message.setdefault("tool_calls", []), value)
        elif key == "function_call":
            function = message.setdefault("function_call", {"name": "", "arguments": ""})
            for part in ("name", "arguments"):
                function[part] += value.get(part) or ""
        elif key == "thinking_blocks":
            merge_thinking(message.setdefault("thinking_blocks", []), value)
        elif key == "role":
            message["role"] = value
        elif isinstance(value, str):
            message[key] = (message.get(key) or "") + value
        elif isinstance(value, list):
            message.setdefault(key, []).extend(value)
        elif isinstance(value, dict):
            message[key] = {**(message.get(key) or {}), **value}
        else:
            message[key] = value


def _merge_tool_calls(calls: list[Body], deltas: list[Body]) -> None:
    for delta in deltas:
        index = delta.get("index", len(calls))
        call = next((c for c in calls if c.get("_index") == index), None)
        if call is None:
            call = {"_index": index, "id": None, "type": "function", "function": {"name": "", "arguments": ""}}
            calls.append(call)
        call["id"] = call["id"] or delta.get("id")
        function = delta.get("function") or {}
        call["function"]["name"] += function.get("name") or ""
        call["function"]["arguments"] += function.get("arguments") or ""


def merge_thinking(blocks: list[Body], deltas: list[Body]) -> None:
    """Deltas of one thinking block follow each other; a signature closes it."""
    for delta in deltas:
        last = blocks[-1] if blocks else None
        if last is None or delta.get("type") != last.get("type") or last.get("signature") or "data" in delta:
            blocks.append(dict(delta))
            continue
        for key, value in delta.items():
            if key != "type" and isinstance(value, str):
                last[key] = last.get(key, "") + value


def _without_indexes(body: Body) -> Body:
    """Take the bookkeeping of the tool calls out of a merged answer."""
    for choice in body.get("choices") or ():
        message = choice.get("message")
        if isinstance(message, dict):
            for call in message.get("tool_calls") or ():
                call.pop("_index", None)
    return body


def split_response(body: Body) -> list[Body]:
    """A whole answer as the shortest stream that says the same: one chunk a choice, one to end it, usage."""
    head = {k: v for k, v in body.items() if k not in ("choices", "usage")}
    if head.get("object") != "text_completion":
        head["object"] = "chat.completion.chunk"
    chunks: list[Body] = []
    for choice in body.get("choices") or ():
        if "message" not in choice:  # of the completions API: chunks and whole answers look alike there
            chunks.append({**head, "choices": [choice]})
            continue
        delta = dict(choice.get("message") or {})
        if delta.get("tool_calls"):
            delta["tool_calls"] = [{"index": i, **call} for i, call in enumerate(delta["tool_calls"])]
        first: Body = {"index": choice.get("index", 0), "delta": delta, "finish_reason": None}
        if choice.get("logprobs") is not None:
            first["logprobs"] = choice["logprobs"]
        chunks.append({**head, "choices": [first]})
        last = {"index": choice.get("index", 0), "delta": {}, "finish_reason": choice.get("finish_reason") or "stop"}
        chunks.append({**head, "choices": [last]})
    if body.get("usage") is not None:
        chunks.append({**head, "choices": [], "usage": body["usage"]})
    return chunks
