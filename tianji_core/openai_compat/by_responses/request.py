"""A chat request as a Responses request."""

from __future__ import annotations

from typing import Any

from tianji_core.api.provider import Body
from tianji_core.openai_compat.by_responses.items import input_of
from tianji_core.translate.shapes import as_list, as_object, objects

MIN_TOKENS = 16
"""The least that the vendor takes as `max_output_tokens`."""
ENCRYPTED = "reasoning.encrypted_content"
LOGPROBS = "message.output_text.logprobs"

NEUTRAL: dict[str, tuple[Any, ...]] = {
    "audio": (),
    "frequency_penalty": (0,),
    "function_call": (),
    "functions": (),
    "logit_bias": ({},),
    "modalities": (["text"],),
    "n": (1,),
    "prediction": (),
    "presence_penalty": (0,),
    "seed": (),
    "stop": ([],),
}
"""Chat parameters that Responses have nothing for, with the values that ask for nothing."""

_TRANSLATED = frozenset(
    {
        *NEUTRAL,
        "include",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "reasoning",
        "reasoning_effort",
        "response_format",
        "stream_options",
        "text",
        "tool_choice",
        "tools",
        "verbosity",
        "web_search_options",
    }
)


def unsayable(body: Body) -> list[str]:
    """The parameters of a chat request that mean something and have no equivalent."""
    return [n for n, same in NEUTRAL.items() if body.get(n) is not None and body[n] not in same]


def responses_request(chat: Body, *, system: str | None, thinks: bool) -> Body:
    """The Responses request that asks for the same. Nothing of `chat` is changed. Raises BadRequestError.

    Nothing is stored at the vendor unless the request says `store`: chat does not store either. Of models that think
    the state of their reasoning is asked for, so that it can be sent back; others refuse to be asked.
    """
    body: Body = {key: value for key, value in chat.items() if key not in _TRANSLATED}
    # The vendor wants the word JSON in the input where JSON without a schema is asked for; instructions do not count.
    instructs = as_object(chat.get("response_format")).get("type") != "json_object"
    instructions, body["input"] = input_of(chat["messages"], system, instructs=instructs)
    if instructions is not None:
        body["instructions"] = instructions
    if body.get("store") is None:
        body["store"] = False
    limit = chat.get("max_completion_tokens")
    limit = chat.get("max_tokens") if limit is None else limit
    if limit is not None:
        body["max_output_tokens"] = max(limit, MIN_TOKENS)
    include = list(as_list(chat.get("include")))
    wanted = [ENCRYPTED] if thinks else []
    wanted += [LOGPROBS] if chat.get("logprobs") else []
    include += [name for name in wanted if name not in include]
    if include:
        body["include"] = include
    _add_tools(body, chat)
    _add_reasoning(body, chat)
    _add_text(body, chat)
    obfuscation = as_object(chat.get("stream_options")).get("include_obfuscation")
    if obfuscation is not None:
        body["stream_options"] = {"include_obfuscation": obfuscation}
    return body


def _add_tools(body: Body, chat: Body) -> None:
    tools = [_tool(tool) for tool in objects(chat.get("tools"))]
    search = chat.get("web_search_options")
    if isinstance(search, dict):
        tools.append(_search(search))
    if not tools:
        return
    body["tools"] = tools
    choice = chat.get("tool_choice")
    if choice is not None:
        body["tool_choice"] = _choice(choice)


def _tool(tool: Body) -> Body:
    """A function without its wrapper. `strict` is said, since it is the default here and not of chat.

    Tools of other types run at the vendor and go on as they are.
    """
    function = tool.get("function")
    if tool.get("type") != "function" or not isinstance(function, dict):
        return {key: value for key, value in tool.items() if key != "cache_control"}
    found: Body = {"type": "function", "name": function.get("name")}
    if function.get("description"):
        found["description"] = function["description"]
    found["parameters"] = function.get("parameters") or {"type": "object", "properties": {}}
    found["strict"] = function.get("strict") is True
    return found


def _search(options: Body) -> Body:
    found: Body = {"type": "web_search"}
    if options.get("search_context_size"):
        found["search_context_size"] = options["search_context_size"]
    location = options.get("user_location")
    if isinstance(location, dict):
        found["user_location"] = {"type": "approximate", **as_object(location.get("approximate", location))}
    return found


def _choice(choice: Any) -> Any:
    if not isinstance(choice, dict):
        return choice
    inner = choice.get(str(choice.get("type")))
    if not isinstance(inner, dict):
        return choice
    found: Body = {"type": choice["type"], **inner}
    if choice["type"] == "allowed_tools":
        found["tools"] = [{"type": t.get("type"), **as_object(t.get("function"))} for t in objects(inner.get("tools"))]
    return found


def _add_reasoning(body: Body, chat: Body) -> None:
    effort = chat.get("reasoning_effort")
    reasoning = dict(as_object(chat.get("reasoning")))
    reasoning.update(effort if isinstance(effort, dict) else {"effort": effort} if effort else {})
    if reasoning:
        body["reasoning"] = reasoning


def _add_text(body: Body, chat: Body) -> None:
    text = dict(as_object(chat.get("text")))
    wanted = as_object(chat.get("response_format"))
    if wanted:
        schema = wanted.get("json_schema") if wanted.get("type") == "json_schema" else None
        text["format"] = {"type": "json_schema", **schema} if isinstance(schema, dict) else wanted
    if chat.get("verbosity"):
        text["verbosity"] = chat["verbosity"]
    if text:
        body["text"] = text
