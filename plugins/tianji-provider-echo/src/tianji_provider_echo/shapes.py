"""The echo provider's answers in OpenAI's wire format: whole, and as server-sent events."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import orjson

from tianji_core.api.provider import Body, ModelRequest
from tianji_core.wire.sse import DONE_EVENT, encode_event
from tianji_provider_echo.script import Choice, Plan, spoken

CREATED = 1_700_000_000
"""No clock: the same request has the same answer."""
MAX_PIECES = 5000


def dump(value: Any) -> bytes:
    return orjson.dumps(value)


def usage(plan: Plan) -> Body:
    return {
        "prompt_tokens": plan.prompt_tokens,
        "completion_tokens": plan.completion_tokens,
        "total_tokens": plan.prompt_tokens + plan.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": plan.reasoning_tokens},
    }


def whole(request: ModelRequest, plan: Plan) -> Body:
    """An answer in one piece."""
    chat = request.operation == "chat"
    choices = [
        {
            "index": index,
            **({"message": _message(request, choice)} if chat else {"text": choice.text}),
            "logprobs": None,
            "finish_reason": choice.finish,
        }
        for index, choice in enumerate(plan.choices)
    ]
    return {**_head(request, stream=False), "choices": choices, "usage": usage(plan)}


def events(request: ModelRequest, plan: Plan, words: int) -> list[bytes]:
    """The events of a streamed answer, `words` words in each."""
    head = _head(request, stream=True)
    chunks = [
        {**head, "choices": [{"index": index, **each, "finish_reason": None}]}
        for index, choice in enumerate(plan.choices)
        for each in _deltas(request, choice, words)
    ]
    if plan.breaks_off:
        return [encode_event(dump(chunk)) for chunk in chunks[: max(1, len(chunks) // 2)]]
    chat = request.operation == "chat"
    for index, choice in enumerate(plan.choices):
        end: Body = {"index": index, **({"delta": {}} if chat else {"text": ""}), "finish_reason": choice.finish}
        chunks.append({**head, "choices": [end]})
    options = request.body.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage"):
        chunks.append({**head, "choices": [], "usage": usage(plan)})
    return [*(encode_event(dump(chunk)) for chunk in chunks), DONE_EVENT]


def pieces(text: str, words: int) -> list[str]:
    """The text cut after every `words` words, or more where that is too many; blanks stay where they were."""
    words = max(words, len(text.split()) // MAX_PIECES)
    return re.findall(rf"(?:\s*\S+){{1,{words}}}(?:\s+$)?|\s+$", text)


def _head(request: ModelRequest, *, stream: bool) -> Body:
    chat = request.operation == "chat"
    kind = ("chat.completion.chunk" if stream else "chat.completion") if chat else "text_completion"
    said = "\n".join(map(str, spoken(request.body)))
    digest = hashlib.sha256(f"{request.model}\n{said}".encode()).hexdigest()[:24]
    ident = f"{'chatcmpl' if chat else 'cmpl'}-echo{digest}"
    return {"id": ident, "object": kind, "created": CREATED, "model": request.model}


def _message(request: ModelRequest, choice: Choice) -> Body:
    text = None if choice.calls else choice.text
    message: Body = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    if choice.reasoning:
        message["reasoning_content"] = choice.reasoning
    if choice.calls:
        message["tool_calls"] = _calls(request, choice)
    return message


def _calls(request: ModelRequest, choice: Choice) -> list[Body]:
    """Ids tell the calls of a conversation apart: each counts the messages before it."""
    turn = len(request.body.get("messages") or ())
    return [
        {
            "id": f"call_echo_{turn}_{index}",
            "type": "function",
            "function": {"name": name, "arguments": dump(arguments).decode()},
        }
        for index, (name, arguments) in enumerate(choice.calls)
    ]


def _deltas(request: ModelRequest, choice: Choice, words: int) -> list[Body]:
    if request.operation != "chat":
        return [{"text": piece} for piece in pieces(choice.text, words)]
    deltas: list[Body] = [{"role": "assistant", "content": None if choice.calls else ""}]
    deltas += [{"reasoning_content": piece} for piece in pieces(choice.reasoning, words)]
    deltas += [{"content": piece} for piece in pieces(choice.text, words)]
    for index, call in enumerate(_calls(request, choice)):
        arguments = call["function"]["arguments"]
        half = len(arguments) // 2
        begun = {**call, "function": {"name": call["function"]["name"], "arguments": ""}}
        deltas.append({"tool_calls": [{"index": index, **begun}]})
        for part in (arguments[:half], arguments[half:]):
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
    return [{"delta": delta} for delta in deltas]
