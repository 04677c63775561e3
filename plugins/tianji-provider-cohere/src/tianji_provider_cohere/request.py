"""From a chat request in OpenAI's shape to the body of Cohere's `/v2/chat`.

Source: Cohere's "Chat" API reference, and its pages on tool use, structured outputs and reasoning.
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.errors import BadRequestError, UnsupportedCapabilityError
from tianji_core.api.provider import Body, ModelRequest
from tianji_core.openai_compat.messages import clean_part, clean_tools

RENAMED = {"top_p": "p", "top_k": "k", "max_completion_tokens": "max_tokens"}
LEFT_OUT = ("stop", "stream", "stream_options", "user")
BUDGETS = {"minimal": 1024, "low": 1024, "medium": 4096}
"""Tokens to think for an effort; the higher ones leave it to the model."""


def thinks(model: str) -> bool:
    """Whether a model is known to reason: those called so, and Command A+."""
    name = model.lower()
    return "reasoning" in name or "command-a-plus" in name


def chat_body(request: ModelRequest) -> Body:
    """The body. Members that are not OpenAI's go on as they are. Raises BadRequestError for what cannot be said."""
    source = request.body
    body: Body = {name: value for name, value in source.items() if name not in LEFT_OUT and name not in RENAMED}
    for name, theirs in RENAMED.items():
        if source.get(name) is not None:
            body[theirs] = source[name]
    stop = source.get("stop")
    if stop:
        body["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    if request.stream:
        body["stream"] = True
    body["messages"] = [_message(message, index) for index, message in enumerate(source["messages"])]
    _choose_tools(body)
    if isinstance(body.get("response_format"), dict):
        body["response_format"] = _format(body["response_format"])
    _think(body)
    return body


def _message(message: Body, index: int) -> Body:
    role = message.get("role")
    if role in ("system", "developer"):
        return {"role": "system", "content": _content(message, index)}
    if role == "user":
        return {"role": "user", "content": _content(message, index)}
    if role == "tool":
        return {"role": "tool", "tool_call_id": message.get("tool_call_id"), "content": _content(message, index)}
    if role == "assistant":
        return _assistant(message, index)
    raise BadRequestError(f"messages[{index}]: Cohere has no role {role!r}.", param="messages")


def _assistant(message: Body, index: int) -> Body:
    """What the model said before. The plan it made for its calls is Cohere's own and goes back to it."""
    converted: Body = {"role": "assistant"}
    calls = message.get("tool_calls")
    if message.get("content") or not calls:
        converted["content"] = _content(message, index)
    if calls:
        own = message.get("provider_specific_fields")
        if isinstance(own, dict) and isinstance(own.get("tool_plan"), str):
            converted["tool_plan"] = own["tool_plan"]
        converted["tool_calls"] = [
            {name: value for name, value in call.items() if name in ("id", "type", "function")}
            for call in calls
            if isinstance(call, dict)
        ]
    return converted


def _content(message: Body, index: int) -> Any:
    content = message.get("content")
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise BadRequestError(f"messages[{index}]: content must be a string or an array.", param="messages")
    return [_part(part, index) for part in content]


def _part(part: Any, index: int) -> Body:
    if not isinstance(part, dict):
        raise BadRequestError(f"messages[{index}]: a part of the content must be an object.", param="messages")
    kind = part.get("type")
    if kind in ("file", "input_audio", "video_url"):
        raise UnsupportedCapabilityError(f"messages[{index}]: Cohere takes no {kind} parts.", param="messages")
    return clean_part(part)


def _choose_tools(body: Body) -> None:
    """Tools without what is others', and the choice among them: Cohere knows none, any, and its own judgement."""
    tools, choice = body.get("tools"), body.pop("tool_choice", None)
    if not tools:
        body.pop("tools", None)
        return
    tools = clean_tools(tools)
    if isinstance(choice, dict):
        function = choice.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        tools = [tool for tool in tools if _name(tool) == name]
        if not name or not tools:
            raise BadRequestError("tool_choice names no function among the tools.", param="tool_choice")
        choice = "required"
    if choice in ("required", "none"):
        body["tool_choice"] = choice.upper()
    elif choice not in (None, "auto"):
        raise BadRequestError("tool_choice must be auto, required, none or name a function.", param="tool_choice")
    body["tools"] = tools


def _name(tool: Any) -> Any:
    function = tool.get("function") if isinstance(tool, dict) else None
    return function.get("name") if isinstance(function, dict) else None


def _format(asked: Body) -> Body:
    """A schema is a member of `json_object` at Cohere."""
    if asked.get("type") != "json_schema":
        return asked
    named = asked.get("json_schema")
    schema = named.get("schema") if isinstance(named, dict) else None
    return {"type": "json_object", **({"json_schema": schema} if isinstance(schema, dict) else {})}


def _think(body: Body) -> None:
    """`reasoning_effort` as a budget; a `thinking` of the caller's wins, and may have Anthropic's form."""
    effort, thinking = body.pop("reasoning_effort", None), body.get("thinking")
    if isinstance(thinking, dict):
        if "budget_tokens" in thinking:
            rest = {name: value for name, value in thinking.items() if name != "budget_tokens"}
            body["thinking"] = {**rest, "token_budget": thinking["budget_tokens"]}
    elif effort in ("none", "disable"):
        body["thinking"] = {"type": "disabled"}
    elif effort is not None:
        budget = BUDGETS.get(str(effort))
        body["thinking"] = {"type": "enabled", **({"token_budget": budget} if budget else {})}
