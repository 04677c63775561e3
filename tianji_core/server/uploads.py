"""Bodies of requests that are not read before they go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.types import Receive

from tianji_core.api.errors import RequestTimeoutError
from tianji_core.server.asgi import ClientDisconnected, too_large

SILENCE = 60.0
"""Seconds that a client may be silent in the middle of its body."""


class Incoming:
    """A request's body: what of it is here, and the rest as it comes.

    `ended` is called once there is nothing more to come: from then on somebody else may call `receive`.
    """

    def __init__(
        self, receive: Receive, headers: dict[bytes, bytes], limit: int, ended: Callable[[], None] | None = None
    ) -> None:
        """Raises RequestTooLargeError if the body is announced to be larger than `limit` bytes."""
        length = headers.get(b"content-length")
        self.length = int(length) if length is not None and length.isdigit() else None
        """The bytes that were announced, if any were."""
        if self.length is not None and self.length > limit:
            raise too_large(limit)
        self._receive = receive
        self._limit = limit
        self._ended = ended
        self._parts: list[bytes] = []
        self._held = 0
        self._size = 0
        self.complete = False

    async def hold(self, most: int) -> bytes | None:
        """All of the body, if it has no more than `most` bytes; None if it has, and then the rest is still to come.

        Raises ClientDisconnected, RequestTooLargeError, RequestTimeoutError.
        """
        while not self.complete and self._held <= most:
            part = await self._next()
            if part:
                self._parts.append(part)
                self._held += len(part)
        if self._held > most:
            return None
        if len(self._parts) > 1:
            self._parts = [b"".join(self._parts)]
        return self._parts[0] if self._parts else b""

    async def parts(self) -> AsyncIterator[bytes]:
        """All of it: what is held, and then what comes. Raises like `hold`."""
        parts, self._parts = self._parts, []
        for part in parts:
            yield part
        parts.clear()
        while not self.complete:
            part = await self._next()
            if part:
                yield part

    async def _next(self) -> bytes:
        try:
            async with asyncio.timeout(SILENCE):
                message = await self._receive()
        except TimeoutError:
            raise RequestTimeoutError("The request body did not arrive in time.") from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        part: bytes = message.get("body", b"")
        self._size += len(part)
        if self._size > self._limit:
            raise too_large(self._limit)
        # Hypercorn ends each body with an empty part; one that was announced ends with its last byte.
        if not message.get("more_body", False) or self._size == self.length:
            self.complete = True
            if self._ended is not None:
                self._ended()
        return part
