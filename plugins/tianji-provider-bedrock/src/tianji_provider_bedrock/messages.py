"""Chat messages as a conversation of Converse.

Sources: Bedrock API reference, `Message` and `ToolResultBlock`; User Guide, "Call a tool with the Converse API"
(results come in the turn after the calls), "Prompt caching" (points behind what is cached), "Reasoning" (signed
reasoning is sent back unchanged, in front).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tianji_core.api.errors import BadRequestError
from tianji_core.translate.anthropic.content import EMPTY_TEXT
from tianji_core.translate.anthropic.mending import CONTINUE
from tianji_core.translate.anthropic.messages import OPERATOR_NOTE, arguments_object
from tianji_core.translate.anthropic.names import ToolNames
from tianji_core.translate.encrypted import encrypted_of
from tianji_core.translate.shapes import as_list, as_object, as_text, objects
from tianji_provider_bedrock.content import Block, cache_point, content_blocks
from tianji_provider_bedrock.models import Traits

DOCUMENT_TEXT = "See the attached document."
"""Stands beside documents that came without any text, which the vendor refuses."""

_SYSTEM_ROLES = ("system", "developer")
_BAD_IN_ID = re.compile(r"[^A-Za-z0-9_.:-]")
MAX_ID = 64


class Names(ToolNames):
    """Names of tools as Bedrock takes them: at most 64 characters, the first a letter."""

    __slots__ = ()
    most = 64

    @classmethod
    def cleaned(cls, name: str) -> str:
        clean = super().cleaned(name)
        return clean if clean[:1].isalpha() else f"a{clean}"[: cls.most]


@dataclass(slots=True)
class Turn:
    """What one side says at once. Results of tools stand in front, whatever came first."""

    role: str
    results: list[Block] = field(default_factory=list)
    content: list[Block] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    """Ids of the calls whose results are here."""

    def blocks(self) -> list[Block]:
        found = [*self.results, *self.content]
        if any("document" in block for block in found) and not any("text" in block for block in found):
            found.append({"text": DOCUMENT_TEXT})
        return found or [{"text": EMPTY_TEXT}]


@dataclass(slots=True)
class Conversation:
    """What the vendor gets: the system blocks, and turns of which no two neighbours have the same role."""

    system: list[Block] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)

    def turn(self, role: str) -> Turn:
        """The turn of this role that is open, or a new one."""
        if not self.turns or self.turns[-1].role != role:
            self.turns.append(Turn(role))
        return self.turns[-1]

    def messages(self) -> list[dict[str, Any]]:
        return [{"role": turn.role, "content": turn.blocks()} for turn in self.turns]

    def has_tool_blocks(self) -> bool:
        """Whether a tool was called or answered: then the vendor wants tools to be declared."""
        return any(turn.results or any("toolUse" in block for block in turn.content) for turn in self.turns)


class Converter:
    """Turns the messages of one request into a conversation."""

    def __init__(self, traits: Traits, names: ToolNames) -> None:
        self._traits = traits
        self._names = names

    def conversation(self, messages: list[Any], *, modify: bool) -> Conversation:
        """The conversation. Nothing given is changed. `modify` lets a user speak first, as the vendor wants it.

        Raises BadRequestError if nobody but the system says anything, or for what makes no sense.
        """
        found = Conversation()
        for index, message in enumerate(messages):
            self._add(found, as_object(message), f"messages[{index}]")
        if modify and (not found.turns or found.turns[0].role == "assistant"):
            found.turns.insert(0, Turn("user", content=[{"text": CONTINUE}]))
        if not found.turns:
            raise BadRequestError("Bedrock needs at least one message that is not a system message.", param="messages")
        last = found.turns[-1]
        if last.role == "assistant" and last.content and "text" in last.content[-1]:
            # A begun answer may not end with white space.
            last.content[-1] = {"text": last.content[-1]["text"].rstrip() or EMPTY_TEXT}
        _name_apart(found)
        return found

    def marked(self, blocks: Iterable[tuple[Block, Any]], marker: Any = None) -> list[Block]:
        """Blocks, each with its cache point behind it; `marker` is that of the whole."""
        found: list[Block] = []
        own: Any = None
        for block, own in blocks:
            found.append(block)
            if own:
                found += self.points(own)
        if found and marker and not own:
            found += self.points(marker)
        return found

    def points(self, marker: Any) -> list[Block]:
        """The cache point for a marker; none where the model has no cache."""
        if not marker or not self._traits.caches:
            return []
        return [cache_point(marker, long=self._traits.long_caches)]

    def _add(self, found: Conversation, message: dict[str, Any], where: str) -> None:
        role, marker = message.get("role"), message.get("cache_control")
        if role in _SYSTEM_ROLES:
            blocks = self.marked(_system(message, where), marker)
            if not found.turns:
                found.system += blocks
            elif blocks:
                found.turn("user").content += [{"text": OPERATOR_NOTE}, *blocks]
        elif role == "user":
            found.turn("user").content += self.marked(content_blocks(message.get("content"), where), marker)
        elif role in ("tool", "function"):
            self._add_result(found.turn("user"), message, where)
        elif role == "assistant":
            found.turn("assistant").content += self._assistant(message, where)
        else:
            raise BadRequestError(f"{where}: unknown role {role!r}.", param="messages")

    def _add_result(self, turn: Turn, message: dict[str, Any], where: str) -> None:
        call_id = message.get("tool_call_id")
        if message.get("role") == "function":
            call_id = _function_id(message.get("name"))
        if not isinstance(call_id, str) or not call_id:
            raise BadRequestError(f"{where}: a tool message needs tool_call_id.", param="messages")
        call_id = clean_id(call_id)
        if call_id in turn.answered:
            return  # a second result for one call is refused
        turn.answered.add(call_id)
        blocks = content_blocks(message.get("content"), where)
        result: Block = {"toolUseId": call_id, "content": [block for block, _ in blocks] or [{"text": EMPTY_TEXT}]}
        if isinstance(message.get("is_error"), bool):
            result["status"] = "error" if message["is_error"] else "success"
        # What lies within a result cannot be cached by itself.
        marker = message.get("cache_control") or next((own for _, own in reversed(blocks) if own), None)
        turn.results += [{"toolResult": result}, *self.points(marker)]

    def _assistant(self, message: dict[str, Any], where: str) -> list[Block]:
        """Reasoning in front, text, calls."""
        content = message.get("content")
        parts = as_list(content)
        thinking = objects(message.get("thinking_blocks")) or [part for part in parts if _is_thinking(part)]
        if parts:
            content = [part for part in parts if not _is_thinking(part)]
        found = [kept for block in thinking if (kept := _reasoning(block)) is not None]
        blocks = content_blocks(content, where)
        for number, call in enumerate(objects(message.get("tool_calls"))):
            call_id = as_text(call.get("id")) or f"call_{number}"
            blocks.append((self._tool_use(call_id, as_object(call.get("function"))), call.get("cache_control")))
        if isinstance(function := message.get("function_call"), dict):
            blocks.append((self._tool_use(_function_id(function.get("name")), function), None))
        return found + self.marked(blocks, message.get("cache_control"))

    def _tool_use(self, call_id: str, function: dict[str, Any]) -> Block:
        name = self._names.to_vendor(as_text(function.get("name")))
        used = {"toolUseId": clean_id(call_id), "name": name, "input": arguments_object(function.get("arguments"))}
        return {"toolUse": used}


def _name_apart(conversation: Conversation) -> None:
    """Give documents that are there twice names of their own; nothing but the blocks made here is changed."""
    seen: dict[str, int] = {}
    for turn in conversation.turns:
        inner = (part for block in turn.results for part in block.get("toolResult", {}).get("content", ()))
        for block in (*inner, *turn.content):
            if (document := block.get("document")) is not None:
                name = document["name"]
                seen[name] = seen.get(name, 0) + 1
                if seen[name] > 1:
                    document["name"] = f"{name}-{seen[name]}"


def clean_id(call_id: str) -> str:
    """The id of a call as the vendor takes it; the same for a call and its result."""
    return _BAD_IN_ID.sub("_", call_id)[:MAX_ID]


def _system(message: dict[str, Any], where: str) -> list[tuple[Block, Any]]:
    blocks = content_blocks(message.get("content"), where)
    if any("text" not in block and "guardContent" not in block for block, _ in blocks):
        raise BadRequestError(f"{where}: a system message takes text only.", param="messages")
    return blocks


def _is_thinking(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") in ("thinking", "redacted_thinking")


def _reasoning(block: dict[str, Any]) -> Block | None:
    """Reasoning as the vendor gave it; without its signature (another vendor's) it would be refused."""
    if encrypted_of(block) is not None:
        return None
    if block.get("type") == "redacted_thinking" and block.get("data"):
        return {"reasoningContent": {"redactedContent": block["data"]}}
    if block.get("type") == "thinking" and block.get("signature"):
        text = {"text": block.get("thinking") or "", "signature": block["signature"]}
        return {"reasoningContent": {"reasoningText": text}}
    return None


def _function_id(name: Any) -> str:
    """The id of a call in the old `function_call` form, which has none: its name tells which result is its."""
    return f"function_{name}"
