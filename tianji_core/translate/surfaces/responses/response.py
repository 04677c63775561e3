"""A chat answer as a Response object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from tianji_core.api.provider import Body
from tianji_core.translate.encrypted import encrypted_of
from tianji_core.translate.shapes import as_count, as_object, as_text, objects
from tianji_core.translate.surfaces.responses.items import packed

_ECHOED: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""Members of a request that its answer repeats, each with what holds where the request does not say."""


def envelope(ident: str, created: int, model: str, asked: Body, status: str, output: list[Body]) -> Body:
    """A Response without usage: what it answers, and what came so far."""
    echoed = {name: default if asked.get(name) is None else asked[name] for name, default in _ECHOED.items()}
    echoed["tools"] = [_whole_tool(tool) for tool in echoed["tools"]] if isinstance(echoed["tools"], list) else []
    echoed["text"] = _whole_text(echoed["text"])
    reasoning = asked.get("reasoning") if isinstance(asked.get("reasoning"), dict) else {}
    return {
        "id": ident,
        "object": "response",
        "created_at": created,
        "completed_at": None,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": output,
        "reasoning": {"effort": (reasoning or {}).get("effort"), "summary": (reasoning or {}).get("summary")},
        "usage": None,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        **echoed,
    }


def _whole_tool(tool: Any) -> Any:
    """A function with all its members, as an answer repeats it."""
    if not isinstance(tool, dict) or tool.get("type") != "function":
        return tool
    return {"description": None, "parameters": None, "strict": None, **tool}


def _whole_text(text: Any) -> Any:
    """The same for the format of a text."""
    form = text.get("format") if isinstance(text, dict) else None
    if not isinstance(form, dict):
        return {"format": {"type": "text"}, **text} if isinstance(text, dict) else {"format": {"type": "text"}}
    if form.get("type") != "json_schema":
        return text
    return {**text, "format": {"description": None, "strict": False, **form}}


def chat_to_response(answer: Body, asked: Body, ident: str | None = None) -> Body:
    """The first choice of a chat answer as a Response; the Responses API has no others.

    `ident` is its id, where that is not made of the vendor's.
    """
    choice = (answer.get("choices") or [{}])[0]
    message = choice.get("message") or {}
    suffix = suffix_of(answer.get("id"))
    output = list(_output(message, suffix, asked))
    created = answer.get("created") or 0
    response = envelope(ident or f"resp_{suffix}", created, str(answer.get("model")), asked, "completed", output)
    response["completed_at"] = created
    response["usage"] = response_usage(answer.get("usage"))
    finish(response, choice.get("finish_reason"))
    return response


def finish(response: Body, reason: Any) -> None:
    """Say in place how it ended."""
    why = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(str(reason))
    response["status"] = "incomplete" if why else "completed"
    response["incomplete_details"] = {"reason": why} if why else None


def suffix_of(ident: Any) -> str:
    """The part of a vendor's id that ours are made of."""
    text = "".join(c for c in str(ident or "0") if c.isascii() and (c.isalnum() or c in "_-"))
    return text.removeprefix("chatcmpl-").removeprefix("msg_") or "0"


def _output(message: Body, suffix: str, asked: Body) -> list[Body]:
    items: list[Body] = []
    blocks = [b for b in message.get("thinking_blocks") or () if isinstance(b, dict)]
    if message.get("reasoning_content") or blocks:
        items.append(reasoning_item(f"rs_{suffix}", message.get("reasoning_content") or "", blocks))
    if message.get("content") or message.get("refusal"):
        part = text_part(message["content"], message.get("annotations"))
        if not message.get("content"):
            part = {"type": "refusal", "refusal": message["refusal"]}
        items.append(message_item(f"msg_{suffix}", [part]))
    custom = custom_tools(asked)
    calls = message.get("tool_calls") or ()
    return items + [call_item(call.get("id"), call.get("function") or {}, custom) for call in calls]


def reasoning_item(ident: str, text: str, blocks: list[Body]) -> Body:
    item: Body = {"id": ident, "type": "reasoning", "summary": []}
    if text:
        item["summary"] = [{"type": "summary_text", "text": text}]
    if len(blocks) == 1 and (encrypted := encrypted_of(blocks[0])) is not None:
        item["encrypted_content"] = encrypted  # OpenAI's own, which it wants back as it was
    elif any(block.get("signature") or block.get("data") for block in blocks):
        item["encrypted_content"] = packed(blocks)
    return item


