"""The usage of a stream in a client's own dialect that was cut off.

It is what its vendor had told by then, and an estimate of what was delivered.

Sources: Anthropic's Messages API (`content_block_delta`), OpenAI's Responses API (`…delta`), Google's generateContent
(`candidates`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tianji_core.accounting.parts import request_parts
from tianji_core.accounting.tokens import estimate_texts
from tianji_core.accounting.usage import read_chunks
from tianji_core.api.provider import Body

_TEXTS = ("text", "thinking", "partial_json")


def cut_usage(body: Body, told: Mapping[str, Any] | None, pieces: Sequence[bytes], more: int) -> Body:
    """The usage, marked `estimated`.

    `body` is the request as chat, `told` what the vendor has counted so far, `pieces` what went out at first, `more`
    the bytes that came after those. Quick: for the end of a call that nobody waits for.
    """
    usage = dict(told or {})
    prompt = usage.get("prompt_tokens")
    if not isinstance(prompt, int) or prompt <= 0:
        parts = request_parts("chat", body)
        prompt = parts.fixed + estimate_texts(parts.texts)
    kept = sum(map(len, pieces))
    written = estimate_texts([text for event in read_chunks(pieces) for text in _texts(event)])
    written = round(written * (kept + more) / kept) if kept else 0
    known = usage.get("completion_tokens")
    answer = max(written, known if isinstance(known, int) else 0)
    usage.update(prompt_tokens=prompt, completion_tokens=answer, total_tokens=prompt + answer, estimated=True)
    return usage


def _texts(event: Body) -> list[str]:
    """What an event adds to the answer."""
    delta = event.get("delta")
    if isinstance(delta, str):
        return [delta]
    if isinstance(delta, dict):
        return [text for name in _TEXTS if isinstance(text := delta.get(name), str)]
    found: list[str] = []
    for candidate in _objects(event.get("candidates")):
        content = candidate.get("content")
        parts = _objects(content.get("parts") if isinstance(content, dict) else None)
        found += [part["text"] for part in parts if isinstance(part.get("text"), str)]
    return found


def _objects(value: Any) -> list[Body]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
