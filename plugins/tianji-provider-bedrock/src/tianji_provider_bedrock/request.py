"""A chat-completions body as a body of Converse.

Sources: Bedrock API reference, `Converse`; User Guide, "Structured outputs".
"""

from __future__ import annotations

from typing import Any

import orjson

from tianji_core.api.errors import UnsupportedParamsError
from tianji_core.translate.anthropic.betas import EFFORT, betas_for, join_betas
from tianji_core.translate.anthropic.schema import output_schema
from tianji_core.translate.anthropic.structured import JSON_TOOL, wanted_schema
from tianji_core.translate.anthropic.thinking import is_thinking
from tianji_core.translate.anthropic.tools import allowed_tools
from tianji_core.translate.shapes import as_list, as_object, as_text
from tianji_provider_bedrock.inference import add_reasoning, inference_config
from tianji_provider_bedrock.messages import Conversation, Converter, Names
from tianji_provider_bedrock.models import Traits
from tianji_provider_bedrock.tools import DUMMY, convert_tool_choice, convert_tools, dummy_tool, tool_spec

PARAMS = frozenset(
    {
        "max_completion_tokens",
        "max_tokens",
        "n",
        "parallel_tool_calls",
        "response_format",
        "service_tier",
        "stop",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_p",
        "user",
    }
)
"""OpenAI's parameters that Converse takes for every model, of `n` only 1. `user` is taken and left out."""

_OWN = (
    "additionalModelResponseFieldPaths",
    "outputConfig",
    "performanceConfig",
    "promptVariables",
    "requestMetadata",
    "serviceTier",
)
"""Members of Converse's body that callers may write themselves."""
_TRANSLATED = frozenset(
    {
        "additionalModelRequestFields",
        "anthropic_beta",
        "guardrailConfig",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "model",
        "n",
        "output_config",
        "parallel_tool_calls",
        "reasoning_effort",
        "response_format",
        "service_tier",
        "stop",
        "stream",
        "stream_options",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
        "user",
        "web_search_options",
        *_OWN,
    }
)
"""Members with a place of their own; all others go to the model in `additionalModelRequestFields`."""


def supported_params(traits: Traits) -> frozenset[str]:
    """The OpenAI parameters that Converse takes for a model."""
    return PARAMS.union(
        ["reasoning_effort"] if traits.reasoning != "none" else [], ["web_search_options"] if traits.nova else []
    )


def chat_to_converse(
    body: dict[str, Any],
    traits: Traits,
    *,
    stream: bool = False,
    modify: bool = False,
    drop: bool = False,
    betas: str | None = None,
) -> dict[str, Any]:
    """The vendor's request for a chat body, which is left as it is. `betas` are those of the client's header field.

    Raises BadRequestError or one of its kinds for what cannot be said to this vendor or model.
    """
    _check_n(body, drop=drop)
    names = Names.of(body)
    converter = Converter(traits, names)
    conversation = converter.conversation(body["messages"], modify=modify)
    request: dict[str, Any] = {"messages": conversation.messages()}
    extra = {name: value for name, value in body.items() if name not in _TRANSLATED and value is not None}
    extra.update(as_object(body.get("additionalModelRequestFields")))
    add_reasoning(extra, body, traits)
    if modify and is_thinking(extra.get("thinking")) and _thinking_is_lost(conversation):
        del extra["thinking"]
    request["inferenceConfig"] = inference_config(body, extra, traits, modify=modify, drop=drop)
    if conversation.system:
        request["system"] = conversation.system
    request.update((name, body[name]) for name in _OWN if body.get(name) is not None)
    if traits.reasoning == "claude" and is_thinking(extra.get("thinking")):
        request.setdefault("additionalModelResponseFieldPaths", ["/usage/output_tokens_details"])
    _add_tools(request, extra, body, traits, conversation, converter, names, drop=drop)
    _add_format(request, body, traits, thinking=is_thinking(extra.get("thinking")))
    if guardrail := as_object(body.get("guardrailConfig")):
        kept = {name: value for name, value in guardrail.items() if stream or name != "streamProcessingMode"}
        request["guardrailConfig"] = kept
    if tier := as_text(body.get("service_tier")):
        request.setdefault("serviceTier", {"type": "default" if tier == "auto" else tier})
    _add_betas(extra, body, traits, betas)
    if extra:
        request["additionalModelRequestFields"] = extra
    return request


def _check_n(body: dict[str, Any], *, drop: bool) -> None:
    if body.get("n") not in (None, 1) and not drop:
        raise UnsupportedParamsError("Bedrock makes one choice only: n must be 1.", param="n")


