"""A chat-completions body as a body of the Messages API.

Pure functions on dicts, for every host of Claude: the vendor's own API, Bedrock, Vertex AI. Source: Anthropic's
"Messages" API reference and "OpenAI SDK compatibility" page; what is not named here is passed on as it came.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tianji_core.api.errors import BadRequestError, UnsupportedParamsError
from tianji_core.translate.anthropic.betas import EFFORT, STRUCTURED_OUTPUTS, betas_for
from tianji_core.translate.anthropic.mending import mend
from tianji_core.translate.anthropic.messages import Conversation, chat_to_messages
from tianji_core.translate.anthropic.models import FALLBACK_MAX_TOKENS, Traits
from tianji_core.translate.anthropic.names import ToolNames
from tianji_core.translate.anthropic.structured import apply_response_format
from tianji_core.translate.anthropic.thinking import budget_of, is_thinking, thinking_members
from tianji_core.translate.anthropic.tools import (
    DUMMY_TOOL,
    allowed_tools,
    convert_tool_choice,
    convert_tools,
    web_search_tool,
)
from tianji_core.translate.shapes import as_list, as_object, as_text, objects

_TRANSLATED = frozenset(
    {
        "anthropic_beta",
        "max_completion_tokens",
        "max_tokens",
        "mcp_servers",
        "messages",
        "metadata",
        "model",
        "output_config",
        "parallel_tool_calls",
        "reasoning_effort",
        "response_format",
        "stop",
        "stream",
        "stream_options",
        "thinking",
        "tool_choice",
        "tools",
        "user",
        "web_search_options",
    }
)
"""Members with a translation of their own; all others (`temperature`, `top_k`, `container`, …) are the vendor's."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+?[\d\s().-]{7,}")


@dataclass(frozen=True, slots=True)
class MessagesRequest:
    """A body of the Messages API and the beta features it needs. `model` and `stream` are the host's to add."""

    body: dict[str, Any]
    betas: list[str]


def chat_to_anthropic(
    body: dict[str, Any], traits: Traits, *, modify: bool = False, drop: bool = False
) -> MessagesRequest:
    """The vendor's request for a chat body, which is left as it is.

    Raises BadRequestError or one of its kinds for what cannot be said to this vendor. `modify` allows changing what
    the vendor would refuse (`mending`), `drop` leaving out parameters whose values it would refuse.
    """
    names = ToolNames.of(body)
    conversation = chat_to_messages(body["messages"], names, inline_system=traits.inline_system)
    request: dict[str, Any] = {"messages": conversation.messages}
    if conversation.system:
        request["system"] = conversation.system
    request.update((name, value) for name, value in body.items() if name not in _TRANSLATED and value is not None)
    if not traits.sampling:
        leave_sampling_out(request, drop=drop)
    request.update(thinking_members(body, traits))
    _add_tools(request, body, conversation, names)
    apply_response_format(request, body, traits)
    _drop_forced_choice(request)
    if stops := _stop_sequences(body.get("stop"), keep_blank=not (modify or drop)):
        request["stop_sequences"] = stops
    if (user_id := _user_id(body)) is not None:
        request["metadata"] = {"user_id": user_id}
    request["max_tokens"] = _max_tokens(body, request.get("thinking"), traits)
    if modify:
        mend(request, traits)
    return MessagesRequest(request, _betas(body, request, traits))


def _add_tools(request: dict[str, Any], body: dict[str, Any], conversation: Conversation, names: ToolNames) -> None:
    choice = body.get("tool_choice")
    tools, servers = convert_tools(allowed_tools(as_list(body.get("tools")), choice), names)
    if body.get("web_search_options") is not None:
        tools.append(web_search_tool(body["web_search_options"]))
    servers = [*objects(body.get("mcp_servers")), *servers]
    if servers:
        request["mcp_servers"] = servers
    if tools or servers:
        # Without tools a choice says nothing, and the vendor refuses it.
        converted = convert_tool_choice(choice, body.get("parallel_tool_calls"), names)
        if converted is not None:
            request["tool_choice"] = converted
    elif conversation.has_tool_blocks():
        tools = [DUMMY_TOOL]
    if tools:
        request["tools"] = tools


def _drop_forced_choice(request: dict[str, Any]) -> None:
    """While thinking, the vendor refuses a forced call ("Extended thinking", limits): leave it to the model."""
    choice = request.get("tool_choice")
    if choice is None or choice["type"] not in ("any", "tool") or not is_thinking(request.get("thinking")):
        return
    if choice.get("disable_parallel_tool_use"):
        request["tool_choice"] = {"type": "auto", "disable_parallel_tool_use": True}
    else:
        del request["tool_choice"]


def leave_sampling_out(request: dict[str, Any], *, drop: bool) -> None:
    """Newer models sample by themselves: of these parameters they take the neutral value or none."""
    for name in ("temperature", "top_p"):
        value = request.pop(name, 1)
        if value != 1 and not drop:
            raise UnsupportedParamsError(
                f"This model does not support {name}={value}: only 1 is supported. To drop such values set "
                "`drop_params: true` in litellm_settings or litellm_params.",
                param=name,
            )
    if drop:
        request.pop("top_k", None)


def _stop_sequences(stop: Any, *, keep_blank: bool) -> list[str]:
    """The stop sequences; those of nothing but white space are refused by the vendor."""
    if stop is None:
        return []
    stops = [stop] if isinstance(stop, str) else stop
    if not isinstance(stops, list) or not all(isinstance(one, str) for one in stops):
        raise BadRequestError("stop must be a string or an array of strings.", param="stop")
    return [one for one in stops if keep_blank or one.strip()]


def _user_id(body: dict[str, Any]) -> str | None:
    """`metadata.user_id`: of the body's own metadata, or `user` if it does not look like an address or a number.

    Anthropic takes no other member of `metadata`, and wants no names, e-mail addresses or phone numbers there.
    """
    if own := as_text(as_object(body.get("metadata")).get("user_id")):
        return own
    user = as_text(body.get("user"))
    if not user or _EMAIL.fullmatch(user) or _PHONE.fullmatch(user):
        return None
    return user


def _max_tokens(body: dict[str, Any], thinking: Any, traits: Traits) -> int:
    """The longest answer: as asked, else all that the model can, or what its thinking leaves room for."""
    for name in ("max_completion_tokens", "max_tokens"):
        asked = body.get(name)
        if isinstance(asked, int):
            return asked
    budget = budget_of(thinking)
    if not budget:
        return traits.max_tokens
    wanted = budget + FALLBACK_MAX_TOKENS
    return min(wanted, traits.max_tokens) if budget < traits.max_tokens and traits.max_tokens_known else wanted


def _betas(body: dict[str, Any], request: dict[str, Any], traits: Traits) -> list[str]:
    asked = body.get("anthropic_beta")
    betas = [asked] if isinstance(asked, str) else [beta for beta in as_list(asked) if isinstance(beta, str)]
    betas += betas_for(request)
    if traits.json_schema == "beta" and any(tool.get("strict") for tool in request.get("tools") or ()):
        betas.append(STRUCTURED_OUTPUTS)
    if traits.effort_beta and as_object(request.get("output_config")).get("effort"):
        betas.append(EFFORT)
    return list(dict.fromkeys(betas))
