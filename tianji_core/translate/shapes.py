"""Reading JSON that may hold anything: a client's request and a vendor's answer alike."""

from __future__ import annotations

from typing import Any


def as_object(value: Any) -> dict[str, Any]:
    """The object, or an empty one where there is none."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The array, or an empty one where there is none."""
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str:
    """The string, or an empty one where there is none."""
    return value if isinstance(value, str) else ""


def as_count(value: Any) -> int:
    """The number of something, or 0 where there is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in an array; whatever else is in it is left out."""
    return [item for item in as_list(value) if isinstance(item, dict)]
