"""What answers use that a vendor works on in the background: told once they are whole, in a record of their own.

The call that asked for such an answer is over before the vendor has begun; its record has no usage. So somebody has to
look again: a task does, and who asks for the answer meanwhile is the sooner of the two. What is not whole when this
process ends is looked at a last time; the usage of what is not whole even then is lost, and the log says of which.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from tianji_core.api.errors import BadGatewayError, GatewayError
from tianji_core.api.provider import Body
from tianji_core.gateway.call import Call
from tianji_core.gateway.limits import Reservation
from tianji_core.gateway.responses import vendor
from tianji_core.gateway.responses.ids import AtVendor, ResponseIds
from tianji_core.telemetry import get_logger
from tianji_core.translate.surfaces.responses import RESPONSES

if TYPE_CHECKING:
    from tianji_core.gateway.pipeline import Pipeline

log = get_logger("tianji.calls")

FIRST_LOOK = 2.0
"""Seconds after which the vendor is asked; the pauses double from then on."""
LONGEST_PAUSE = 60.0
PATIENCE = 24 * 3600.0
"""Seconds after which nobody asks any more."""
LAST_LOOK = 5.0
"""Seconds that all last looks may take together."""
UNDER_WAY = ("queued", "in_progress")
_GOOD = ("completed", "incomplete")


class Deferred:
    """The answers that vendors work on for calls of this process."""

    def __init__(self, pipeline: Pipeline, limit: int) -> None:
        """`limit` is the most bytes of an answer."""
        self._pipeline = pipeline
        self._limit = limit
        self._waiting: dict[str, tuple[Call, AtVendor]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def watch(self, call: Call, at: AtVendor) -> None:
        """See to it that what a call's answer uses is written down once the vendor has made it."""
        ident = at.vendor_id
        self._waiting[ident] = (call, at)
        task = asyncio.get_running_loop().create_task(self._look(ident, at), name="tianji deferred response")
        self._tasks[ident] = task
        task.add_done_callback(lambda _: self._tasks.pop(ident, None))

    def see(self, ident: str, response: Body) -> None:
        """Take note of what the vendor says of an answer, whose id there is `ident`: the first whole one counts."""
        if ident not in self._waiting or response.get("status") in UNDER_WAY:
            return
        call, at = self._waiting.pop(ident)
        task = self._tasks.get(ident)
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        self._record(call, at, response)

    def hand_over(self, successor: Deferred, ids: ResponseIds) -> None:
        """Let another gateway wait in this one's place; `ids` are its own, and lead to its deployments."""
        for ident, (call, at) in list(self._waiting.items()):
            there = ids.open(at.id, None)
            if there is not None:
                del self._waiting[ident]
                successor.watch(call, there)

    async def aclose(self) -> None:
        """Look at what is not whole a last time."""
        for task in list(self._tasks.values()):
            task.cancel()
        if self._waiting:
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_LOOK):
                    await asyncio.gather(*(self._ask(ident, at) for ident, (_, at) in list(self._waiting.items())))
        for ident, (call, _) in self._waiting.items():
            log.warning("usage of a background response is not known", response=ident, call_id=call.id)
        self._waiting.clear()

    async def _look(self, ident: str, at: AtVendor) -> None:
        pause, waited = FIRST_LOOK, 0.0
        while ident in self._waiting and waited < PATIENCE:
            await asyncio.sleep(pause)
            waited += pause
            pause = min(pause * 2, LONGEST_PAUSE)
            await self._ask(ident, at)

    async def _ask(self, ident: str, at: AtVendor) -> None:
        try:
            self.see(ident, await vendor.ask(at, "GET", limit=self._limit))
        except GatewayError as error:
            if error.http_status == 404 and self._waiting.pop(ident, None) is not None:
                log.warning("usage of a background response is not known", response=ident, error=str(error))

    def _record(self, call: Call, at: AtVendor, response: Body) -> None:
        """The record of the answer: with the vendor's id, so that whoever adds up can tell it from others."""
        made = Call(
            call.operation,
            call.model,
            {name: call.body[name] for name in ("service_tier", "web_search_options") if name in call.body},
            principal=call.principal,
            dialect=call.dialect,
            route=call.route,
            headers=call.headers,
            client=call.client,
            end_user=call.end_user,
            tags=call.tags,
            metadata={**call.metadata, "response_id": at.id, "call_id": call.id},
            id=at.vendor_id,
            started_at=call.started_at,
        )
        made.group, made.deployment, made.upstream_model = call.group, call.deployment, call.upstream_model
        made.usage = RESPONSES.native_usage(response)
        model = response.get("model")
        made.named_model = model if isinstance(model, str) else None
        error = None
        if response.get("status") not in _GOOD:
            told = response.get("error")
            message = told.get("message") if isinstance(told, dict) else None
            error = BadGatewayError(str(message or f"The provider's response was {response.get('status')}."))
        self._pipeline.end(made, error, Reservation(self._pipeline.limits, made))
