"""Tools and the choice among them, from OpenAI's form to Anthropic's.

Sources: Anthropic's "Define tools", "Tool choice", "Strict tool use", "Web search tool", "Computer use tool", "MCP
connector" pages.
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.errors import BadRequestError, UnsupportedCapabilityError
from tianji_core.translate.anthropic.names import ToolNames
from tianji_core.translate.shapes import as_object, as_text

Tool = dict[str, Any]

DUMMY_TOOL: Tool = {
    "name": "dummy_tool",
    "input_schema": {"type": "object", "properties": {}},
    "type": "custom",
    "description": "This is a dummy tool call",
}
"""Declared where a conversation holds tool calls but the request has no tools, which the vendor refuses."""

_OPTIONS = ("cache_control", "defer_loading", "allowed_callers", "input_examples", "eager_input_streaming")
"""Members of a tool that are Anthropic's own; they may stand on the tool or on its function.

`strict` is passed on from the tool itself only. On the function it is OpenAI's, which agent frameworks set on every
tool; Anthropic limits the number of strict tools and what their schemas may hold, and would refuse such requests.
"""

_MAX_SEARCHES = {"low": 1, "medium": 5, "high": 10}
_LOCATION = ("city", "region", "country", "timezone")


def convert_tools(tools: list[Any], names: ToolNames | None = None) -> tuple[list[Tool], list[dict[str, Any]]]:
    """The tools, and the MCP servers that OpenAI's form names among them."""
    names = names or ToolNames()
    converted: list[Tool] = []
    servers: list[dict[str, Any]] = []
    for index, tool in enumerate(tools):
        if not isinstance(tool, dict):
            raise BadRequestError(f"tools[{index}] must be an object.", param="tools")
        kind = tool.get("type")
        if kind == "mcp":
            servers.append(_mcp_server(tool, index))
        elif kind in (None, "function", "custom") and not _is_native(tool):
            converted.append(_function_tool(tool, index, names))
        else:
            converted.append(_hosted_tool(tool))
    return converted, servers


def _is_native(tool: Tool) -> bool:
    return "input_schema" in tool and "function" not in tool


def _function_tool(tool: Tool, index: int, names: ToolNames) -> Tool:
    function = as_object(tool.get("function"))
    if "custom" in tool:
        raise UnsupportedCapabilityError(
            f"tools[{index}]: Anthropic has no tools with free text as input.", param="tools"
        )
    if not as_text(function.get("name")):
        raise BadRequestError(f"tools[{index}]: a function tool needs function.name.", param="tools")
    schema = as_object(function.get("parameters"))
    if not schema:
        schema = {"type": "object", "properties": {}}
    elif "type" not in schema:
        schema = {"type": "object", **schema}
    converted: Tool = {
        "name": names.to_vendor(function["name"]),
        "input_schema": schema,
        "type": "custom",
    }
    if function.get("description"):
        converted["description"] = function["description"]
    if tool.get("strict") is True:
        converted["strict"] = True
    for name in _OPTIONS:
        value = tool.get(name, function.get(name))
        if value is not None:
            converted[name] = value
    return converted


def _hosted_tool(tool: Tool) -> Tool:
    """A tool in the vendor's own form. Clients that know only functions put its members into `function.parameters`."""
    flat = {name: value for name, value in tool.items() if name != "function"}
    function = as_object(tool.get("function"))
    if function.get("name"):
        flat.setdefault("name", function["name"])
    return {**as_object(function.get("parameters")), **flat}


def _mcp_server(tool: Tool, index: int) -> dict[str, Any]:
    """OpenAI's `mcp` tool as a server of Anthropic's MCP connector."""
    url, label = tool.get("server_url"), tool.get("server_label")
    if not isinstance(url, str) or not isinstance(label, str):
        raise BadRequestError(f"tools[{index}]: an mcp tool needs server_url and server_label.", param="tools")
    server: dict[str, Any] = {"type": "url", "url": url, "name": label}
    headers = {name.lower(): value for name, value in as_object(tool.get("headers")).items()}
    if token := as_text(tool.get("authorization")) or as_text(headers.get("authorization")):
        server["authorization_token"] = token.removeprefix("Bearer ").strip()
    allowed = tool.get("allowed_tools")
    if isinstance(allowed, dict):
        allowed = allowed.get("tool_names")
    if isinstance(allowed, list):
        server["tool_configuration"] = {"allowed_tools": allowed}
    return server


def web_search_tool(options: Any) -> Tool:
    """`web_search_options` as Anthropic's web search."""
    options = as_object(options)
    tool: Tool = {"type": "web_search_20250305", "name": "web_search"}
    location = options.get("user_location")
    if isinstance(location, dict):
        place = as_object(location.get("approximate")) or location
        found = {name: place[name] for name in _LOCATION if place.get(name)}
        tool["user_location"] = {"type": "approximate", **found}
    searches = _MAX_SEARCHES.get(str(options.get("search_context_size")))
    if searches is not None:
        tool["max_uses"] = searches
    return tool


def convert_tool_choice(choice: Any, parallel: Any, names: ToolNames | None = None) -> dict[str, Any] | None:
    """`tool_choice` and `parallel_tool_calls` as Anthropic's `tool_choice`; None if both leave it to the model."""
    names = names or ToolNames()
    converted = _choice(choice, names)
    if parallel is False and (converted is None or converted["type"] != "none"):
        converted = {**(converted or {"type": "auto"}), "disable_parallel_tool_use": True}
    return converted


def _choice(choice: Any, names: ToolNames) -> dict[str, Any] | None:
    if choice is None:
        return None
    simple = {"auto": "auto", "required": "any", "any": "any", "none": "none"}
    if isinstance(choice, str) and choice in simple:
        return {"type": simple[choice]}
    if isinstance(choice, dict):
        kind, function = choice.get("type"), choice.get("function")
        if kind == "function":
            name = as_text(as_object(function).get("name")) or as_text(choice.get("name"))
            if name:
                return {"type": "tool", "name": names.to_vendor(name)}
        elif kind == "allowed_tools" and isinstance(allowed := choice.get("allowed_tools"), dict):
            return {"type": "any" if allowed.get("mode") == "required" else "auto"}
        elif kind in ("auto", "any", "none", "tool"):
            return dict(choice)  # already the vendor's form
    raise BadRequestError("tool_choice must be auto, required, none or name a function.", param="tool_choice")


def allowed_tools(tools: list[Any], choice: Any) -> list[Any]:
    """The tools that OpenAI's `allowed_tools` choice leaves; Anthropic has no such choice, so the others go."""
    allowed = as_object(as_object(choice).get("allowed_tools"))
    if not isinstance(allowed.get("tools"), list):
        return tools
    kept = [_function_name(tool) for tool in allowed["tools"]]
    return [tool for tool in tools if _function_name(tool) in kept]


def _function_name(tool: Any) -> Any:
    tool = as_object(tool)
    return as_object(tool.get("function")).get("name") or tool.get("name")
