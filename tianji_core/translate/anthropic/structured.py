"""Answers in JSON: `response_format` by the vendor's own means, or by a tool that the model is made to call.

Source: Anthropic's "Structured outputs" page. Models from before it get a tool whose input is the answer; what the
model puts in is turned back into the answer's text (`response`, `stream`), and nobody sees the tool.
"""

from __future__ import annotations

from typing import Any, Literal

from tianji_core.api.errors import BadRequestError
from tianji_core.translate.anthropic.models import Traits
from tianji_core.translate.anthropic.schema import output_schema
from tianji_core.translate.anthropic.thinking import is_thinking
from tianji_core.translate.shapes import as_object

JSON_TOOL = "json_tool_call"
"""The name of the tool that stands for the answer; LiteLLM's, and known to some clients."""

JsonMode = Literal["off", "loose", "native", "tool"]


def json_mode(body: dict[str, Any], traits: Traits) -> JsonMode:
    """How the answer to a chat body is to become JSON.

    `loose`: JSON was asked for without a schema. Anthropic has no such mode: the prompt has to ask for it.
    """
    response_format = as_object(body.get("response_format"))
    if response_format.get("type") not in ("json_object", "json_schema"):
        return "off"
    if wanted_schema(response_format) is None:
        return "loose"
    return "tool" if traits.json_schema == "tool" else "native"


def apply_response_format(request: dict[str, Any], body: dict[str, Any], traits: Traits) -> None:
    """Write the wanted format into `request`, whose tools and thinking are already there."""
    schema = wanted_schema(as_object(body.get("response_format")))
    if schema is None:
        return
    if traits.json_schema == "native":
        config = request.setdefault("output_config", {})
        config.setdefault("format", {"type": "json_schema", "schema": output_schema(schema)})
    elif traits.json_schema == "beta":
        request.setdefault("output_format", {"type": "json_schema", "schema": output_schema(schema)})
    else:
        _add_json_tool(request, schema)


def _add_json_tool(request: dict[str, Any], schema: dict[str, Any]) -> None:
    own_tools = request.get("tools") or []
    request["tools"] = [*own_tools, {"name": JSON_TOOL, "input_schema": {"type": "object", **schema}}]
    choice = request.get("tool_choice") or {"type": "auto"}
    if choice["type"] == "tool" or is_thinking(request.get("thinking")):
        return  # the caller's own tool comes first; while thinking, no tool can be forced
    if own_tools and choice["type"] != "none":
        request["tool_choice"] = {**choice, "type": "any"}  # either a call, or the answer by its tool
    else:
        request["tool_choice"] = {"name": JSON_TOOL, "type": "tool"}


def wanted_schema(response_format: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of a `response_format`; LiteLLM's callers may also write it as `response_schema`."""
    found = response_format.get("response_schema")
    if response_format.get("type") == "json_schema" and found is None:
        found = as_object(response_format.get("json_schema")).get("schema")
        if found is None:
            raise BadRequestError("response_format: json_schema needs a schema.", param="response_format")
    return found if isinstance(found, dict) else None
