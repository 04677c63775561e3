"""Reasoning that OpenAI has encrypted goes to nobody else."""

from __future__ import annotations

from tianji_core.openai_compat.messages import clean_message
from tianji_core.translate.anthropic.messages import assistant_blocks
from tianji_core.translate.anthropic.names import ToolNames
from tianji_core.translate.encrypted import (
    encrypted_block,
    encrypted_of,
    messages_without_encrypted,
    without_encrypted,
)

CLAUDES = {"type": "thinking", "thinking": "b", "signature": "sig"}
OPENAIS = encrypted_block("a", "ENC")
SILENT = encrypted_block("", "ENC")


def test_there_and_back():
    assert OPENAIS == {"type": "thinking", "thinking": "a", "signature": "litellm_encrypted_reasoning:ENC"}
    assert SILENT == {"type": "redacted_thinking", "data": "litellm_encrypted_reasoning:ENC"}
    assert encrypted_of(OPENAIS) == encrypted_of(SILENT) == "ENC"


def test_other_vendors_blocks_are_not_openais():
    others = [CLAUDES, {"type": "redacted_thinking", "data": "x"}, {"type": "thinking", "thinking": "c"}, {}, None, "x"]
    assert [encrypted_of(block) for block in others] == [None] * len(others)
    assert without_encrypted(others) is others


def test_claude_gets_its_own_only():
    message = {"role": "assistant", "content": "Hi", "thinking_blocks": [OPENAIS, CLAUDES, SILENT]}
    assert assistant_blocks(message, "messages[0]", ToolNames()) == [CLAUDES, {"type": "text", "text": "Hi"}]


def test_messages_as_they_came():
    plain = {"role": "user", "content": "Hi"}
    mixed = {"role": "assistant", "content": [OPENAIS, CLAUDES, {"type": "text", "text": "Hi"}]}
    only = {"role": "assistant", "content": [SILENT]}
    found = messages_without_encrypted([plain, mixed, only, "odd"])
    assert found == [plain, {"role": "assistant", "content": [CLAUDES, {"type": "text", "text": "Hi"}]}, "odd"]
    assert found[0] is plain
    assert len(mixed["content"]) == 3


def test_hosts_of_claude_with_openais_shape():
    own = frozenset({"cache_control"})
    message = {"role": "assistant", "content": "Hi", "thinking_blocks": [OPENAIS, CLAUDES]}
    assert clean_message(message, None, own)["thinking_blocks"] == [CLAUDES]
    assert clean_message({**message, "thinking_blocks": [OPENAIS]}, None, own) == {"role": "assistant", "content": "Hi"}
    kept = {**message, "thinking_blocks": [CLAUDES]}
    assert clean_message(kept, None, own) is kept
