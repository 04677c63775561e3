"""A message of the Messages API as a chat completion.

Sources: Anthropic's "Messages" API reference (content blocks), "Stop reasons and fallback", "Citations", "Web search
tool".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from tianji_core.api.errors import BadGatewayError
from tianji_core.api.provider import Body
from tianji_core.translate.anthropic.errors import stream_error
from tianji_core.translate.anthropic.models import Traits, traits
from tianji_core.translate.anthropic.names import ToolNames
from tianji_core.translate.anthropic.structured import JSON_TOOL, JsonMode, json_mode
from tianji_core.translate.anthropic.usage import openai_usage
from tianji_core.translate.shapes import as_object, as_text, objects

FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "compaction": "length",
    "refusal": "content_filter",
}
_TELLING = frozenset({"compaction", "model_context_window_exceeded", "pause_turn", "refusal", "stop_sequence"})
"""Stop reasons of which OpenAI's word says less: they are told in `provider_specific_fields` as well."""

NO_CLOCK = 0
"""`created` of every answer: Anthropic tells no time and a provider has no clock; the core puts its own there."""

WEB_RESULTS = ("web_search_tool_result", "web_fetch_tool_result")


@dataclass(slots=True)
class ReplyContext:
    """What of a request has to be known to read its answer. It follows from the chat body alone.

    `provider` is named in errors.
    """

    names: ToolNames = field(default_factory=ToolNames)
    json_mode: JsonMode = "off"
    reserved: bool = False
    """Whether the caller has a tool of his own by the name of our JSON tool."""
    provider: str | None = None

    @classmethod
    def of(cls, body: Body, model: str, provider: str | None = None, known: Traits | None = None) -> ReplyContext:
        """The context of a request; `known` are the model's traits where its host changes them."""
        mode = json_mode(body, known or traits(model))
        if mode == "off":
            return cls(ToolNames.of(body), provider=provider)
        functions = (as_object(tool.get("function")) for tool in objects(body.get("tools")))
        reserved = any(function.get("name") == JSON_TOOL for function in functions)
        return cls(ToolNames.of(body), mode, reserved, provider)

    def is_answer(self, block: dict[str, Any]) -> bool:
        """Whether a call is really the answer, given through the JSON tool."""
        return (
            self.json_mode != "off"
            and block.get("type") == "tool_use"
            and block.get("name") == JSON_TOOL
            and not (self.reserved and self.json_mode != "tool")
        )


def parse_message(reply: bytes, context: ReplyContext) -> Body:
    """The chat completion in the body of a 2xx answer. Raises BadGatewayError if it is none."""
    try:
        message = orjson.loads(reply)
    except ValueError:
        raise BadGatewayError("The provider's answer is not JSON.", provider=context.provider) from None
    if isinstance(message, dict) and message.get("type") == "error":
        raise stream_error(message, context.provider)  # some hosts report failures with status 200
    if not isinstance(message, dict) or not isinstance(message.get("content"), list):
        raise BadGatewayError("The provider's answer is not a message.", provider=context.provider)
    return message_to_chat(message, context)


def message_to_chat(message: dict[str, Any], context: ReplyContext) -> Body:
    """A whole message as a chat completion, with one choice."""
    blocks = objects(message["content"])
    answers = [block for block in blocks if context.is_answer(block)]
    calls = [block for block in blocks if block.get("type") in ("tool_use", "server_tool_use") and block not in answers]
    texts = [block for block in blocks if block.get("type") == "text" and isinstance(block.get("text"), str)]
    text = dumps(answers[0].get("input") or {}) if answers else "".join(block["text"] for block in texts)
    chat: Body = {"role": "assistant", "content": text if text or not calls else None}
    thinking = [clean for block in blocks if (clean := thinking_block(block)) is not None]
    if thinking:
        chat["reasoning_content"] = "".join(block.get("thinking", "") for block in thinking)
        chat["thinking_blocks"] = thinking
    if calls:
        chat["tool_calls"] = [_tool_call(at, block, context.names) for at, block in enumerate(calls)]
    fields = _provider_fields(message, blocks, texts, thinking)
    if not answers or any(value is not None for value in fields.values()):
        chat["provider_specific_fields"] = fields
    own_calls = any(block["type"] == "tool_use" for block in calls)
    return {
        "id": message.get("id") or "",
        "object": "chat.completion",
        "created": NO_CLOCK,
        "model": message.get("model") or "",
        "choices": [
            {
                "index": 0,
                "message": chat,
                "finish_reason": finish_reason(message.get("stop_reason"), answered=bool(answers) and not own_calls),
            }
        ],
        "usage": openai_usage(message.get("usage"), reasoning_characters=_visible_thinking(thinking)),
    }


