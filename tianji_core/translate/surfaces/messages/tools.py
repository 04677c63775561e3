"""Tools of a Messages request as chat tools."""

from __future__ import annotations

from typing import Any

from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body


def chat_tools(tools: list[Body]) -> tuple[list[Body], Body | None]:
    """The tools, and what is asked of a web search, None if it is not among them. Raises BadRequestError.

    Tools that run at Anthropic stay as they are: its models are told of them by chat too.
    """
    functions: list[Body] = []
    search: Body | None = None
    for index, tool in enumerate(tools):
        kind = tool.get("type")
        if kind in (None, "custom"):
            functions.append(_function(tool, index))
        elif isinstance(kind, str) and kind.startswith("web_search"):
            search = _search(tool)
        elif isinstance(kind, str):
            functions.append(tool)
        else:
            raise BadRequestError(f"tools[{index}] must be an object whose type is a string.", param="tools")
    return functions, search


def check_tools(tools: Any) -> None:
    """Raises BadRequestError for tools that run at Anthropic, which nobody else has."""
    for index, tool in enumerate(tools if isinstance(tools, list) else ()):
        kind = tool.get("type") if isinstance(tool, dict) else None
        if isinstance(kind, str) and kind != "custom" and not kind.startswith("web_search"):
            raise BadRequestError(
                f"tools[{index}]: a tool of type {kind!r} runs at Anthropic, and this model is another vendor's.",
                param="tools",
            )


def _function(tool: Body, index: int) -> Body:
    name = tool.get("name")
    if not isinstance(name, str) or not name:
        raise BadRequestError(f"tools[{index}].name is missing.", param="tools")
    function: Body = {"name": name}
    if tool.get("description"):
        function["description"] = tool["description"]
    function["parameters"] = tool.get("input_schema") or {"type": "object", "properties": {}}
    if isinstance(tool.get("strict"), bool):
        function["strict"] = tool["strict"]
    found: Body = {"type": "function", "function": function}
    if tool.get("cache_control"):
        found["cache_control"] = tool["cache_control"]
    return found


def _search(tool: Body) -> Body:
    location = tool.get("user_location")
    if not isinstance(location, dict):
        return {}
    return {"user_location": {"type": "approximate", "approximate": {k: v for k, v in location.items() if k != "type"}}}


def chat_tool_choice(choice: Body) -> Any:
    """`tool_choice` as chat has it."""
    kind = choice.get("type")
    if kind == "tool":
        return {"type": "function", "function": {"name": choice.get("name")}}
    found = {"auto": "auto", "any": "required", "none": "none"}.get(str(kind))
    if found is None:
        raise BadRequestError("tool_choice.type must be auto, any, tool or none.", param="tool_choice")
    return found
