"""The wire to Redis: operations that were asked for at the same time travel together, each within its time limit, and
a breaker that asks nothing of a Redis that does not answer.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from tianji_core.state.address import RedisAddress
from tianji_core.telemetry import get_logger

log = get_logger("tianji.state")

LIMIT = 0.05
"""Seconds for one operation, waiting included."""
FAILURES = 3
"""Round trips that fail in a row before nothing more is asked."""
PROBE_FIRST, PROBE_LAST = 0.2, 1.0
"""Seconds between two looks whether Redis is back: doubled from the first to the last."""
_LANES = 4
_TOGETHER = 128

Command = tuple[Any, ...]


class Away(Exception):
    """Redis has not done it; or nobody knows whether it has, if `unknown`."""

    def __init__(self, unknown: bool = False) -> None:
        super().__init__("Redis is away")
        self.unknown = unknown


class Script:
    """A Lua script, which Redis knows by its hash once it has seen it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class _Unit:
    """Operations that one caller asked for together."""

    __slots__ = ("commands", "future", "sent", "timer")

    def __init__(self, commands: Sequence[Command], future: asyncio.Future[list[Any]]) -> None:
        self.commands = commands
        self.future = future
        self.sent = False
        self.timer: asyncio.TimerHandle | None = None

    def fail(self, unknown: bool) -> None:
        if not self.future.done():
            self.future.set_exception(Away(unknown))

    def expire(self) -> None:
        self.fail(self.sent)


class Link:
    """Redis at an address. `up` is what the breaker says; `on_change` is told when that changes."""

    def __init__(self, address: RedisAddress, *, limit: float = LIMIT, purpose: str = "state") -> None:
        self.address = address
        self.limit = limit
        self.up = False
        self.breaks = 0
        """How often Redis was given up, since the process began."""
        self.on_change: list[Callable[[bool], None]] = []
        self._purpose = purpose
        self._client: Any = None
        self._waiting: deque[_Unit] = deque()
        self._lanes: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._probing: asyncio.Task[None] | None = None
        self._never_up = True

    async def start(self) -> None:
        """Connect. A Redis that is away is looked for in the background."""
        if self._client is not None:
            return
        from tianji_core.state.client import make_client

        self._client = make_client(self.address, self.limit)
        error = await self._probe()
        if error is None:
            self._set_up()
        else:
            self._break(error)

    async def aclose(self) -> None:
        if self._probing is not None:
            self._probing.cancel()
            with suppress(asyncio.CancelledError):
                await self._probing
            self._probing = None
        client, self._client, self.up = self._client, None, False
        if self._lanes:
            await asyncio.wait(self._lanes, timeout=self.limit * 10)
        if client is not None:
            from tianji_core.state.client import close_client

            await close_client(client)

    # -- operations

    async def run(self, *command: Any) -> Any:
        """Have one command done. Raises Away."""
        return (await self.run_all([command]))[0]

    async def run_all(self, commands: Sequence[Command]) -> list[Any]:
        """Have commands done in one round trip, not as one transaction. Raises Away, also if one of them is refused."""
        replies = await self._send(commands)
        for reply in replies:
            if isinstance(reply, Exception):
                raise Away from reply
        return replies

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a script; its name alone is sent while Redis knows it. Raises Away."""
        reply = (await self._send([("EVALSHA", script.sha, len(keys), *keys, *args)]))[0]
        if isinstance(reply, Exception):
            if not str(reply).startswith(("NOSCRIPT", "No matching script")):
                raise Away from reply
            reply = await self.run("EVAL", script.text, len(keys), *keys, *args)
        return reply

    async def at_leisure(self, work: Callable[[Any], Any], seconds: float = 10.0) -> Any:
        """Have an administrator's work done with the client itself. Raises Away."""
        if self._client is None or not self.up:
            raise Away
        try:
            return await asyncio.wait_for(work(self._client), seconds)
        except Exception as error:
            raise Away(unknown=True) from error

    async def clear(self, prefix: str) -> int:
        """Forget every key that begins so; how many there were. Raises Away."""
        from tianji_core.state.client import clear_keys

        return int(await self.at_leisure(lambda client: clear_keys(client, prefix)))

    async def _send(self, commands: Sequence[Command]) -> list[Any]:
        if not self.up:
            raise Away
        loop = asyncio.get_running_loop()
        unit = _Unit(commands, loop.create_future())
        self._waiting.append(unit)
        if len(self._lanes) < _LANES:
            lane = loop.create_task(self._drain())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)
        timer = loop.call_later(self.limit, unit.expire)
        try:
            return await unit.future
        finally:
            timer.cancel()

    async def _drain(self) -> None:
        """Send what waits, some of it at a time, until nothing does."""
        while self._waiting:
            units: list[_Unit] = []
            size = 0
            while self._waiting and size < _TOGETHER:
                unit = self._waiting.popleft()
                if not unit.future.done():
                    units.append(unit)
                    size += len(unit.commands)
            if not units:
                return
            for unit in units:
                unit.sent = True
            try:
                replies = await self._round_trip([command for unit in units for command in unit.commands])
            except Exception as error:  # of the client's many kinds; whatever it is, Redis has not answered
                for unit in units:
                    unit.fail(unknown=True)
                self._failed(error)
                continue
            refusal = next((reply for reply in replies if _is_refusal(reply)), None)
            if refusal is None:
                self._failures = 0
            begin = 0
            for unit in units:
                end = begin + len(unit.commands)
                if not unit.future.done():
                    unit.future.set_result(replies[begin:end])
                begin = end
            if refusal is not None:
                self._failed(refusal)

    async def _round_trip(self, commands: list[Command]) -> list[Any]:
        client = self._client
        if client is None:
            raise Away
        # Beside the client's own time-outs one for all of it: a pool, a sentinel, a cluster's moves take time too.
        async with asyncio.timeout(self.limit * 8):
            pipeline = client.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            replies: list[Any] = await pipeline.execute(raise_on_error=False)
            return replies

    # -- the breaker

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        if self._failures >= FAILURES and self.up:
            self._break(error)

    def _break(self, error: Exception) -> None:
        self.up = False
        self.breaks += 1
        log.warning(
            "Redis is away: this replica decides for itself",
            purpose=self._purpose,
            redis=self.address.shown,
            error=f"{type(error).__name__}: {error}"[:200],
        )
        while self._waiting:
            self._waiting.popleft().fail(unknown=False)
        self._tell(False)
        self._probing = asyncio.get_running_loop().create_task(self._look_for_it())

    async def _look_for_it(self) -> None:
        pause = PROBE_FIRST
        while True:
            await asyncio.sleep(pause)
            if await self._probe() is None:
                self._probing = None
                self._set_up()
                return
            pause = min(2 * pause, PROBE_LAST)

    async def _probe(self) -> Exception | None:
        try:
            async with asyncio.timeout(max(1.0, self.limit * 8)):
                await self._client.ping()
        except Exception as error:
            return error
        return None

    def _set_up(self) -> None:
        self.up, self._failures = True, 0
        if self._never_up:
            self._never_up = False
            log.info("Redis is there", purpose=self._purpose, redis=self.address.shown)
        else:
            log.info("Redis is back", purpose=self._purpose, redis=self.address.shown)
        self._tell(True)

    def _tell(self, up: bool) -> None:
        for function in self.on_change:
            function(up)


def _is_refusal(reply: Any) -> bool:
    """Whether Redis has answered that it cannot do it at present."""
    return isinstance(reply, Exception) and not str(reply).startswith(("NOSCRIPT", "No matching script"))
