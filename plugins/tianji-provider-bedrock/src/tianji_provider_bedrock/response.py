"""An answer of Converse as a chat completion.

Source: Bedrock API reference, `Converse` (response), `TokenUsage`, `CitationsContentBlock`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from tianji_core.api.errors import BadGatewayError
from tianji_core.api.http import UpstreamReply
from tianji_core.api.provider import Body
from tianji_core.translate.anthropic.names import ToolNames
from tianji_core.translate.anthropic.structured import JSON_TOOL
from tianji_core.translate.anthropic.usage import openai_usage
from tianji_core.translate.shapes import as_object, as_text, objects
from tianji_provider_bedrock.messages import Names

FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "stop",
    "malformed_tool_use": "stop",
}
_TELLING = frozenset(FINISH_REASONS) - {"end_turn", "tool_use", "max_tokens"}
"""Stop reasons of which OpenAI's word says less: they are told in `provider_specific_fields` as well."""
NO_CLOCK = 0
"""`created` of every answer: a provider has no clock; the core puts its own there."""


@dataclass(slots=True)
class ReplyContext:
    """What of a request has to be known to read its answer. It follows from the chat body alone."""

    names: ToolNames = field(default_factory=Names)
    json: bool = False
    """Whether JSON was asked for, so that a call of the JSON tool is the answer."""

    @classmethod
    def of(cls, body: Body) -> ReplyContext:
        wanted = as_object(body.get("response_format")).get("type") in ("json_object", "json_schema")
        own = (as_object(tool.get("function")).get("name") for tool in objects(body.get("tools")))
        return cls(Names.of(body), wanted and JSON_TOOL not in own)

    def is_answer(self, use: dict[str, Any]) -> bool:
        return self.json and use.get("name") == JSON_TOOL


def parse_converse(reply: UpstreamReply, context: ReplyContext) -> Body:
    """The chat completion in a 2xx answer. Raises BadGatewayError if it is none."""
    try:
        answer = orjson.loads(reply.body)
    except ValueError:
        raise BadGatewayError("The provider's answer is not JSON.") from None
    content = as_object(as_object(as_object(answer).get("output")).get("message")).get("content")
    if not isinstance(content, list):
        raise BadGatewayError("The provider's answer is not a message.")
    return {"id": reply.headers.get("x-amzn-requestid") or "", **converse_to_chat(answer, objects(content), context)}


def converse_to_chat(answer: dict[str, Any], blocks: list[dict[str, Any]], context: ReplyContext) -> Body:
    """A whole answer as a chat completion, with one choice."""
    uses = [
        use for block in blocks if (use := as_object(block.get("toolUse"))) and use.get("type") != "server_tool_use"
    ]
    answers = [use for use in uses if context.is_answer(use)]
    calls = [use for use in uses if not context.is_answer(use)]
    cited = Citations()
    texts = [text for block in blocks if (text := cited.text_of(block))]
    text = dumps(answers[0].get("input") or {}) if answers else "".join(texts)
    message: Body = {"role": "assistant", "content": text}
    thinking = [kept for block in blocks if (kept := thinking_block(block)) is not None]
    if thinking:
        message["reasoning_content"] = "".join(block.get("thinking", "") for block in thinking)
        message["thinking_blocks"] = thinking
    if calls:
        message["tool_calls"] = [_tool_call(at, use, context.names) for at, use in enumerate(calls)]
    if cited.annotations and not answers:
        message["annotations"] = cited.annotations
    fields = {"citations": cited.others} if cited.others else {}
    fields.update(stop_fields(answer.get("stopReason")))
    if fields:
        message["provider_specific_fields"] = fields
    reason = finish_reason(answer.get("stopReason"), answered=bool(answers) and not calls)
    extra = as_object(answer.get("additionalModelResponseFields"))
    chat: Body = {
        "object": "chat.completion",
        "created": NO_CLOCK,
        "model": "",
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": converse_usage(answer.get("usage"), extra, visible(thinking)),
    }
    chat.update(told(answer))
    return chat


