"""Marks in a text that stand for its sources, such as `[1]`, made OpenAI's annotations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tianji_core.api.provider import Body

_MARK = re.compile(r"\[(\d{1,3})\]")


def cite(text: str, sources: Sequence[Any]) -> list[Body]:
    """A `url_citation` for each mark in the text that stands for a source: `[1]` for the first of them.

    A source is an address, or an object with `url` and `title`. Indexes count characters and span the mark, as in
    OpenAI's answers (https://platform.openai.com/docs/api-reference/chat/object).
    """
    found: list[Body] = []
    for mark in _MARK.finditer(text):
        number = int(mark[1])
        source = sources[number - 1] if 0 < number <= len(sources) else None
        url, title = (source.get("url"), source.get("title")) if isinstance(source, dict) else (source, None)
        if isinstance(url, str) and url:
            citation = {"start_index": mark.start(), "end_index": mark.end(), "url": url, "title": title or url}
            found.append({"type": "url_citation", "url_citation": citation})
    return found
