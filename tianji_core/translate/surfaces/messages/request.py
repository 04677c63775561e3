"""A Messages request as a chat request."""

from __future__ import annotations

from typing import Any

from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body
from tianji_core.translate.surfaces.messages.content import assistant_message, system_message, user_messages
from tianji_core.translate.surfaces.messages.tools import chat_tool_choice, chat_tools
from tianji_core.translate.surfaces.tools import listed

_SAME = ("model", "max_tokens", "temperature", "top_p", "top_k", "stream", "service_tier", "user")
_TRANSLATED = frozenset(
    {
        "system",
        "messages",
        "stop_sequences",
        "metadata",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "output_format",
    }
)
_ANTHROPICS_OWN = frozenset(
    {"container", "mcp_servers", "context_management", "cache_control", "speed", "inference_geo", "anthropic_beta"}
)
"""Members that no other vendor has anything for; a vendor that speaks Messages itself gets them untranslated."""

EFFORTS = ((16384, "xhigh"), (4096, "high"), (2048, "medium"), (1024, "low"))
"""Tokens of thinking from which on an effort is meant; below the last it is minimal."""


def messages_to_chat(body: Body) -> Body:
    """The chat request that asks for the same. Raises BadRequestError for what makes no sense in either."""
    chat: Body = {key: body[key] for key in _SAME if body.get(key) is not None}
    chat["messages"] = _conversation(body)
    if body.get("stop_sequences"):
        chat["stop"] = body["stop_sequences"]
    metadata = body.get("metadata")
    if isinstance(metadata, dict) and isinstance(metadata.get("user_id"), str):
        chat.setdefault("user", metadata["user_id"])
    _add_tools(body, chat)
    _add_thinking(body, chat)
    _add_format(body, chat)
    chat.update((k, v) for k, v in body.items() if k not in _TRANSLATED and k not in _ANTHROPICS_OWN and k not in chat)
    return chat


def _conversation(body: Body) -> list[Body]:
    result: list[Body] = []
    system = system_message(body.get("system"))
    if system is not None:
        result.append(system)
    for index, message in enumerate(body["messages"]):
        role, content = message.get("role"), message.get("content")
        if not isinstance(content, (str, list)):
            raise BadRequestError(f"messages[{index}].content must be a string or an array.", param="messages")
        if role == "user":
            result += user_messages(content, index)
        elif role == "assistant":
            result.append(assistant_message(content, index))
        elif role == "system":
            found = system_message(content)
            result += [found] if found is not None else []
        else:
            raise BadRequestError(f"messages[{index}].role must be user or assistant.", param="messages")
    return result


def _add_tools(body: Body, chat: Body) -> None:
    tools, search = chat_tools(listed(body.get("tools")))
    if tools:
        chat["tools"] = tools
    if search is not None:
        chat["web_search_options"] = search
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        if tools:
            chat["tool_choice"] = chat_tool_choice(choice)
        if choice.get("disable_parallel_tool_use") is True:
            chat["parallel_tool_calls"] = False


def _add_thinking(body: Body, chat: Body) -> None:
    """What is wished of thinking, as an effort; the budget itself goes to vendors that speak Messages only."""
    config = body.get("output_config")
    effort = config.get("effort") if isinstance(config, dict) else None
    thinking = body.get("thinking")
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    if kind == "disabled":
        chat["reasoning_effort"] = "none"
    elif kind == "enabled" and isinstance(thinking, dict):
        budget = thinking.get("budget_tokens")
        found = next((e for least, e in EFFORTS if isinstance(budget, int) and budget >= least), "minimal")
        chat["reasoning_effort"] = "high" if found == "xhigh" else found
    elif kind == "adaptive":
        chat["reasoning_effort"] = effort or "medium"
    elif isinstance(effort, str):
        chat["reasoning_effort"] = effort


def _add_format(body: Body, chat: Body) -> None:
    config = body.get("output_config")
    wanted: Any = config.get("format") if isinstance(config, dict) else None
    wanted = wanted or body.get("output_format")
    if isinstance(wanted, dict) and wanted.get("type") == "json_schema":
        schema = {"name": "structured_output", "strict": True, "schema": wanted.get("schema")}
        chat["response_format"] = {"type": "json_schema", "json_schema": schema}
