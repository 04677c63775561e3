"""A chat answer as a Message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from tianji_core.api.provider import Body

STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


def chat_to_message(answer: Body) -> Body:
    """The first choice of a chat answer as a Message; Anthropic's API has no others."""
    choice = (answer.get("choices") or [{}])[0]
    message = choice.get("message") or {}
    content = [*thinking_blocks(message), *_texts(message), *map(tool_use, message.get("tool_calls") or ())]
    return {
        "id": message_id(answer.get("id")),
        "type": "message",
        "role": "assistant",
        "model": answer.get("model"),
        "content": content,
        "container": None,
        **stopped(stop_reason(choice.get("finish_reason"), refused=bool(message.get("refusal")))),
        "usage": {**message_usage(answer.get("usage")), **NO_TIER},
    }


NO_TIER: Body = {"cache_creation": None, "inference_geo": None, "service_tier": None}
"""What Anthropic says of a call that other vendors have nothing for; it stands in whole messages only."""


def stopped(reason: str | None) -> Body:
    """The members that say why a message ended; None while it goes on."""
    return {"stop_reason": reason, "stop_sequence": None, "stop_details": None}


def message_id(ident: Any) -> str:
    """A vendor's id as one of a message."""
    text = str(ident or "0").removeprefix("chatcmpl-")
    return text if text.startswith("msg_") else f"msg_{text}"


def stop_reason(finish: Any, *, refused: bool = False) -> str:
    """The stop reason that a finish reason stands for."""
    return "refusal" if refused else STOP_REASONS.get(str(finish), "end_turn")


def message_usage(usage: Mapping[str, Any] | None) -> Body:
    """Usage as Anthropic counts it: `input_tokens` are those neither read from a cache nor written to one."""
    usage = usage or {}
    details = usage.get("prompt_tokens_details") or {}
    read = _count(details.get("cached_tokens") or usage.get("cache_read_input_tokens"))
    written = _count(
        details.get("cache_creation_tokens")
        or details.get("cache_write_tokens")
        or usage.get("cache_creation_input_tokens")
    )
    thought = _count((usage.get("completion_tokens_details") or {}).get("reasoning_tokens"))
    return {
        "input_tokens": max(0, _count(usage.get("prompt_tokens")) - read - written),
        "output_tokens": _count(usage.get("completion_tokens")),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens_details": {"thinking_tokens": thought} if thought else None,
        "server_tool_use": None,
    }


def thinking_blocks(message: Body) -> list[Body]:
    """A message's reasoning: the blocks themselves if the vendor has such, else its text without a signature."""
    blocks = message.get("thinking_blocks")
    if blocks:
        return [_signed(block) for block in blocks if isinstance(block, dict)]
    reasoning = message.get("reasoning_content")
    return [{"type": "thinking", "thinking": reasoning, "signature": ""}] if reasoning else []


def _signed(block: Body) -> Body:
    """A block as Anthropic's clients expect it: with a signature, if only an empty one."""
    return {"signature": "", **block} if block.get("type") == "thinking" else dict(block)


def _texts(message: Body) -> list[Body]:
    text = message.get("content") or message.get("refusal")
    return [text_block(text)] if isinstance(text, str) and text else []


def text_block(text: str) -> Body:
    """A text that cites nothing."""
    return {"type": "text", "text": text, "citations": None}


def tool_use(call: Body) -> Body:
    """A tool call as a block; arguments that are no JSON object, which some models write, become an empty one."""
    function = call.get("function") or {}
    try:
        arguments = orjson.loads(function.get("arguments") or "{}")
    except ValueError:
        arguments = {}
    return {
        "type": "tool_use",
        "id": tool_use_id(call.get("id")),
        "name": function.get("name"),
        "input": arguments if isinstance(arguments, dict) else {},
        "caller": {"type": "direct"},
    }


def tool_use_id(ident: Any) -> str:
    """An id with the characters that Anthropic's clients accept; the same again for the same."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in str(ident or "toolu_0"))


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
