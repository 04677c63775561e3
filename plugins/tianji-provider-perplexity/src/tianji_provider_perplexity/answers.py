"""What Perplexity's answers have besides OpenAI's: sources, costs, packed vectors. All is changed in place."""

from __future__ import annotations

import base64
from array import array
from collections.abc import Iterator
from typing import Any

from tianji_core.api.provider import Body
from tianji_core.openai_compat.citations import cite
from tianji_core.openai_compat.reasoning import split_thinking
from tianji_core.openai_compat.usage import add_reasoning


def annotate(body: Body) -> None:
    """Marks in the text, `[1]`, get annotations; the lists of sources stay where they are."""
    for choice in _choices(body):
        message = choice.get("message")
        if isinstance(message, dict) and isinstance(message.get("content"), str):
            _put(message, message["content"], body)


def take_message(chunk: Body) -> None:
    """Each chunk repeats the whole answer so far as `message`: that goes, and the last one gives the annotations.

    See https://docs.perplexity.ai/guides/pro-search-stream-mode-guide.
    """
    for choice in _choices(chunk):
        message, delta = choice.pop("message", None), choice.get("delta")
        if choice.get("finish_reason") and isinstance(message, dict) and isinstance(delta, dict):
            text = message.get("content")
            if isinstance(text, str):
                _put(delta, split_thinking(text)[1], chunk)


def level_usage(usage: Any) -> None:
    """`cost` becomes dollars, its parts go to `cost_details`; reasoning that is counted apart joins the completion."""
    if not isinstance(usage, dict):
        return
    cost = usage.get("cost")
    if isinstance(cost, dict):
        usage["cost"], usage["cost_details"] = cost.get("total_cost"), cost
    add_reasoning(usage, usage.get("reasoning_tokens"))


def decode_vectors(body: Body) -> None:
    """Vectors come as base64 of signed bytes, where 127 stands for 1."""
    data = body.get("data")
    for item in data if isinstance(data, list) else ():
        packed = item.get("embedding") if isinstance(item, dict) else None
        if isinstance(packed, str):
            item["embedding"] = [value / 127 for value in array("b", base64.b64decode(packed))]


def _choices(body: Body) -> Iterator[Body]:
    return (choice for choice in body.get("choices") or () if isinstance(choice, dict))


def _put(message: Body, text: str, body: Body) -> None:
    results = [result for result in _items(body, "search_results") if isinstance(result, dict)]
    titles = {url: result for result in results if isinstance(url := result.get("url"), str)}
    sources = [titles.get(url, url) if isinstance(url, str) else None for url in _items(body, "citations")]
    marked = cite(text, sources or results)
    if marked:
        message["annotations"] = marked


def _items(body: Body, name: str) -> list[Any]:
    found = body.get(name)
    return found if isinstance(found, list) else []
