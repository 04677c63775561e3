"""Calls of tools that a model wrote into its text, as older ones on Fireworks do."""

from __future__ import annotations

import json
import uuid
from typing import Any

from tianji_core.api.provider import Body


def find_call(answer: Body, tools: list[Any]) -> None:
    """A text that is the JSON of one call, `{"name": …, "parameters": {…}}`, becomes that call, in place.

    Only a tool that was offered counts: anything else is an answer in JSON.
    """
    offered = [_member(_member(tool, "function"), "name") for tool in tools]
    for number, choice in enumerate(answer.get("choices") or ()):
        message = _member(choice, "message")
        text = _member(message, "content")
        if not (isinstance(text, str) and text.startswith("{")) or message.get("tool_calls"):
            continue
        try:
            call = json.loads(text)
        except (ValueError, RecursionError):
            continue
        name, arguments = _member(call, "name"), _member(call, "parameters")
        if not isinstance(name, str) or name not in offered or not isinstance(arguments, dict):
            continue
        ident = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{answer.get('id')}/{number}"))  # no dice: the same each time
        function = {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}
        message["content"] = None
        message["tool_calls"] = [{"id": ident, "type": "function", "function": function}]
        choice["finish_reason"] = "tool_calls"


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None