def message_item(ident: str, content: list[Body], status: str = "completed") -> Body:
    return {"id": ident, "type": "message", "status": status, "role": "assistant", "content": content}


def text_part(text: Any, annotations: Any = None) -> Body:
    return {
        "type": "output_text",
        "text": text or "",
        "annotations": [flat_annotation(a) for a in annotations or () if isinstance(a, dict)],
        "logprobs": [],
    }


def flat_annotation(annotation: Body) -> Body:
    """Chat nests what an annotation says, Responses do not."""
    inner = annotation.get(str(annotation.get("type")))
    return {"type": annotation.get("type"), **inner} if isinstance(inner, dict) else annotation


def custom_tools(asked: Body) -> frozenset[str]:
    """The names of the tools that take free text."""
    tools = asked.get("tools") or ()
    return frozenset(str(t.get("name")) for t in tools if isinstance(t, dict) and t.get("type") == "custom")


def call_item(ident: Any, function: Body, custom: frozenset[str], status: str = "completed") -> Body:
    call_id, name, arguments = str(ident or "call_0"), function.get("name"), function.get("arguments") or ""
    if name in custom:
        text = custom_input(arguments) if arguments else ""
        return {
            "id": f"ctc_{call_id}",
            "type": "custom_tool_call",
            "status": status,
            "call_id": call_id,
            "name": name,
            "input": text,
        }
    return {
        "id": f"fc_{call_id}",
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    }


def custom_input(arguments: str) -> str:
    """What a function that stands for a free-text tool was given."""
    try:
        content = orjson.loads(arguments).get("content")
    except (ValueError, AttributeError):
        return arguments
    return content if isinstance(content, str) else arguments


def response_usage(usage: Mapping[str, Any] | None) -> Body | None:
    """Usage under the Responses' names."""
    if not usage:
        return None
    prompt, completion = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
    details, more = usage.get("prompt_tokens_details") or {}, usage.get("completion_tokens_details") or {}
    return {
        "input_tokens": prompt,
        "input_tokens_details": {
            "cached_tokens": details.get("cached_tokens") or 0,
            "cache_write_tokens": details.get("cache_write_tokens") or 0,
        },
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": more.get("reasoning_tokens") or 0},
        "total_tokens": usage.get("total_tokens") or prompt + completion,
    }


_TOOL_CALLS = {"web_search_call": "web_search_requests", "file_search_call": "file_search_requests"}


def native_usage(response: Body) -> dict[str, Any] | None:
    """What a vendor's whole Response says of what it has used: tokens under chat's names, tools that the vendor has run
    as Anthropic tells them, the tier of service."""
    usage = chat_usage(response.get("usage"))
    if usage is None:
        return None
    tools: dict[str, int] = {}
    containers = set()
    for item in objects(response.get("output")):
        name = _TOOL_CALLS.get(as_text(item.get("type")))
        if name is not None:
            tools[name] = tools.get(name, 0) + 1
        elif item.get("type") == "code_interpreter_call":
            containers.add(as_text(item.get("container_id")))
    if containers:
        tools["code_interpreter_sessions"] = len(containers)
    if tools:
        usage["server_tool_use"] = tools
    if isinstance(response.get("service_tier"), str):
        usage["service_tier"] = response["service_tier"]
    return usage


def chat_usage(usage: Any) -> dict[str, Any] | None:
    """The other way round: what a vendor's Response says, under chat's names."""
    if not isinstance(usage, dict):
        return None
    # The audio API leaves out an s.
    details = as_object(usage.get("input_tokens_details") or usage.get("input_token_details"))
    more = as_object(usage.get("output_tokens_details") or usage.get("output_token_details"))
    prompt, completion = as_count(usage.get("input_tokens")), as_count(usage.get("output_tokens"))
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": as_count(usage.get("total_tokens")) or prompt + completion,
        "prompt_tokens_details": {
            "cached_tokens": as_count(details.get("cached_tokens")),
            "cache_write_tokens": as_count(details.get("cache_write_tokens")),
            **_modalities(details),
        },
        "completion_tokens_details": {"reasoning_tokens": as_count(more.get("reasoning_tokens")), **_modalities(more)},
    }


def _modalities(details: Body) -> Body:
    """What of the tokens was text, pictures, sound, where a vendor says it."""
    return {
        name: as_count(details[name]) for name in ("text_tokens", "image_tokens", "audio_tokens") if name in details
    }
