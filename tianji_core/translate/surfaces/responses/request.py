"""A Responses request as a chat request."""

from __future__ import annotations

from typing import Any

from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body
from tianji_core.translate.surfaces.responses.items import messages_of
from tianji_core.translate.surfaces.tools import listed

SAME = (
    "temperature",
    "top_p",
    "parallel_tool_calls",
    "user",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "top_logprobs",
)
"""Parameters that chat has by the same name."""
_TRANSLATED = frozenset({"input", "instructions", "max_output_tokens", "tools", "tool_choice", "text", "reasoning"})
_RESPONSES_ONLY = frozenset(
    {
        "background",
        "context_management",
        "conversation",
        "include",
        "max_tool_calls",
        "metadata",
        "previous_response_id",
        "prompt",
        "store",
        "stream_options",
        "truncation",
    }
)
_HOSTED = ("web_search", "web_search_preview")


def responses_to_chat(body: Body, *, lenient: bool = False) -> Body:
    """The chat request that asks for the same.

    Raises BadRequestError for what only OpenAI's own API has; if `lenient`, such items are put in as text: for requests
    that go out untranslated, and that others want to read.
    """
    if body.get("background") is True:
        raise BadRequestError("background is not supported for this model.", param="background")
    chat: Body = {key: body[key] for key in ("model", "stream", *SAME) if body.get(key) is not None}
    chat["messages"] = _messages(body, lenient)
    if body.get("max_output_tokens") is not None:
        chat["max_tokens"] = body["max_output_tokens"]
    tools, search = _tools(listed(body.get("tools")))
    if tools:
        chat["tools"] = tools
        if body.get("tool_choice") is not None:
            _add_choice(chat, body["tool_choice"])
    else:
        chat.pop("parallel_tool_calls", None)
    if search is not None:
        chat["web_search_options"] = search
    _add_text(chat, body.get("text"))
    reasoning = body.get("reasoning")
    if isinstance(reasoning, dict) and reasoning.get("effort"):
        chat["reasoning_effort"] = reasoning["effort"]
    chat.update((k, v) for k, v in body.items() if k not in _TRANSLATED and k not in _RESPONSES_ONLY and k not in chat)
    return chat


def _messages(body: Body, lenient: bool) -> list[Body]:
    given = body.get("input")
    if isinstance(given, str):
        messages: list[Body] = [{"role": "user", "content": given}]
    elif isinstance(given, list):
        messages = messages_of(given, lenient=lenient)
    else:
        raise BadRequestError("Missing required parameter: 'input'.", param="input")
    instructions = body.get("instructions")
    if isinstance(instructions, str) and instructions:
        messages.insert(0, {"role": "system", "content": instructions})
    return messages


def _tools(tools: list[Body]) -> tuple[list[Body], Body | None]:
    functions: list[Body] = []
    search: Body | None = None
    for index, tool in enumerate(tools):
        kind = tool.get("type")
        if kind == "function":
            names = ("name", "description", "parameters", "strict")
            functions.append({"type": "function", "function": {n: tool[n] for n in names if tool.get(n) is not None}})
        elif kind == "custom":
            functions.append({"type": "function", "function": _custom(tool)})
        elif isinstance(kind, str) and kind.startswith(_HOSTED):
            search = {n: tool[n] for n in ("search_context_size", "user_location") if tool.get(n) is not None}
        elif isinstance(kind, str):
            functions.append(tool)  # it runs at OpenAI, whose models are told of it by chat too
        else:
            raise BadRequestError(f"tools[{index}] must be an object with a type.", param="tools")
    return functions, search


def check_tools(tools: Any) -> None:
    """Raises BadRequestError for tools that run at OpenAI, which nobody else has."""
    for index, tool in enumerate(tools if isinstance(tools, list) else ()):
        kind = tool.get("type") if isinstance(tool, dict) else None
        if isinstance(kind, str) and kind not in ("function", "custom") and not kind.startswith(_HOSTED):
            raise BadRequestError(
                f"tools[{index}]: a tool of type {kind!r} runs at OpenAI, and this model is another vendor's.",
                param="tools",
            )


def _custom(tool: Body) -> Body:
    """A tool that takes free text, as a function of one text."""
    content = {"type": "string", "description": "The input of the tool, as it is."}
    parameters = {"type": "object", "properties": {"content": content}, "required": ["content"]}
    return {"name": tool.get("name"), "description": tool.get("description") or "", "parameters": parameters}


def _add_choice(chat: Body, choice: Any) -> None:
    if isinstance(choice, str):
        chat["tool_choice"] = choice
        return
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind in ("function", "custom"):
        chat["tool_choice"] = {"type": "function", "function": {"name": choice.get("name")}}
    elif kind == "allowed_tools":
        allowed = {tool.get("name") for tool in choice.get("tools") or () if isinstance(tool, dict)}
        chat["tools"] = [
            tool for tool in chat["tools"] if "function" not in tool or tool["function"]["name"] in allowed
        ]
        chat["tool_choice"] = choice.get("mode") or "auto"


def _add_text(chat: Body, text: Any) -> None:
    if not isinstance(text, dict):
        return
    if text.get("verbosity"):
        chat["verbosity"] = text["verbosity"]
    wanted = text.get("format")
    if not isinstance(wanted, dict):
        return
    kind = wanted.get("type")
    if kind == "json_schema":
        schema = {name: wanted[name] for name in ("name", "description", "schema", "strict") if name in wanted}
        chat["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif kind == "json_object":
        chat["response_format"] = {"type": "json_object"}
