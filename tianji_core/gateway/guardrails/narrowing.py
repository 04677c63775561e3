"""Which texts a guardrail may see, where the config narrows it."""

from __future__ import annotations

from collections.abc import Callable

from tianji_core.api.guardrail import Text

_SYSTEM = frozenset({"system", "developer"})


def narrowing(
    *, skip_system: bool = False, skip_tools: bool = False, only_tool_results: bool = False, only_latest: bool = False
) -> Callable[[list[Text]], list[Text]] | None:
    """What keeps the texts of a request that are to be seen; None if all are.

    `only_latest` keeps those of the last message of a user, and what belongs to no message.
    """
    if not (skip_system or skip_tools or only_tool_results or only_latest):
        return None

    def keep(texts: list[Text]) -> list[Text]:
        latest = _latest(texts) if only_latest else None
        return [text for text in texts if _is_wanted(text, latest)]

    def _is_wanted(text: Text, latest: object) -> bool:
        if only_tool_results and text.kind != "tool_result":
            return False
        if (skip_system and text.role in _SYSTEM) or (skip_tools and text.kind == "tool_result"):
            return False
        return latest is None or text.path[0] != "messages" or text.path[1] == latest

    return keep


def _latest(texts: list[Text]) -> object:
    """The position of the last message that a user has written."""
    return next((t.path[1] for t in reversed(texts) if t.path[0] == "messages" and t.role == "user"), None)
