"""The few things that a hot route needs from ASGI, without a framework around them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from tianji_core.api.errors import BadRequestError, RequestTooLargeError
from tianji_core.gateway.heavy import HEAVY, in_thread

RawHeader = tuple[bytes, bytes]

JSON: RawHeader = (b"content-type", b"application/json")
EVENT_STREAM: tuple[RawHeader, ...] = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)

PUSH = "tianji.push"
"""The ASGI extension of a server that takes pieces of a body without a coroutine (see uvicorn_quick.py).

`push(piece)` does what `send` would do and says True, or does nothing because `send` would have to wait. It is for
bodies under way whose head told no length.
"""

WATCH_AFTER = 0.1
"""Seconds after which a call's client is watched for going away. Shorter calls are spared the task that it takes."""


class ClientDisconnected(Exception):
    """The client went away while its request was still coming in."""


async def read_body(scope: Scope, receive: Receive, headers: dict[bytes, bytes], limit: int) -> bytes:
    """The request's body. Raises RequestTooLargeError beyond `limit` bytes, without reading on."""
    length = headers.get(b"content-length")
    announced = int(length) if length is not None and length.isdigit() else None
    if announced is not None and announced > limit:
        raise too_large(limit)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnected
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False) or len(body) == announced:  # hypercorn ends each body with an empty part
        if len(body) > limit:
            raise too_large(limit)
        return body
    parts = [body]
    size = len(body)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise too_large(limit)
        parts.append(part)
    return b"".join(parts)


def too_large(limit: int) -> RequestTooLargeError:
    return RequestTooLargeError(f"The request body is larger than {limit // (1024 * 1024)} MB.")


def parse_json(body: bytes) -> Any:
    """The JSON of a body; an empty one counts as an empty object.

    Raises BadRequestError for what is no JSON (RFC 8259), and for objects that name a member twice: what such a
    body means would depend on who reads it.
    """
    if not body.strip():
        return {}
    try:
        value = orjson.loads(body)
    except ValueError as error:
        raise BadRequestError(f"Invalid JSON in the request body: {error}", param="request_body") from None
    # Every member brings one colon, and orjson writes colons inside texts as they are: fewer colons after reading
    # and writing means that a member was named twice. Where a text may have its colons escaped, look closely.
    try:
        colons = orjson.dumps(value).count(b":")
    except TypeError:
        raise BadRequestError("The request body is nested too deeply.", param="request_body") from None
    if (body.count(b":") != colons or b"\\u003" in body) and (twice := _named_twice(body)) is not None:
        raise BadRequestError(f"Invalid JSON in the request body: {twice!r} is named twice.", param="request_body")
    return value


async def read_json(scope: Scope, receive: Receive, headers: dict[bytes, bytes], limit: int) -> Any:
    """The JSON of the request's body, as `read_body` and `json_of` give it."""
    return await json_of(await read_body(scope, receive, headers, limit))


async def json_of(body: bytes) -> Any:
    """The same as `parse_json`; a large body is read in a thread."""
    return parse_json(body) if len(body) <= HEAVY else await in_thread(parse_json, body)


def _named_twice(body: bytes) -> str | None:
    import json

    found: list[str] = []

    def check(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            names = [name for name, _ in pairs]
            found.append(next(name for name in names if names.count(name) > 1))
        return result

    try:
        json.loads(body, object_pairs_hook=check)
    except (ValueError, RecursionError):
        return None
    return found[0] if found else None


async def send_bytes(send: Send, status: int, headers: Iterable[RawHeader], body: bytes) -> None:
    """A whole answer."""
    fields = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def send_json(send: Send, status: int, headers: Iterable[RawHeader], value: Any) -> None:
    """A whole answer in JSON."""
    await send_bytes(send, status, [*headers, JSON], orjson.dumps(value))


class DisconnectWatch:
    """Cancels the current task when the client goes away; `gone` tells this from other cancellations.

    with DisconnectWatch(receive) as watch:
        body = await read_body(...)
        watch.start()   # from here on nobody else may call receive
        ...
    """

    __slots__ = ("_receive", "_task", "_timer", "_watcher", "gone")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._timer: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Task[None] | None = None
        self.gone = False

    def start(self, task: asyncio.Task[None] | None = None) -> None:
        """Watch from WATCH_AFTER seconds on; a call that is over by then costs a timer only. `task` is what is to be
        cancelled, if that is another than the current one.
        """
        loop = asyncio.get_running_loop()
        self._task = task or asyncio.current_task(loop)
        self._timer = loop.call_later(WATCH_AFTER, self._begin)

    def __enter__(self) -> DisconnectWatch:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    def _begin(self) -> None:
        self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                break
        if self._task is not None:
            self.gone = True
            self._task.cancel()
