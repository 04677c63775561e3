"""Answers that are worked on while nobody waits: a task of this process, and its state in the store.

The task holds a lease on its answer. A process that dies renews it no more, and then whoever asks next finds that the
answer has failed. Another replica stops the work by taking the answer away: the task sees it at the next renewal.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from tianji_core.api.errors import GatewayError, InternalServerError
from tianji_core.api.provider import Body
from tianji_core.gateway.responses.kept import Answer, Kept, KeptResponses
from tianji_core.store import StoreUnavailableError
from tianji_core.telemetry import get_logger

if TYPE_CHECKING:
    from tianji_core.store.objects import StoredObject

log = get_logger("tianji.calls")

LEASE = 30.0
"""Seconds for which a task holds its answer."""
RENEWAL = 10.0
"""Seconds after which it asks for more."""
WRITE_TRIES = 10
"""Tries to write an answer down while the database is away, the pauses growing to a minute in all."""
UNDER_WAY = ("queued", "in_progress")
DIED = "The process that worked on this response has ended."
SHUT_DOWN = "The gateway was shut down while it worked on this response."

Work = Callable[[], Awaitable[Body]]
"""Brings the answer as a Response. Raises GatewayError."""


class Background:
    """The answers that this process works on."""

    def __init__(self, kept: KeptResponses) -> None:
        self._kept = kept
        self._worker = f"{os.getpid()}-{secrets.token_hex(8)}"
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stopped: set[str] = set()  # those whose caller wanted no more of them

    async def start(self, owner: str, answer: Answer, work: Work) -> Kept:
        """Keep an answer that is still to come, and begin to work on it. Raises StoreUnavailableError."""
        kept = await self._kept.add(owner, answer, worker=self._worker, leased_until=time.time() + LEASE)
        task = asyncio.get_running_loop().create_task(self._run(kept, work))
        self._tasks[kept.stored.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(kept.stored.id, None))
        return kept

    async def settled(self, kept: Kept) -> Kept | None:
        """The answer as it is; one whose process has died has failed. None if it is gone meanwhile."""
        lease = kept.stored.leased_until
        if kept.stored.status not in UNDER_WAY or (lease is not None and lease > time.time()):
            return kept

        def over(present: StoredObject) -> bool:
            alive = present.leased_until is not None and present.leased_until > time.time()
            return present.status not in UNDER_WAY or alive

        return await self._kept.end(kept, failed(kept.response, InternalServerError(DIED)), unless=over)

    async def cancel(self, kept: Kept) -> Kept | None:
        """Stop the work on an answer; one that has ended stays as it is. None if it is gone meanwhile."""
        cancelled = {**kept.response, "status": "cancelled"}
        ended = await self._kept.end(kept, cancelled, unless=_has_ended)
        self.stop(kept.stored.id)
        return ended

    def stop(self, ident: str) -> None:
        """Stop the work on an answer that nobody wants any more, if it is done here."""
        task = self._tasks.get(ident)
        if task is not None:
            self._stopped.add(ident)
            task.cancel()

    async def wait(self, ident: str, seconds: float) -> None:
        """Wait for so long, or until the work on an answer is over."""
        task = self._tasks.get(ident)
        if task is None:
            await asyncio.sleep(seconds)
        else:
            await asyncio.wait({task}, timeout=seconds)

    async def aclose(self) -> None:
        """Stop all work; the answers have failed."""
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    # -- one task ------------------------------------------------------------------------------------------------

    async def _run(self, kept: Kept, work: Work) -> None:
        ident = kept.stored.id
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - it is one
        holding = asyncio.get_running_loop().create_task(self._hold(ident, task))
        try:
            answer = await self._outcome(kept, work)
            if answer is not None:
                await self._write(kept, answer)
        finally:
            holding.cancel()
            self._stopped.discard(ident)

    async def _outcome(self, kept: Kept, work: Work) -> Body | None:
        """What has become of the work; None if nobody wants it."""
        ident = kept.stored.id
        try:
            return await work()
        except GatewayError as error:
            return failed(kept.response, error)
        except asyncio.CancelledError:
            return None if ident in self._stopped else failed(kept.response, InternalServerError(SHUT_DOWN))
        except Exception:
            log.exception("background response failed unexpectedly", id=ident)
            return failed(kept.response, InternalServerError("Internal server error."))

    async def _hold(self, ident: str, task: asyncio.Task[None]) -> None:
        """Renew the lease; end the work on what is no longer ours."""
        while True:
            await asyncio.sleep(RENEWAL)
            with suppress(StoreUnavailableError):  # it may come back before the lease is over
                if not await self._kept.renew(ident, self._worker, LEASE):
                    self._stopped.add(ident)
                    task.cancel()
                    return

    async def _write(self, kept: Kept, answer: Body) -> None:
        for turn in range(WRITE_TRIES):
            try:
                await self._kept.end(kept, answer, unless=_has_ended)
                return
            except StoreUnavailableError:
                await asyncio.sleep(min(0.2 * 2**turn, 10))
        log.error("background response lost: the database is away", id=kept.stored.id)


def _has_ended(present: StoredObject) -> bool:
    return present.status not in UNDER_WAY


def failed(response: Body, error: GatewayError) -> Body:
    """A response that has come to nothing, as OpenAI tells it."""
    code = "rate_limit_exceeded" if error.http_status == 429 else "server_error"
    if 400 <= error.http_status < 500 and error.http_status != 429:
        code = error.code or "invalid_prompt"
    return {**response, "status": "failed", "error": {"code": code, "message": error.message}}
