"""Messages as OpenAI-shaped vendors take them: what only other vendors or the gateway know is left out.

Nothing is changed in place: messages are shared with the next attempt. A message that needs no change stays the same
object.
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.provider import Body
from tianji_core.translate.encrypted import without_encrypted
from tianji_core.translate.tool_ids import SEPARATOR, plain_id

FOREIGN = frozenset({"cache_control", "provider_specific_fields", "reasoning_details", "thinking_blocks"})
"""Members that are another vendor's, and that would be an error, or give away its state, where they are not known."""

_SYSTEM = frozenset({"system", "developer"})
_COMMON = frozenset({"user", "assistant"})


def clean_messages(messages: list[Any], system: str | None = None, foreign: frozenset[str] = FOREIGN) -> list[Any]:
    """The messages; with `system` given, that role in place of `system` and `developer`.

    OpenAI's reasoning models have `developer`, and two early ones neither: there it is a `user` who speaks. Other
    vendors mostly know `system` only.
    """
    return [clean_message(m, system, foreign) if isinstance(m, dict) else m for m in messages]


def clean_message(message: Body, system: str | None = None, foreign: frozenset[str] = FOREIGN) -> Body:
    """A message without nulls and what is foreign; a cache marker that the vendor takes moves into the content."""
    if len(message) == 2 and type(message.get("content")) is str:
        role = message.get("role")
        if type(role) is str and (role in _COMMON or role == system or (system is None and role in _SYSTEM)):
            return message  # as nearly all are
    if "cache_control" in message and "cache_control" not in foreign:
        message = _with_marker_inside(message)
    if "thinking_blocks" in message and "thinking_blocks" not in foreign:
        message = _without_openais(message)
    content = message.get("content")
    changes: Body = {}
    role = message.get("role")
    if system is not None and role in _SYSTEM and role != system:
        changes["role"] = system
    if isinstance(content, list):
        changes["content"] = [clean_part(p, foreign) if isinstance(p, dict) else p for p in content]
    changes.update(_without_signatures(message))
    gone = [key for key, value in message.items() if value is None or key in foreign]
    if not gone and not changes:
        return message
    return {key: value for key, value in {**message, **changes}.items() if key not in gone}


def _without_signatures(message: Body) -> Body:
    """The members that hold ids of tool calls, if Gemini has put its signatures there (see `translate.tool_ids`)."""
    changes: Body = {}
    answered = message.get("tool_call_id")
    if isinstance(answered, str) and SEPARATOR in answered:
        changes["tool_call_id"] = plain_id(answered)
    calls = message.get("tool_calls")
    if isinstance(calls, list) and any(_is_signed(call) for call in calls):
        changes["tool_calls"] = [_unsigned(call) if _is_signed(call) else call for call in calls]
    return changes


def _is_signed(call: Any) -> bool:
    return isinstance(call, dict) and ("provider_specific_fields" in call or SEPARATOR in str(call.get("id")))


def _unsigned(call: Body) -> Body:
    rest = {key: value for key, value in call.items() if key != "provider_specific_fields"}
    return {**rest, "id": plain_id(call["id"])} if isinstance(call.get("id"), str) else rest


def _without_openais(message: Body) -> Body:
    """The message without the reasoning that OpenAI has encrypted, for vendors that take thinking blocks."""
    blocks = message["thinking_blocks"]
    if not isinstance(blocks, list) or (kept := without_encrypted(blocks)) is blocks:
        return message
    rest = {key: value for key, value in message.items() if key != "thinking_blocks"}
    return {**rest, "thinking_blocks": kept} if kept else rest


def _with_marker_inside(message: Body) -> Body:
    """The message with its cache marker on the last part of its content, where it means the same."""
    rest = {key: value for key, value in message.items() if key != "cache_control"}
    content = message.get("content")
    parts = [{"type": "text", "text": content}] if isinstance(content, str) and content else content
    if not isinstance(parts, list) or not parts or not isinstance(parts[-1], dict) or not message["cache_control"]:
        return rest
    return {**rest, "content": [*parts[:-1], {**parts[-1], "cache_control": message["cache_control"]}]}


def clean_part(part: Body, foreign: frozenset[str] = FOREIGN) -> Body:
    """A content part without what is foreign; an image given as a bare URL becomes an object."""
    part = {key: value for key, value in part.items() if key not in foreign}
    for kind in ("image_url", "file"):
        media = part.get(kind)
        if isinstance(media, str):
            part[kind] = {"url": media}
        elif isinstance(media, dict) and "format" in media:  # the gateway's hint for other vendors
            part[kind] = {key: value for key, value in media.items() if key != "format"}
    return part


def clean_tools(tools: list[Any], foreign: frozenset[str] = FOREIGN) -> list[Any]:
    """The tools without what is foreign."""
    return [clean_tool(tool, foreign) if isinstance(tool, dict) else tool for tool in tools]


def clean_tool(tool: Body, foreign: frozenset[str] = FOREIGN) -> Body:
    function = tool.get("function")
    if isinstance(function, dict) and not foreign.isdisjoint(function):
        tool = {**tool, "function": {key: value for key, value in function.items() if key not in foreign}}
    return tool if foreign.isdisjoint(tool) else {key: value for key, value in tool.items() if key not in foreign}


def plain_content(messages: list[Any]) -> list[Any]:
    """The messages with content that is nothing but parts of text as one text, for vendors that know no parts."""
    return [_plain(message) if isinstance(message, dict) else message for message in messages]


def _plain(message: Body) -> Body:
    parts = message.get("content")
    if not isinstance(parts, list) or not all(isinstance(p, dict) and p.get("type") == "text" for p in parts):
        return message
    return {**message, "content": "".join(str(part.get("text") or "") for part in parts)}


def rename_member(messages: list[Any], name: str, theirs: str | None) -> list[Any]:
    """The messages with a member under the vendor's name for it, or without it."""
    return [_renamed(m, name, theirs) if isinstance(m, dict) and name in m else m for m in messages]


def _renamed(message: Body, name: str, theirs: str | None) -> Body:
    rest = {key: value for key, value in message.items() if key != name}
    return {**rest, theirs: message[name]} if theirs else rest
