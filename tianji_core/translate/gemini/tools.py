"""Tools and the choice among them, as Google's `tools` and `toolConfig`.

Sources: Google's "Function calling" page (declarations, modes, names), and those of its own tools ("Grounding with
Google Search", "URL context", "Code execution", …). Google takes all functions in one tool, each of its own tools in
another.
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.errors import BadRequestError, UnsupportedCapabilityError, UnsupportedParamsError
from tianji_core.translate.gemini.members import camel, documented
from tianji_core.translate.gemini.names import FunctionNames
from tianji_core.translate.gemini.schema import has_members, to_gemini_schema
from tianji_core.translate.shapes import as_list, as_object, as_text, objects

Tool = dict[str, Any]

NATIVE = frozenset(
    {
        "codeExecution",
        "computerUse",
        "enterpriseWebSearch",
        "fileSearch",
        "googleMaps",
        "googleSearch",
        "googleSearchRetrieval",
        "retrieval",
        "urlContext",
    }
)
"""Google's own tools; callers may also write them in snake_case, or as `{"type": …}`."""
_KINDS = {
    "code_execution": "codeExecution",
    "code_interpreter": "codeExecution",
    "google_search": "googleSearch",
    "url_context": "urlContext",
    "web_search": "googleSearch",
    "web_search_preview": "googleSearch",
}
"""Hosted tools by the `type` that OpenAI or Google's names give them; a date behind the name does not matter."""
SEARCHES = frozenset({"enterpriseWebSearch", "googleSearch", "googleSearchRetrieval"})


def tool_members(body: dict[str, Any], names: FunctionNames | None = None, *, drop: bool = False) -> dict[str, Any]:
    """`tools` and `toolConfig` of a chat body, as far as there is something to say.

    Raises BadRequestError or one of its kinds for tools that Google does not have. `drop` allows leaving out what it
    has no word for.
    """
    names = names or FunctionNames.of(body)
    functions, hosted = _sorted(as_list(body.get("tools")), body.get("tool_choice"), names)
    if body.get("web_search_options") is not None and not any(SEARCHES & tool.keys() for tool in hosted):
        hosted.append({"googleSearch": {}})
    config = as_object(documented(_either(body, "tool_config")))
    if functions and not _combines(config):
        # Searching beside functions is refused, unless the caller has asked for the mode that allows it.
        hosted = [tool for tool in hosted if not SEARCHES & tool.keys()]
    if body.get("parallel_tool_calls") is False and len(functions) > 1 and not drop:
        raise UnsupportedParamsError(
            "Gemini cannot be kept from calling several tools at once: parallel_tool_calls=false is not supported with "
            "more than one tool. To drop it set `drop_params: true` in litellm_settings or litellm_params.",
            param="parallel_tool_calls",
        )
    tools = [{"functionDeclarations": functions}, *hosted] if functions else hosted
    members: dict[str, Any] = {"tools": tools} if tools else {}
    if functions and (calling := _calling(body.get("tool_choice"), names)) is not None:
        config = {**config, "functionCallingConfig": calling}
    if config:
        members["toolConfig"] = config
    return members


def _sorted(tools: list[Any], choice: Any, names: FunctionNames) -> tuple[list[Tool], list[Tool]]:
    """The functions, and Google's own tools."""
    functions: list[Tool] = []
    hosted: list[Tool] = []
    allowed = _allowed_names(choice, names)
    for index, tool in enumerate(tools):
        if not isinstance(tool, dict):
            raise BadRequestError(f"tools[{index}] must be an object.", param="tools")
        own = _native(tool)
        if own is not None:
            hosted.append(own)
        elif declared := objects(_either(tool, "function_declarations")):
            functions += documented(declared)
        else:
            functions.append(_declaration(tool, index, names))
    return [each for each in functions if allowed is None or each.get("name") in allowed], hosted


def _native(tool: Tool) -> Tool | None:
    """A tool of Google's own, None if it is none."""
    for name, options in tool.items():
        if (found := camel(name)) in NATIVE:
            return {found: documented(options) if isinstance(options, dict) else {}}
    kind = as_text(tool.get("type"))
    known = (each for prefix, each in _KINDS.items() if kind == prefix or kind.startswith(f"{prefix}_2"))
    return next(({each: {}} for each in known), None)


def _declaration(tool: Tool, index: int, names: FunctionNames) -> Tool:
    """An OpenAI function as a `FunctionDeclaration`."""
    function = as_object(tool.get("function"))
    if not function and tool.get("type") in (None, "function"):
        function = tool  # as the Responses API writes it
    if "function" not in tool and tool.get("type") not in (None, "function"):
        raise UnsupportedCapabilityError(f"tools[{index}]: Gemini has no tool {tool.get('type')!r}.", param="tools")
    name = as_text(function.get("name"))
    if not name:
        raise BadRequestError(f"tools[{index}]: a function tool needs function.name.", param="tools")
    declaration: Tool = {"name": names.to_vendor(name)}
    if description := as_text(function.get("description")):
        declaration["description"] = description
    parameters = as_object(function.get("parameters"))
    schema = to_gemini_schema(parameters) if parameters else {}
    if schema and has_members(schema):
        declaration["parameters"] = {"type": "object", **schema} if "anyOf" not in schema else schema
    return declaration


def _calling(choice: Any, names: FunctionNames) -> dict[str, Any] | None:
    """`functionCallingConfig` for a `tool_choice`."""
    modes = {"auto": "AUTO", "required": "ANY", "any": "ANY", "none": "NONE"}
    if choice is None:
        return None
    if isinstance(choice, str) and choice in modes:
        return {"mode": modes[choice]}
    if isinstance(choice, dict):
        name = as_text(as_object(choice.get("function")).get("name")) or as_text(choice.get("name"))
        if choice.get("type") in ("function", "tool") and name:
            return {"mode": "ANY", "allowedFunctionNames": [names.to_vendor(name)]}
        if choice.get("type") == "allowed_tools":
            mode = as_object(choice.get("allowed_tools")).get("mode")
            return {"mode": "ANY" if mode == "required" else "AUTO"}
        if as_text(choice.get("type")) in modes:
            return {"mode": modes[choice["type"]]}
    raise BadRequestError("tool_choice must be auto, required, none or name a function.", param="tool_choice")


def _allowed_names(choice: Any, names: FunctionNames) -> set[str] | None:
    """The functions that OpenAI's `allowed_tools` choice leaves; None for all."""
    allowed = as_object(as_object(choice).get("allowed_tools"))
    if not isinstance(allowed.get("tools"), list):
        return None
    tools = objects(allowed["tools"])
    called = (as_text(as_object(tool.get("function")).get("name") or tool.get("name")) for tool in tools)
    return {names.to_vendor(name) for name in called}


def _combines(config: dict[str, Any]) -> bool:
    return bool(config.get("includeServerSideToolInvocations"))


def _either(members: dict[str, Any], name: str) -> Any:
    """A member by either of its spellings."""
    return members.get(name) if members.get(camel(name)) is None else members[camel(name)]
