"""Tools and the choice among them, from OpenAI's form to Converse's.

Source: Bedrock API reference, `ToolConfiguration`, `ToolSpecification`, `ToolChoice`; Nova User Guide, "Tool use"
(what the root of a schema may hold) and "Grounding".
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.errors import BadRequestError, UnsupportedCapabilityError
from tianji_core.translate.anthropic.names import ToolNames
from tianji_core.translate.shapes import as_object, as_text
from tianji_provider_bedrock.content import Block
from tianji_provider_bedrock.messages import Converter
from tianji_provider_bedrock.models import Traits

DUMMY = "dummy_tool"
"""Declared where a conversation holds calls but the request has no tools, which the vendor refuses."""
_NOVA_ROOT = frozenset({"$defs", "definitions", "properties", "required", "type"})


def convert_tools(
    tools: list[Any], traits: Traits, names: ToolNames, converter: Converter
) -> tuple[list[Block], list[dict[str, Any]]]:
    """The tools of `toolConfig`, and those in Anthropic's own form, which Claude takes beside them."""
    converted: list[Block] = []
    hosted: list[dict[str, Any]] = []
    for index, tool in enumerate(tools):
        fields = as_object(tool)
        kind = fields.get("type")
        if kind in (None, "function") and as_text(as_object(fields.get("function")).get("name")):
            marker = fields.get("cache_control") or fields["function"].get("cache_control")
            converted += [_function_tool(fields["function"], traits, names), *converter.points(marker)]
        elif kind in (None, "function"):
            raise BadRequestError(f"tools[{index}]: a function tool needs function.name.", param="tools")
        elif kind == "system_tool" and as_text(fields.get("name")):
            converted.append({"systemTool": {"name": fields["name"]}})
        elif traits.claude is not None and kind not in ("custom", "mcp"):
            own = as_object(fields.get("function"))
            rest = {name: value for name, value in fields.items() if name != "function"}
            hosted.append(
                {**as_object(own.get("parameters")), **({"name": own["name"]} if "name" in own else {}), **rest}
            )
        else:
            raise UnsupportedCapabilityError(f"tools[{index}]: Bedrock has no tools of type {kind!r}.", param="tools")
    return converted, hosted


def tool_spec(name: str, description: str, schema: dict[str, Any], traits: Traits, *, strict: bool = False) -> Block:
    """A tool. Its schema has an object at its root."""
    if schema.get("type") != "object":
        schema = {"type": "object", "properties": {}, **{k: v for k, v in schema.items() if k != "type"}}
    if traits.nova:
        schema = {key: value for key, value in schema.items() if key in _NOVA_ROOT}
    spec: Block = {"name": name, "description": description, "inputSchema": {"json": schema}}
    if strict and traits.claude is not None:
        spec["strict"] = True
    return {"toolSpec": spec}


def dummy_tool(traits: Traits) -> Block:
    return tool_spec(DUMMY, "This is a dummy tool call", {"type": "object", "properties": {}}, traits)


def _function_tool(function: dict[str, Any], traits: Traits, names: ToolNames) -> Block:
    name = names.to_vendor(function["name"])
    description = as_text(function.get("description")) or name  # an empty one is refused
    return tool_spec(
        name, description, as_object(function.get("parameters")), traits, strict=function.get("strict") is True
    )


def convert_tool_choice(choice: Any, names: ToolNames) -> Block | None:
    """`tool_choice` as `toolChoice`; None leaves it to the model. `none` is the caller's to care for."""
    simple = {"auto": "auto", "required": "any", "any": "any"}
    if choice is None:
        return None
    if isinstance(choice, str) and choice in simple:
        return {simple[choice]: {}}
    if isinstance(choice, dict):
        kind = choice.get("type")
        if kind in ("function", "tool"):
            name = as_text(as_object(choice.get("function")).get("name")) or as_text(choice.get("name"))
            if name:
                return {"tool": {"name": names.to_vendor(name)}}
        elif kind == "allowed_tools":
            return {"any" if as_object(choice.get("allowed_tools")).get("mode") == "required" else "auto": {}}
        elif kind in ("auto", "any"):
            return {kind: {}}
    raise BadRequestError("tool_choice must be auto, required, none or name a function.", param="tool_choice")