def _thinking_is_lost(conversation: Conversation) -> bool:
    """Whether the last answer calls tools and its reasoning was not sent back: its signature cannot be made up."""
    last = next((turn for turn in reversed(conversation.turns) if turn.role == "assistant"), None)
    if last is None or not any("toolUse" in block for block in last.content):
        return False
    return "reasoningContent" not in last.content[0]


def _add_tools(
    request: dict[str, Any],
    extra: dict[str, Any],
    body: dict[str, Any],
    traits: Traits,
    conversation: Conversation,
    converter: Converter,
    names: Names,
    *,
    drop: bool,
) -> None:
    wanted, choice = as_list(body.get("tools")), body.get("tool_choice")
    if as_object(choice).get("type", choice) == "none":
        # There is no such choice: without tools nothing can be called, but a history with calls wants them declared.
        choice = None
        if not conversation.has_tool_blocks():
            wanted = []
        elif wanted and not drop:
            raise UnsupportedParamsError(
                "Bedrock has no tool_choice `none` in a conversation that holds calls of tools. To leave the choice "
                "out set `drop_params: true` in litellm_settings or litellm_params.",
                param="tool_choice",
            )
    tools, hosted = convert_tools(allowed_tools(wanted, choice), traits, names, converter)
    if traits.nova and body.get("web_search_options") is not None:
        tools.append({"systemTool": {"name": "nova_grounding"}})
    if hosted:
        extra["tools"] = [*as_list(extra.get("tools")), *hosted]
    converted = convert_tool_choice(choice, names) if tools else None
    if converted is not None and is_thinking(extra.get("thinking")) and "auto" not in converted:
        converted = None  # Claude refuses a forced call while thinking
    if not tools and (hosted or conversation.has_tool_blocks()):
        tools = [dummy_tool(traits)]
    if tools:
        request["toolConfig"] = {"tools": tools, **({"toolChoice": converted} if converted else {})}
    if tools and traits.serial_tools and body.get("parallel_tool_calls") is False:
        extra.setdefault("tool_choice", {**_claude_choice(converted), "disable_parallel_tool_use": True})


def _claude_choice(choice: dict[str, Any] | None) -> dict[str, Any]:
    """A choice in Claude's own form, for what Converse has no word for."""
    kind = next(iter(choice), "auto") if choice else "auto"
    return {"type": kind, **as_object((choice or {}).get(kind))}


def _add_format(request: dict[str, Any], body: dict[str, Any], traits: Traits, *, thinking: bool) -> None:
    """Hold the answer to a schema. A wish for JSON without one is for the prompt to say: there is no such mode."""
    response_format = as_object(body.get("response_format"))
    schema = wanted_schema(response_format)
    if schema is None:
        return
    if traits.native_schema:
        told = as_object(response_format.get("json_schema"))
        if traits.claude is not None:
            schema = output_schema(schema)
        wanted = {"schema": orjson.dumps(schema).decode()}
        wanted.update((name, told[name]) for name in ("name", "description") if as_text(told.get(name)))
        text_format = {"type": "json_schema", "structure": {"jsonSchema": wanted}}
        request["outputConfig"] = {"textFormat": text_format, **as_object(request.get("outputConfig"))}
        return
    config = request.setdefault("toolConfig", {"tools": []})
    own = [tool for tool in config["tools"] if tool.get("toolSpec", {}).get("name") not in (None, DUMMY)]
    config["tools"] = [*config["tools"], tool_spec(JSON_TOOL, JSON_TOOL, schema, traits)]
    if thinking or "tool" in config.get("toolChoice", {}):
        return  # while thinking nothing can be forced; the caller's own tool comes first
    # Either a call or the answer by its tool; without other tools, the answer.
    config["toolChoice"] = {"any": {}} if own else {"tool": {"name": JSON_TOOL}}


def _add_betas(extra: dict[str, Any], body: dict[str, Any], traits: Traits, betas: str | None) -> None:
    asked = body.get("anthropic_beta")
    given = [asked] if isinstance(asked, str) else [beta for beta in as_list(asked) if isinstance(beta, str)]
    if traits.claude is None:
        if given:
            extra["anthropic_beta"] = given
        return
    needed = betas_for({**extra, "messages": []})
    if traits.claude.effort_beta and as_object(extra.get("output_config")).get("effort"):
        needed.append(EFFORT)
    if found := join_betas(betas, given, needed):
        extra["anthropic_beta"] = found.split(",")
