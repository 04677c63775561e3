"""The usage of a call whose vendor does not tell it.

Counting is done in one thread of its own, which all calls share; nothing here runs, or is even loaded, for calls whose
vendor reports usage.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

import orjson

from tianji_core.accounting.parts import Parts, answer_parts, request_parts
from tianji_core.accounting.tokens import count_texts, estimate_texts
from tianji_core.api.callback import UsageSource
from tianji_core.api.provider import Body
from tianji_core.translate.chunks import merge_chunks
from tianji_core.wire.sse import DONE, SSEDecoder

MOST_WAITING = 32
"""Calls that wait for the thread; further ones are estimated by the rule of thumb instead."""

_waiting = 0


class Counted(NamedTuple):
    """A usage in OpenAI's shape, marked `estimated`, and who counted it."""

    usage: Body
    source: UsageSource


def is_reported(usage: Any) -> bool:
    """Whether a vendor's usage says anything: a usage of zeroes, which no call has, does not."""
    return isinstance(usage, dict) and (
        _is_some(usage.get("prompt_tokens"))
        or _is_some(usage.get("completion_tokens"))
        or _is_some(usage.get("total_tokens"))
    )


def _is_some(count: Any) -> bool:
    return isinstance(count, int) and count > 0


async def count_answer(model: str, operation: str, body: Body, answer: Body) -> Counted:
    """The usage of a whole answer; `model` is the vendor's name."""
    return await _in_thread(lambda quick: _usage(model, operation, body, answer, 1.0, quick), False)


async def count_stream(
    model: str, operation: str, body: Body, pieces: Sequence[bytes], more: int, *, quick: bool = False
) -> Counted:
    """The usage of a stream from the events that went out, and the bytes of `more` like them that were not kept.

    A quick count is made by the rule of thumb, at once, without waiting for anything.
    """
    return await _in_thread(lambda hasty: _stream_usage(model, operation, body, pieces, more, hasty), quick)


def read_chunks(pieces: Sequence[bytes]) -> list[Body]:
    """The chunks in pieces of a stream in OpenAI's format."""
    chunks = []
    decoder = SSEDecoder()
    for event in [*decoder.feed(b"".join(pieces)), *decoder.finish()]:
        if event.data == DONE:
            continue
        try:
            chunk = orjson.loads(event.data)
        except ValueError:
            continue
        if isinstance(chunk, dict):
            chunks.append(chunk)
    return chunks


def _stream_usage(model: str, operation: str, body: Body, pieces: Sequence[bytes], more: int, quick: bool) -> Counted:
    kept = sum(map(len, pieces))
    try:
        answer = merge_chunks(read_chunks(pieces))
    except (ValueError, KeyError, TypeError, AttributeError):
        answer = {}  # chunks of a shape that nobody sends
    return _usage(model, operation, body, answer, (kept + more) / kept if kept else 1.0, quick)


def _usage(model: str, operation: str, body: Body, answer: Body, scale: float, quick: bool) -> Counted:
    prompt, prompt_is_exact = _tokens(request_parts(operation, body), model, quick)
    completion, completion_is_exact = (
        (0, True) if operation == "embeddings" else _tokens(answer_parts(answer), model, quick)
    )
    completion = round(completion * scale)
    exact = prompt_is_exact and completion_is_exact and scale == 1.0
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "estimated": True,
    }
    return Counted(usage, "tokenizer" if exact else "estimate")


def _tokens(parts: Parts, model: str, quick: bool) -> tuple[int, bool]:
    if quick:
        return parts.fixed + estimate_texts(parts.texts), False
    try:
        tokens, exact = count_texts(parts.texts, model)
    except BaseException:  # the library's own panics are no Exceptions, and are no reason for a call to fail
        tokens, exact = estimate_texts(parts.texts), False
    return parts.fixed + tokens, exact


async def _in_thread(count: Callable[[bool], Counted], quick: bool) -> Counted:
    global _waiting
    if quick or _waiting >= MOST_WAITING:
        return count(True)
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_executor(), count, False)
    finally:
        _waiting -= 1


@cache
def _executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="tianji-tokens")
