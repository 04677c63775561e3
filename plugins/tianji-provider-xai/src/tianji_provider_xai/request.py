"""Requests as xAI takes them: names are for users only, and its speech API is one of its own."""

from __future__ import annotations

from typing import Any

from tianji_core.api.provider import Body


def without_names(messages: list[Any]) -> list[Any]:
    """The messages; only users may have names."""
    return [_without_name(message) for message in messages]


def _without_name(message: Any) -> Any:
    if not isinstance(message, dict) or "name" not in message or message.get("role") == "user":
        return message
    return {key: value for key, value in message.items() if key != "name"}


def say_in_its_words(body: Body) -> None:
    """Turn a request for speech, in place, into one of xAI's, which has one model without a name."""
    del body["model"]
    body.setdefault("language", "auto")
    codec = body.pop("response_format", None)
    if codec:
        body["output_format"] = {"codec": codec}
