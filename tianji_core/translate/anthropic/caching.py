"""Cache markers that an operator has put on every request of a deployment.

Source: LiteLLM's `cache_control_injection_points`; Anthropic's "Prompt caching" page (at most four markers).
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tianji_core.translate.shapes import as_list, as_object, objects

MAX_MARKERS = 4


class InjectionPoint(BaseModel):
    """Where to put a cache marker: on messages of a role, on the message at an index, or on the last tool."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    location: str = Field("message", description="`message` or `tool_config`")
    role: str | None = Field(None, description="Mark the messages of this role")
    index: int | None = Field(None, description="Mark the message at this place; -1 is the last")
    control: dict[str, Any] = Field(default_factory=lambda: {"type": "ephemeral"}, description="The marker itself")


def inject_markers(body: dict[str, Any], points: tuple[InjectionPoint, ...]) -> dict[str, Any]:
    """The body with the markers, as far as the vendor's limit allows. Nothing given is changed."""
    messages, tools = list(as_list(body.get("messages"))), list(as_list(body.get("tools")))
    left = MAX_MARKERS - sum(_markers(item) for item in (*messages, *tools))
    for point in points:
        items = tools if point.location == "tool_config" else messages
        for at in _places(point, items):
            if left > 0 and isinstance(items[at], dict) and not _markers(items[at]):
                items[at] = {**items[at], "cache_control": point.control}
                left -= 1
    return {**body, "messages": messages, **({"tools": tools} if tools else {})}


def _places(point: InjectionPoint, items: list[Any]) -> list[int]:
    if point.location == "tool_config":
        return [len(items) - 1] if items else []
    if point.index is not None:
        at = point.index + len(items) if point.index < 0 else point.index
        return [at] if 0 <= at < len(items) else []
    return [at for at, item in enumerate(items) if point.role and as_object(item).get("role") == point.role]


def _markers(item: Any) -> int:
    """How many markers a message or tool bears already, on itself and on its parts."""
    item = as_object(item)
    return sum(bool(part.get("cache_control")) for part in (item, *objects(item.get("content"))))
