"""Reasoning that OpenAI has encrypted, on its way through a client and back.

OpenAI's Responses give the state of a model's reasoning as a text that only they can read. Clients keep it in the
signature of a thinking block, or as a redacted block if nothing else was told, in the form that LiteLLM gave it:
`litellm_encrypted_reasoning:…`. So it is told from other vendors' signatures, and goes to nobody but OpenAI.
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.provider import Body

MARK = "litellm_encrypted_reasoning:"


def encrypted_block(text: str, encrypted: str) -> Body:
    """The thinking block that stands for a reasoning item."""
    if not text:
        return {"type": "redacted_thinking", "data": MARK + encrypted}
    return {"type": "thinking", "thinking": text, "signature": MARK + encrypted}


def encrypted_of(block: Any) -> str | None:
    """What OpenAI has encrypted, if the block is one of its own."""
    if not isinstance(block, dict):
        return None
    held = block.get("data") if block.get("type") == "redacted_thinking" else block.get("signature")
    return held.removeprefix(MARK) if isinstance(held, str) and held.startswith(MARK) else None


def without_encrypted(blocks: list[Any]) -> list[Any]:
    """The blocks that are not OpenAI's; the same list if none is."""
    kept = [block for block in blocks if encrypted_of(block) is None]
    return kept if len(kept) < len(blocks) else blocks


def messages_without_encrypted(messages: list[Any]) -> list[Any]:
    """Messages in Anthropic's form without OpenAI's blocks, and without those that then hold nothing.

    A message that needs no change stays the same object.
    """
    found = []
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list) and (kept := without_encrypted(content)) is not content:
            if not kept:
                continue
            message = {**message, "content": kept}
        found.append(message)
    return found
