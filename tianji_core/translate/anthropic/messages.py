"""Chat messages as a conversation of the Messages API.

Sources: Anthropic's "Messages" API reference, "Handle tool calls" (results come first in the turn after the call),
"Extended thinking" (signed blocks are sent back unchanged, in front), "Mid-conversation system messages".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from tianji_core.api.errors import BadRequestError
from tianji_core.translate.anthropic.content import (
    EMPTY_TEXT,
    Block,
    content_blocks,
    mark_last,
    marked,
    plain_text,
    text_block,
)
from tianji_core.translate.anthropic.names import ToolNames, clean_id
from tianji_core.translate.encrypted import encrypted_of
from tianji_core.translate.shapes import as_list, as_object, as_text, objects

OPERATOR_NOTE = (
    "Operator note (not from the user): the following was originally a mid-conversation system-role reminder."
)
"""Put before a later system message that has to go as a user's text; the words that LiteLLM uses."""

SERVER_TOOL_ID = "srvtoolu_"
"""How ids of calls begin that the vendor made and answered itself (web search and the like)."""

_SYSTEM_ROLES = ("system", "developer")


@dataclass(slots=True)
class Conversation:
    """What the vendor gets: the `system` blocks, and turns of which no two neighbours have the same role."""

    system: list[Block] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)

    def add(self, role: str, blocks: list[Block]) -> None:
        """Add blocks to the turn that is open, or open one."""
        if not self.messages or self.messages[-1]["role"] != role:
            self.messages.append({"role": role, "content": []})
        content = self.messages[-1]["content"]
        results = [block for block in blocks if block["type"] == "tool_result"]
        if role == "user" and results:
            # "tool_use ids were found without tool_result blocks immediately after" unless they stand in front.
            at = sum(block["type"] == "tool_result" for block in content)
            content[at:at] = results
            blocks = [block for block in blocks if block["type"] != "tool_result"]
        content.extend(blocks)

    @property
    def last_role(self) -> str | None:
        return self.messages[-1]["role"] if self.messages else None

    def has_tool_blocks(self) -> bool:
        """Whether a tool was called or answered: then the vendor wants tools to be declared."""
        return any(block["type"] in ("tool_use", "tool_result") for turn in self.messages for block in turn["content"])


def chat_to_messages(
    messages: list[dict[str, Any]], names: ToolNames | None = None, *, inline_system: bool = False
) -> Conversation:
    """The conversation that these chat messages are. Nothing given is changed or shared where it could be changed.

    `inline_system` says that the model takes `role: "system"` within the conversation.
    """
    names = names or ToolNames()
    conversation = Conversation()
    leading = True
    for index, run in _runs(messages):
        role = run[0].get("role")
        if role in _SYSTEM_ROLES:
            blocks = [block for at, message in enumerate(run, index) for block in _system(message, at)]
            if leading:
                conversation.system = blocks
            elif blocks:
                following = index + len(run)
                before_answer = following == len(messages) or messages[following].get("role") == "assistant"
                if inline_system and before_answer and conversation.last_role == "user":
                    conversation.messages.append({"role": "system", "content": blocks})
                else:
                    conversation.add("user", [text_block(OPERATOR_NOTE), *blocks])
            continue
        leading = False
        _add_turn(conversation, run[0], f"messages[{index}]", names)
    _finish(conversation)
    return conversation


def _runs(messages: list[dict[str, Any]]) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """System messages that follow each other as one run, every other message alone; each with its index."""
    index = 0
    while index < len(messages):
        end = index + 1
        if messages[index].get("role") in _SYSTEM_ROLES:
            while end < len(messages) and messages[end].get("role") in _SYSTEM_ROLES:
                end += 1
        yield index, messages[index:end]
        index = end


def _system(message: dict[str, Any], index: int) -> list[Block]:
    blocks = plain_text(message.get("content"), f"messages[{index}]")
    mark_last(blocks, message.get("cache_control"))
    return blocks


def _add_turn(conversation: Conversation, message: dict[str, Any], where: str, names: ToolNames) -> None:
    role = message.get("role")
    if role == "user":
        blocks = content_blocks(message.get("content"), where)
        mark_last(blocks, message.get("cache_control"))
        conversation.add("user", blocks)
    elif role in ("tool", "function"):
        if not str(message.get("tool_call_id")).startswith(SERVER_TOOL_ID):
            conversation.add("user", [_tool_result(message, where)])
    elif role == "assistant":
        blocks = assistant_blocks(message, where, names)
        if blocks:
            conversation.add("assistant", blocks)
    else:
        raise BadRequestError(f"{where}: unknown role {role!r}.", param="messages")


