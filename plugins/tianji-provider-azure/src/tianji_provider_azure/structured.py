"""Answers after a JSON schema where the vendor knows no `json_schema`: as arguments of a tool that has to be called.

The tool's name is LiteLLM's. It was made up for a request of ours, so nothing of it shows in the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tianji_core.api.errors import GatewayError
from tianji_core.api.http import Headers
from tianji_core.api.provider import Body
from tianji_core.openai_compat import OpenAIStreamDecoder

TOOL = "json_tool_call"
CHOICE = {"type": "function", "function": {"name": TOOL}}


def schema_of(body: Body) -> dict[str, Any] | None:
    """The schema that an answer is asked to follow."""
    asked = body.get("response_format")
    named = asked.get("json_schema") if isinstance(asked, dict) and asked.get("type") == "json_schema" else None
    schema = named.get("schema") if isinstance(named, dict) else None
    return schema if isinstance(schema, dict) else None


def ask_by_tool(body: Body) -> None:
    """Ask for the schema by a tool. Beside the caller's own tools it is one of those that have to be called."""
    schema = schema_of(body)
    own = body.get("tools") or []
    del body["response_format"]
    body["tools"] = [*own, {"type": "function", "function": {"name": TOOL, "parameters": schema}}]
    body["tool_choice"] = "required" if own else CHOICE


def asked_by_tool(body: Body) -> bool:
    """Whether `ask_by_tool` has changed this body."""
    return any(_name(tool) == TOOL for tool in body.get("tools") or ())


def answer_from_tool(answer: Body) -> None:
    """Put the arguments of the tool's call in the place of the text, in place."""
    for choice in answer.get("choices") or ():
        message = choice.get("message")
        calls = message.get("tool_calls") if isinstance(message, dict) else None
        if not calls or any(_name(call) != TOOL for call in calls):
            continue
        message["content"] = "".join(call["function"].get("arguments") or "" for call in calls[:1])
        del message["tool_calls"]
        choice["finish_reason"] = "stop" if choice.get("finish_reason") == "tool_calls" else choice["finish_reason"]


class SchemaDecoder(OpenAIStreamDecoder):
    """A stream whose call of the tool comes out as text."""

    def __init__(self, parse_error: Callable[[int, Headers, bytes], GatewayError]) -> None:
        super().__init__(parse_error, self._patch_schema)
        self._ours: set[tuple[Any, Any]] = set()
        self._others: set[Any] = set()

    def _patch_schema(self, chunk: Body) -> None:
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") if isinstance(choice, dict) else None
            if not isinstance(delta, dict):
                continue
            index = choice.get("index")
            if isinstance(delta.get("tool_calls"), list):
                self._take(index, delta)
            if choice.get("finish_reason") == "tool_calls" and index not in self._others:
                choice["finish_reason"] = "stop"

    def _take(self, index: Any, delta: Body) -> None:
        rest = []
        for call in delta.pop("tool_calls"):
            where = (index, call.get("index")) if isinstance(call, dict) else None
            if where is not None and _name(call) == TOOL:
                self._ours.add(where)
            if where not in self._ours:
                rest.append(call)
                self._others.add(index)
                continue
            arguments = (call.get("function") or {}).get("arguments")
            if isinstance(arguments, str):
                delta["content"] = (delta.get("content") or "") + arguments
        if rest:
            delta["tool_calls"] = rest


def _name(tool: Any) -> Any:
    function = tool.get("function") if isinstance(tool, dict) else None
    return function.get("name") if isinstance(function, dict) else None