class Citations:
    """Citations found in the text so far: web pages as OpenAI's annotations, all others in the vendor's own form."""

    def __init__(self) -> None:
        self.annotations: list[dict[str, Any]] = []
        self.others: list[dict[str, Any]] = []
        self._length = 0

    def text_of(self, block: dict[str, Any]) -> str:
        """The text of a block; its citations are noted with their place in the whole."""
        content = as_object(block.get("citationsContent"))
        text = as_text(block.get("text")) or "".join(
            as_text(one.get("text")) for one in objects(content.get("content"))
        )
        start, self._length = self._length, self._length + len(text)
        for citation in objects(content.get("citations")):
            annotation = web_annotation(citation, start, self._length)
            if annotation is not None:
                self.annotations.append(annotation)
            else:
                self.others.append({**citation, "supported_text": text})
        return text


def web_annotation(citation: dict[str, Any], start: int, end: int) -> dict[str, Any] | None:
    """A citation of a web page as OpenAI's annotation of the characters from `start` to `end`."""
    web = as_object(as_object(citation.get("location")).get("web"))
    if not as_text(web.get("url")):
        return None
    title = as_text(citation.get("title")) or as_text(web.get("domain"))
    place = {"start_index": start, "end_index": end, "url": web["url"], "title": title}
    return {"type": "url_citation", "url_citation": place}


def thinking_block(block: dict[str, Any]) -> dict[str, Any] | None:
    """Reasoning in the form in which it has to be sent back."""
    reasoning = as_object(block.get("reasoningContent"))
    text = as_object(reasoning.get("reasoningText"))
    if text:
        kept = {"type": "thinking", "thinking": as_text(text.get("text"))}
        return {**kept, "signature": text["signature"]} if text.get("signature") else kept
    if reasoning.get("redactedContent"):
        return {"type": "redacted_thinking", "data": reasoning["redactedContent"]}
    return None


def visible(thinking: list[dict[str, Any]]) -> int | None:
    """Characters of reasoning that can be seen; None if there was some and none of it can be."""
    seen = sum(len(block.get("thinking", "")) for block in thinking)
    return seen if seen or not thinking else None


def finish_reason(stop_reason: Any, *, answered: bool = False) -> str:
    """OpenAI's word. `answered`: the only call was the JSON tool's, so for the caller it is an ordinary end."""
    if answered and stop_reason == "tool_use":
        return "stop"
    return FINISH_REASONS.get(as_text(stop_reason), "stop")


def stop_fields(stop_reason: Any) -> dict[str, Any]:
    return {"stop_reason": stop_reason} if as_text(stop_reason) in _TELLING else {}


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """What an answer or the end of a stream says beside content and counts: the guardrail's trace, the tier."""
    found = {"trace": answer["trace"]} if answer.get("trace") else {}
    tier = as_text(as_object(answer.get("serviceTier")).get("type"))
    return {**found, "service_tier": tier} if tier else found


def converse_usage(usage: Any, extra: dict[str, Any], reasoning_characters: int | None) -> Body:
    """Usage in OpenAI's form. Bedrock counts as Anthropic does: cached tokens are no part of `inputTokens`.

    `extra` are the model's own fields, among which Claude tells how much of its output was thinking.
    """
    counts = as_object(usage)
    lifetimes: dict[str, int] = {}
    for detail in objects(counts.get("cacheDetails")):
        if isinstance(detail.get("inputTokens"), int):
            lifetimes[f"ephemeral_{detail.get('ttl')}_input_tokens"] = detail["inputTokens"]
    return openai_usage(
        {
            "input_tokens": counts.get("inputTokens"),
            "output_tokens": counts.get("outputTokens"),
            "cache_read_input_tokens": counts.get("cacheReadInputTokens"),
            "cache_creation_input_tokens": counts.get("cacheWriteInputTokens"),
            **({"cache_creation": lifetimes} if lifetimes else {}),
            "output_tokens_details": as_object(extra.get("usage")).get("output_tokens_details"),
        },
        reasoning_characters=reasoning_characters,
    )


def dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def _tool_call(index: int, use: dict[str, Any], names: ToolNames) -> dict[str, Any]:
    function = {"name": names.to_caller(as_text(use.get("name"))), "arguments": dumps(use.get("input") or {})}
    return {"index": index, "id": use.get("toolUseId"), "type": "function", "function": function}
