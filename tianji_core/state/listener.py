"""News of other replicas, by Redis's pub/sub; the connection is made again whenever it is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tianji_core.state.link import Link

PAUSE = 1.0
"""Seconds between two tries to connect."""
QUIET = 5.0
"""Seconds of silence after which Redis is asked for a sign of life; it has as long again to give one."""


class Listener:
    """Reads one channel as long as it lives. `heard` gets each message, `gap` is told when some may be missing."""

    def __init__(self, link: Link, channel: str, heard: Callable[[bytes], None], gap: Callable[[], None]) -> None:
        self._link = link
        self._channel = channel
        self._heard = heard
        self._gap = gap
        self.listening = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._listen())

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _listen(self) -> None:
        from tianji_core.state.client import close_client, make_listener

        lost = False
        while True:
            client = make_listener(self._link.address, self._link.limit)
            pubsub = client.pubsub()
            try:
                async with asyncio.timeout(max(1.0, self._link.limit * 8)):
                    await pubsub.subscribe(self._channel)
                await self._read(pubsub, lost)
            except asyncio.CancelledError:
                raise
            except Exception:  # the breaker says what there is to say; here it is only tried again
                lost = True
            finally:
                self.listening.clear()
                with suppress(Exception):
                    await asyncio.wait_for(pubsub.aclose(), 1.0)
                await close_client(client)
            await asyncio.sleep(PAUSE)

    async def _read(self, pubsub: Any, lost: bool) -> None:
        seen = time.monotonic()
        asked = False
        while True:
            message = await pubsub.get_message(timeout=QUIET / 2)
            now = time.monotonic()
            if message is not None:
                seen, asked = now, False
                if message["type"] == "message":
                    self._heard(message["data"])
                elif message["type"] == "subscribe":
                    self.listening.set()
                    if lost:
                        lost = False
                        self._gap()
            elif now - seen > 2 * QUIET:
                raise ConnectionError("Redis says nothing")
            elif now - seen > QUIET and not asked:
                asked = True
                async with asyncio.timeout(1.0):
                    await pubsub.ping()
