"""The few things that a hot route needs from ASGI, without a framework around them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from tianji_core.api.errors import BadRequestError, RequestTooLargeError
from tianji_core.gateway.heavy import HEAVY, in_thread
from tianji_core.server.fields import RawHeader, fields_of, lines_of

JSON: RawHeader = (b"content-type", b"application/json")
JSON_LINE = lines_of([JSON])
EVENT_STREAM: tuple[RawHeader, ...] = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)
EVENT_STREAM_LINES = lines_of([*EVENT_STREAM])

PUSH = "tianji.push"
"""The ASGI extension of a server that takes pieces of a body without a coroutine (see uvicorn_quick.py).

`push(piece)` does what `send` would do and says True, or does nothing because `send` would have to wait. It is for
bodies under way whose head told no length.
"""

ANSWER = "tianji.answer"
"""The ASGI extension of a server that takes answers whose head is written already, as messages of this type.

{"type": ANSWER, "status": 200, "lines": b"name: value\\r\\n...", "body": b"..."}. The lines have been checked: names in
lower case, no control characters in values, nothing about framing. With None for the body, its parts follow.
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


async def send_written(scope: Scope, send: Send, status: int, lines: bytes, body: bytes | None) -> None:
    """A whole answer whose fields are lines already, see ANSWER; without a body, its head."""
    message = {"type": ANSWER, "status": status, "lines": lines, "body": body}
    if ANSWER in scope.get("extensions", ()):
        await send(message)
    else:
        for part in taken_apart(message):
            await send(part)


def taken_apart(message: Any) -> list[Any]:
    """The same answer as messages that every server takes."""
    body = message["body"]
    fields = fields_of(message["lines"])
    if body is None:
        return [{"type": "http.response.start", "status": message["status"], "headers": fields}]
    fields.append((b"content-length", b"%d" % len(body)))
    return [
        {"type": "http.response.start", "status": message["status"], "headers": fields},
        {"type": "http.response.body", "body": body},
    ]


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

    __slots__ = ("_receive", "_task", "_watcher", "gone")

    def __init__(self, receive: Receive) -> None:
        self._receive: Receive | None = receive
        self._task: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self.gone = False

    def start(self, task: asyncio.Task[None] | None = None) -> None:
        """Watch from WATCH_AFTER seconds on; a call that is over by then costs nearly nothing. `task` is what is to be
        cancelled, if that is another than the current one.
        """
        loop = asyncio.get_running_loop()
        self._task = task or asyncio.current_task(loop)
        _after_a_while(loop, self)

    def __enter__(self) -> DisconnectWatch:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._receive = self._task = None  # it may be waited for a little longer, see _Waiting
        if self._watcher is not None:
            self._watcher.cancel()

    def begin(self) -> None:
        """It is time: watch, unless the call is over."""
        if self._receive is not None:
            self._watcher = asyncio.get_running_loop().create_task(self._watch(self._receive))

    async def _watch(self, receive: Receive) -> None:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                break
        if self._task is not None:
            self.gone = True
            self._task.cancel()


class _Waiting:
    """The watches of one event loop that have not begun. All wait equally long, so the first is always the next, and
    one timer does for all: setting and stopping one for each call costs as much as reading its JSON.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._queue: deque[tuple[float, DisconnectWatch]] = deque()

    def add(self, watch: DisconnectWatch) -> None:
        if not self._queue:
            self.loop.call_later(WATCH_AFTER, self._look)
        self._queue.append((self.loop.time() + WATCH_AFTER, watch))

    def _look(self) -> None:
        queue, now = self._queue, self.loop.time()
        while queue and queue[0][0] <= now + 0.001:
            queue.popleft()[1].begin()
        if queue:
            self.loop.call_at(queue[0][0], self._look)


_waiting: _Waiting | None = None


def _after_a_while(loop: asyncio.AbstractEventLoop, watch: DisconnectWatch) -> None:
    global _waiting
    if _waiting is None or _waiting.loop is not loop:  # in tests; a server has one loop
        _waiting = _Waiting(loop)
    _waiting.add(watch)
