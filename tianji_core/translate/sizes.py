"""Sizes of pictures."""

from __future__ import annotations

from typing import Any


def sides_of(size: Any) -> tuple[int, int] | None:
    """Width and height of `1024x768`, in pixels; None if it is not of that form, as `auto`."""
    width, _, height = str(size).partition("x")
    if not (width.isascii() and width.isdigit() and height.isascii() and height.isdigit()):
        return None
    return int(width), int(height)
