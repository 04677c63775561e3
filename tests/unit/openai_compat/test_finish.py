"""Why answers ended."""

from __future__ import annotations

from typing import Any

import pytest

from tianji_core.openai_compat.finish import level_finish

CALL = {"role": "assistant", "tool_calls": [{"id": "1"}]}
TEXT = {"role": "assistant", "content": "x"}


@pytest.mark.parametrize(
    ("member", "message", "reason", "wanted"),
    [
        ("message", TEXT, "stop", "stop"),
        ("message", TEXT, "eos", "stop"),
        ("message", TEXT, "", "stop"),
        ("message", CALL, "stop", "tool_calls"),
        ("message", CALL, "eos", "tool_calls"),
        ("message", CALL, "", "tool_calls"),
        ("message", CALL, "length", "length"),
        ("delta", TEXT, "", None),
        ("delta", TEXT, None, None),
        ("delta", CALL, "", "tool_calls"),
        ("delta", CALL, None, None),
        ("delta", {}, "eos", "stop"),
        ("text", "x", "eos", "stop"),
    ],
)
def test_reasons(member: str, message: Any, reason: str | None, wanted: str | None) -> None:
    body = {"choices": [{"index": 0, member: message, "finish_reason": reason}]}
    level_finish(body, {"eos": "stop"})
    assert body["choices"][0]["finish_reason"] == wanted


@pytest.mark.parametrize("choices", [None, [], [None], ["x"], [{"finish_reason": 5}], [{"message": None}]])
def test_anything_may_be_sent_for_choices(choices: Any) -> None:
    level_finish({"choices": choices}, {})
