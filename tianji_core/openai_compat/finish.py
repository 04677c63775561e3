"""Why an answer ended, in OpenAI's words."""

from __future__ import annotations

from collections.abc import Mapping

from tianji_core.api.provider import Body


def ended_by(body: Body, reason: str) -> bool:
    """Whether a choice of an answer or a chunk has this finish reason, of those that tell of a failure."""
    return any(isinstance(each, dict) and each.get("finish_reason") == reason for each in body.get("choices") or ())


def level_finish(body: Body, names: Mapping[str, str]) -> None:
    """Give the finish reasons of an answer or a chunk OpenAI's names in place.

    Vendors end an answer that calls tools with `stop`, or with nothing, where clients wait for `tool_calls` to go on.
    In a stream that is seen only if the calls are in the same chunk.
    """
    for choice in body.get("choices") or ():
        if not isinstance(choice, dict):
            continue
        reason = choice.get("finish_reason")
        if isinstance(reason, str):
            message = choice.get("message", choice.get("delta"))
            calls = isinstance(message, dict) and bool(message.get("tool_calls"))
            reason = names.get(reason, reason)
            if calls and reason in ("", "stop"):
                reason = "tool_calls"
            choice["finish_reason"] = reason or ("stop" if "message" in choice else None)
