"""Messages as OpenAI-shaped vendors take them: what only other vendors or the gateway know is left out.

Nothing is changed in place: messages are shared with the next attempt. A message that needs no change stays the same
object.
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.provider import Body

FOREIGN = frozenset({"cache_control", "provider_specific_fields", "thinking_blocks"})


def clean_messages(messages: list[Any], system: str | None = None) -> list[Any]:
    """The messages; with `system` given, that role in place of `system` and `developer`.

    OpenAI's reasoning models have `developer`, and two early ones neither: there it is a `user` who speaks. Other
    vendors mostly know `system` only.
    """
    return [clean_message(m, system) if isinstance(m, dict) else m for m in messages]


def clean_message(message: Body, system: str | None = None) -> Body:
    content = message.get("content")
    changes: Body = {}
    role = message.get("role")
    if system is not None and role in ("system", "developer") and role != system:
        changes["role"] = system
    if isinstance(content, list):
        changes["content"] = [clean_part(p) if isinstance(p, dict) else p for p in content]
    foreign = [key for key, value in message.items() if value is None or key in FOREIGN]
    if not foreign and not changes:
        return message
    return {key: value for key, value in {**message, **changes}.items() if key not in foreign}


def clean_part(part: Body) -> Body:
    """A content part without markers; an image given as a bare URL becomes an object."""
    part = {key: value for key, value in part.items() if key != "cache_control"}
    for kind in ("image_url", "file"):
        media = part.get(kind)
        if isinstance(media, str):
            part[kind] = {"url": media}
        elif isinstance(media, dict) and "format" in media:  # the gateway's hint for other vendors
            part[kind] = {key: value for key, value in media.items() if key != "format"}
    return part


def clean_tools(tools: list[Any]) -> list[Any]:
    """The tools without cache markers."""
    return [clean_tool(tool) if isinstance(tool, dict) else tool for tool in tools]


def clean_tool(tool: Body) -> Body:
    function = tool.get("function")
    if isinstance(function, dict) and "cache_control" in function:
        tool = {**tool, "function": {key: value for key, value in function.items() if key != "cache_control"}}
    return {key: value for key, value in tool.items() if key != "cache_control"} if "cache_control" in tool else tool
