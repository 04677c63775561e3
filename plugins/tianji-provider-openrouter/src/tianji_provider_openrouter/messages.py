"""Reasoning that has to come back, so that a model can go on after its tools have answered.

See https://openrouter.ai/docs/use-cases/reasoning-tokens (preserving reasoning blocks).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from tianji_core.api.errors import GatewayError
from tianji_core.api.http import Headers
from tianji_core.api.provider import Body
from tianji_core.openai_compat.stream import error_status

KEPT = "reasoning_details"


def give_back_reasoning(messages: list[Any]) -> list[Any]:
    """The messages, with reasoning details that a client kept in `provider_specific_fields` back in their place."""
    return [_given_back(m) if isinstance(m, dict) and "provider_specific_fields" in m else m for m in messages]


def _given_back(message: Body) -> Body:
    own = message["provider_specific_fields"]
    kept = own.get(KEPT) if isinstance(own, dict) else None
    rest = {key: value for key, value in message.items() if key != "provider_specific_fields"}
    return {KEPT: kept, **rest} if kept else rest


def show_reasoning(body: Body, parse_error: Callable[[int, Headers, bytes], GatewayError]) -> None:
    """Put each message's details into `provider_specific_fields` too, where clients of gateways look for them.

    Raises the error of a choice that ended in one: half an answer with status 200 is none.
    """
    for choice in body.get("choices") or ():
        if not isinstance(choice, dict):
            continue
        error = choice.get("error")
        if error and choice.get("finish_reason") in (None, "error"):
            raise parse_error(error_status(error), Headers(), orjson.dumps({"error": error}))
        message = choice.get("message")
        if isinstance(message, dict) and message.get(KEPT):
            message["provider_specific_fields"] = {KEPT: message[KEPT]}
