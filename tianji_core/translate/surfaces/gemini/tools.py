"""Google's `tools` and `toolConfig` as chat has them.

Sources: the `Tool`, `FunctionDeclaration` and `ToolConfig` types of the Gemini API reference.
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body
from tianji_core.translate.gemini.tools import SEARCHES
from tianji_core.translate.shapes import as_list, as_object, as_text
from tianji_core.translate.surfaces.gemini.schema import json_schema
from tianji_core.translate.surfaces.tools import listed

_MODES = {"AUTO": "auto", "ANY": "required", "NONE": "none", "VALIDATED": "auto"}


def add_tools(body: Body, chat: Body) -> None:
    """Put the tools and the choice among them into a chat body. Raises BadRequestError.

    Searching the web is a wish of its own in chat. Google's other tools stay as they are: its own models are told of
    them by chat too.
    """
    functions: list[Body] = []
    own: list[Body] = []
    for index, tool in enumerate(listed(body.get("tools"))):
        for name, options in tool.items():
            if name == "functionDeclarations":
                functions += [_function(each, f"tools[{index}]") for each in as_list(options)]
            elif name in SEARCHES:
                chat["web_search_options"] = {}
            else:
                own.append({name: options})
    config = as_object(as_object(body.get("toolConfig")).get("functionCallingConfig"))
    if functions:
        functions = _add_choice(config, functions, chat)
    if functions or own:
        chat["tools"] = [*functions, *own]


def foreign_tool(body: Body) -> str | None:
    """A tool that runs at Google, by its name; None if none does. Searches count as everybody's."""
    for tool in listed(body.get("tools")):
        found = next((name for name in tool if name != "functionDeclarations" and name not in SEARCHES), None)
        if found is not None:
            return found
    return None


def _function(declaration: Any, where: str) -> Body:
    declaration = as_object(declaration)
    name = as_text(declaration.get("name"))
    if not name:
        raise BadRequestError(f"{where}: a function declaration needs a name.", param="tools")
    function: Body = {"name": name}
    if declaration.get("description"):
        function["description"] = declaration["description"]
    given = declaration.get("parametersJsonSchema")
    function["parameters"] = given if isinstance(given, dict) else json_schema(declaration.get("parameters"))
    if not function["parameters"]:
        function["parameters"] = {"type": "object", "properties": {}}
    return {"type": "function", "function": function}


def _add_choice(config: Body, functions: list[Body], chat: Body) -> list[Body]:
    """Put the choice into the chat body; gives the functions that it leaves."""
    mode = as_text(config.get("mode")).upper()
    if mode not in ("", "MODE_UNSPECIFIED", *_MODES):
        raise BadRequestError(f"mode must be one of {', '.join(_MODES)}.", param="toolConfig")
    allowed = config.get("allowedFunctionNames")
    if isinstance(allowed, list) and allowed and mode != "NONE":
        functions = [each for each in functions if each["function"]["name"] in allowed]
    if mode in _MODES and functions:
        chat["tool_choice"] = _MODES[mode]
        if mode == "ANY" and allowed and len(functions) == 1:
            chat["tool_choice"] = {"type": "function", "function": {"name": functions[0]["function"]["name"]}}
    return functions
