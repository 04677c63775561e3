"""Ids of tool calls that carry something of the vendor's.

Gemini signs its calls and wants the signature back with the history. OpenAI's clients keep a call's id and little else
of what they do not know, so the signature travels inside the id, in the form that LiteLLM gave it:
`call_…__thought__<signature>`. It is for Gemini alone: ids for other vendors are stripped of it.
"""

from __future__ import annotations

SEPARATOR = "__thought__"


def signed_id(call_id: str, signature: str | None) -> str:
    """The id with the signature put in."""
    return f"{call_id}{SEPARATOR}{signature}" if signature else call_id


def split_id(call_id: str) -> tuple[str, str | None]:
    """The id proper, and the signature that travels in it."""
    plain, found, signature = call_id.partition(SEPARATOR)
    return (plain, signature or None) if found else (call_id, None)


def plain_id(call_id: str) -> str:
    """The id proper."""
    return call_id.partition(SEPARATOR)[0]