def assistant_blocks(message: dict[str, Any], where: str, names: ToolNames) -> list[Block]:
    """An assistant's message: thinking in front, what the vendor's own tools did, text, calls."""
    content = message.get("content")
    parts = as_list(content)
    thinking = objects(message.get("thinking_blocks")) or [part for part in parts if _is_thinking(part)]
    if parts:
        content = [part for part in parts if not _is_thinking(part)]
    extra = as_object(message.get("provider_specific_fields"))
    calls = objects(message.get("tool_calls"))
    blocks: list[Block] = [block for block in objects(extra.get("compaction_blocks")) if block.get("type")]
    blocks += [kept for block in thinking if (kept := _signed(block)) is not None]
    blocks += _server_tools(calls, extra)
    blocks += content_blocks(content, where)
    for number, call in enumerate(calls):
        if not str(call.get("id")).startswith(SERVER_TOOL_ID):
            call_id = as_text(call.get("id")) or f"call_{number}"
            use = _tool_use(call_id, as_object(call.get("function")), names)
            blocks.append(marked(use, call.get("cache_control")))
    if isinstance(function := message.get("function_call"), dict):
        blocks.append(_tool_use(_function_id(function.get("name")), function, names))
    mark_last(blocks, message.get("cache_control"))
    return blocks


def _is_thinking(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") in ("thinking", "redacted_thinking")


def _signed(block: dict[str, Any]) -> Block | None:
    """A thinking block as the vendor gave it; one without its signature (another vendor's) would be refused."""
    if encrypted_of(block) is not None:
        return None
    if block.get("type") == "redacted_thinking" and block.get("data"):
        return {"type": "redacted_thinking", "data": block["data"]}
    if block.get("type") == "thinking" and block.get("signature"):
        return {"type": "thinking", "thinking": block.get("thinking") or "", "signature": block["signature"]}
    return None


def _tool_use(call_id: str, function: dict[str, Any], names: ToolNames) -> Block:
    name = names.to_vendor(as_text(function.get("name")))
    return {
        "type": "tool_use",
        "id": clean_id(call_id),
        "name": name,
        "input": arguments_object(function.get("arguments")),
    }


def arguments_object(arguments: Any) -> dict[str, Any]:
    """The arguments of a call as the object the vendor wants.

    A model may have written broken JSON, and agents send that back with an error as its result: OpenAI takes any
    string, so such a text is wrapped, not refused.
    """
    if isinstance(arguments, dict):
        return arguments
    if not isinstance(arguments, str) or not arguments.strip():
        return {}
    try:
        value = orjson.loads(arguments)
    except ValueError:
        return {"invalid_json": arguments}
    return value if isinstance(value, dict) else {"value": value}


def _server_tools(calls: list[dict[str, Any]], extra: dict[str, Any]) -> list[Block]:
    """Calls that the vendor made itself, each with its result; one without its result is left out."""
    results = {
        as_text(block.get("tool_use_id")): block
        for name in ("web_search_results", "tool_results")
        for block in objects(extra.get(name))
        if block.get("type")
    }
    blocks: list[Block] = []
    for call in calls:
        result = results.get(call_id := as_text(call.get("id")))
        if result is not None and call_id.startswith(SERVER_TOOL_ID):
            function = as_object(call.get("function"))
            arguments = arguments_object(function.get("arguments"))
            blocks.append({"type": "server_tool_use", "id": call_id, "name": function.get("name"), "input": arguments})
            blocks.append(result)
    return blocks


def _tool_result(message: dict[str, Any], where: str) -> Block:
    call_id = message.get("tool_call_id")
    if message.get("role") == "function":
        call_id = _function_id(message.get("name"))
    if not isinstance(call_id, str) or not call_id:
        raise BadRequestError(f"{where}: a tool message needs tool_call_id.", param="messages")
    block: Block = {"type": "tool_result", "tool_use_id": clean_id(call_id)}
    content, marker = message.get("content"), message.get("cache_control")
    if isinstance(content, str):
        if content:
            block["content"] = content
    else:
        inner = content_blocks(content, where)
        # The marker belongs to the result as a whole: what lies within it cannot be cached by itself.
        marker = next((b["cache_control"] for b in reversed(inner) if "cache_control" in b), marker)
        if inner:
            block["content"] = [{k: v for k, v in b.items() if k != "cache_control"} for b in inner]
    if isinstance(message.get("is_error"), bool):
        block["is_error"] = message["is_error"]
    return marked(block, marker)


def _function_id(name: Any) -> str:
    """The id of a call in the old `function_call` form, which has none: its name tells which result is its."""
    return f"function_{name}"


def _finish(conversation: Conversation) -> None:
    """Keep the rules of the whole: no turn without content, no white space at the end of a begun answer."""
    for turn in conversation.messages:
        if not turn["content"]:
            turn["content"].append(text_block(EMPTY_TEXT))
    if conversation.last_role == "assistant":
        content = conversation.messages[-1]["content"]
        if content[-1]["type"] == "text":
            content[-1] = {**content[-1], "text": content[-1]["text"].rstrip()}