def finish_reason(stop_reason: Any, *, answered: bool = False) -> str:
    """OpenAI's word. `answered`: the only call was the JSON tool's, so for the caller it is an ordinary end."""
    if answered and stop_reason == "tool_use":
        return "stop"
    return FINISH_REASONS.get(as_text(stop_reason), "stop")


def stop_fields(source: dict[str, Any]) -> dict[str, Any]:
    """The vendor's own stop reason and its details, where OpenAI's word says less."""
    if as_text(source.get("stop_reason")) not in _TELLING:
        return {}
    names = ("stop_reason", "stop_sequence", "stop_details")
    return {name: source[name] for name in names if source.get(name) is not None}


def thinking_block(block: dict[str, Any]) -> dict[str, Any] | None:
    """A thinking block as it has to be sent back to the vendor."""
    if block.get("type") == "thinking":
        kept = {"type": "thinking", "thinking": block.get("thinking") or ""}
        return {**kept, "signature": block["signature"]} if block.get("signature") else kept
    if block.get("type") == "redacted_thinking":
        return {"type": "redacted_thinking", "data": block.get("data") or ""}
    return None


def web_search_call(use: dict[str, Any], result: dict[str, Any] | None) -> dict[str, Any]:
    """A web search in the form of the Responses API's `web_search_call` item."""
    query = as_object(use.get("input")).get("query")
    action: dict[str, Any] = {"type": "search", "queries": [] if query is None else [query]}
    if query is not None:
        action["query"] = query
    urls = [hit.get("url") for hit in objects(as_object(result).get("content"))]
    action["sources"] = [{"type": "url", "url": url} for url in urls if url]
    return {"type": "web_search_call", "id": f"ws_{use.get('id')}", "status": "completed", "action": action}


def dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def _tool_call(index: int, block: dict[str, Any], names: ToolNames) -> dict[str, Any]:
    """One call; `index` counts calls, whatever other blocks stand between them."""
    function = {"name": names.to_caller(str(block.get("name"))), "arguments": dumps(block.get("input") or {})}
    return {"index": index, "id": block.get("id"), "type": "function", "function": function}


def _provider_fields(
    message: dict[str, Any],
    blocks: list[dict[str, Any]],
    texts: list[dict[str, Any]],
    thinking: list[dict[str, Any]],
) -> dict[str, Any]:
    """What has no place in OpenAI's form; `citations` and `thinking_blocks` are always there, as clients expect."""
    cited = [
        [{**citation, "supported_text": block["text"]} for citation in objects(block["citations"])]
        for block in texts
        if objects(block.get("citations"))
    ]
    fields: dict[str, Any] = {"citations": cited or None, "thinking_blocks": thinking or None}
    results = [block for block in blocks if str(block.get("type")).endswith("_tool_result")]
    web = [block for block in results if block["type"] in WEB_RESULTS]
    if web:
        fields["web_search_results"] = web
    if others := [block for block in results if block["type"] not in WEB_RESULTS]:
        fields["tool_results"] = others
    by_id = {block.get("tool_use_id"): block for block in web}
    searches = [
        block for block in blocks if block.get("type") == "server_tool_use" and block.get("name") == "web_search"
    ]
    if searches:
        fields["web_search_calls"] = [web_search_call(use, by_id.get(use.get("id"))) for use in searches]
    if compactions := [block for block in blocks if block.get("type") == "compaction"]:
        fields["compaction_blocks"] = compactions
    for name in ("container", "context_management"):
        if message.get(name):
            fields[name] = message[name]
    fields.update(stop_fields(message))
    return fields


def _visible_thinking(thinking: list[dict[str, Any]]) -> int | None:
    """Characters of thinking that can be seen; None if there was some and none of it can be."""
    seen = sum(len(block.get("thinking", "")) for block in thinking)
    return seen if seen or not thinking else None
