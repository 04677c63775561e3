"""Vectors, in every form that containers for feature extraction give them."""

from __future__ import annotations

from typing import Any


def level_vectors(found: Any) -> Any:
    """One vector for each text. A vector for each token is averaged; what is no vectors at all stays what it is."""
    if isinstance(found, dict):
        found = found.get("embeddings", found.get("embedding"))
    if not isinstance(found, list):
        return None
    if found and all(_is_number(each) for each in found):
        return [found]  # one text, not in a list
    return [_level(each) for each in found]


def _level(each: Any) -> Any:
    if isinstance(each, dict):
        each = each.get("embedding")
    if not isinstance(each, list) or not each or not all(isinstance(row, list) for row in each):
        return each
    if len(each) == 1 and each[0] and all(isinstance(row, list) for row in each[0]):
        each = each[0]  # a batch of one
    length = len(each[0]) if isinstance(each[0], list) else -1
    if any(not isinstance(row, list) or len(row) != length or not all(_is_number(x) for x in row) for row in each):
        return None
    return [sum(column) / len(each) for column in zip(*each, strict=True)]


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)
