"""Ollama's answers in OpenAI's shape. `/api/chat` and `/api/generate` differ in where the text stands only.

Source: Ollama's API reference, "Generate a chat message" (`message`, `done_reason`, counts) and "Generate a response".
"""

from __future__ import annotations

import uuid
from typing import Any

import orjson

from tianji_core.api.errors import BadGatewayError
from tianji_core.api.provider import Body
from tianji_core.openai_compat.reasoning import split_thinking

NO_CLOCK = 0
"""`created` of what a provider makes: it has no clock, so the gateway puts the time in."""


def parse_answer(body: Any, model: str) -> Body:
    """A whole answer. Raises BadGatewayError if it is none."""
    if not isinstance(body, dict) or not (isinstance(body.get("message"), dict) or "response" in body):
        raise BadGatewayError("The provider's answer holds no message.", provider="ollama")
    thinking, text = text_of(body)
    if not thinking:
        split, text = split_thinking(text)
        thinking = split or ""
    calls = tool_calls(body, 0)
    message: Body = {"role": "assistant", "content": text}
    if thinking:
        message["reasoning_content"] = thinking
    if calls:
        message["tool_calls"] = calls
    choice: Body = {"index": 0, "message": message, "finish_reason": finish_reason(body, called=bool(calls))}
    if found := logprobs(body):
        choice["logprobs"] = found
    answer: Body = {
        "id": answer_id(body),
        "object": "chat.completion",
        "created": NO_CLOCK,
        "model": str(body.get("model") or model),
        "choices": [choice],
    }
    counted = usage(body)
    return answer if counted is None else {**answer, "usage": counted}


def text_of(line: Body) -> tuple[str, str]:
    """(thinking, text) of an answer or of a piece of one."""
    message = line.get("message")
    holder, member = (message, "content") if isinstance(message, dict) else (line, "response")
    thinking, text = holder.get("thinking"), holder.get(member)
    return thinking if isinstance(thinking, str) else "", text if isinstance(text, str) else ""


def tool_calls(line: Body, first: int) -> list[Body]:
    """The tool calls of an answer, or of a piece that begins with call number `first`.

    Older versions give calls no id, so one is made, of what tells calls apart: the time of the answer and the place.
    """
    message = line.get("message")
    given = message.get("tool_calls") if isinstance(message, dict) else None
    calls: list[Body] = []
    for call in given if isinstance(given, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            continue
        arguments = function.get("arguments")
        text = arguments if isinstance(arguments, str) else orjson.dumps(arguments or {}).decode()
        own = call.get("id")
        found = (
            own if isinstance(own, str) and own else made_id(line, "call", first + len(calls), function["name"], text)
        )
        calls.append({"id": found, "type": "function", "function": {"name": function["name"], "arguments": text}})
    return calls


def finish_reason(line: Body, *, called: bool) -> str:
    """OpenAI's word for `done_reason`; a model that was only loaded or unloaded has said all it had to say."""
    if called:
        return "tool_calls"
    return "length" if line.get("done_reason") == "length" else "stop"


def logprobs(line: Body) -> Body | None:
    """Log probabilities in the form of chat; Ollama's tokens already have OpenAI's members."""
    found = line.get("logprobs")
    tokens = [token for token in found if isinstance(token, dict)] if isinstance(found, list) else []
    return {"content": tokens} if tokens else None


def usage(line: Body) -> Body | None:
    """The counts of the last line; None without the prompt's, which older versions leave out if it was cached."""
    prompt, completion = line.get("prompt_eval_count"), line.get("eval_count")
    if type(prompt) is not int or prompt < 0:
        return None
    completion = completion if type(completion) is int and completion > 0 else 0
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def answer_id(line: Body) -> str:
    """An id for the answer that begins with this line; Ollama has none."""
    return f"chatcmpl-{made_id(line, 'answer')}"


def made_id(line: Body, *more: object) -> str:
    """A UUID that is the same for the same line; `created_at` has nanoseconds."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, repr((line.get("model"), line.get("created_at"), *more))))
