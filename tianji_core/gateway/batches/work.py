"""The work on one batch: look at its lines, do them, put their results into files."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from tianji_core.api.errors import (
    GatewayError,
    InternalServerError,
    NotFoundError,
    RateLimitError,
    ServiceUnavailableError,
)
from tianji_core.gateway.batches import UNFINISHED
from tianji_core.gateway.batches.calls import Line, answered, begun, left, refused
from tianji_core.gateway.batches.choice import Choice, at_vendor
from tianji_core.gateway.batches.held import Held, LostError, patiently
from tianji_core.gateway.batches.lines import Check, parse_line, read_lines
from tianji_core.gateway.batches.native import NativeBatch, RefusedError, remembered
from tianji_core.gateway.batches.parcel import Parcel, UnfitError
from tianji_core.gateway.batches.records import record
from tianji_core.gateway.batches.results import Results, written
from tianji_core.gateway.batches.shapes import principal_of
from tianji_core.gateway.call import new_id as new_call_id
from tianji_core.gateway.objects.files import COMING
from tianji_core.gateway.objects.files import KIND as FILE
from tianji_core.gateway.reply import Reply
from tianji_core.store import StoreUnavailableError
from tianji_core.store.objects import StoredObject
from tianji_core.telemetry import get_logger

if TYPE_CHECKING:
    from tianji_core.gateway.gateway import Gateway

log = get_logger("tianji.batches")

GRACE = 30.0
"""Seconds that calls under way have left once the batch is cancelled or its time is over."""
LAST_WORDS = 5.0
"""Seconds to write down what is done when the process ends."""
RATE_LIMIT_TRIES = 5
"""Tries of a line that is refused because there are too many calls, each with the gateway's own retries in it."""
MAX_PAUSE = 60.0
"""Seconds between two of them."""

PATIENCE = 24 * 3600.0
"""Seconds after a batch's time is over for which its vendor is still asked how it went."""

_LEFT = {
    "cancelled": ("batch_cancelled", "This request was not made before the batch was cancelled."),
    "expired": ("batch_expired", "This request could not be made before the completion window expired."),
}


class _InputGoneError(Exception):
    """The input file has been removed."""


class Work:
    """One batch, as long as this worker holds it."""

    def __init__(self, gateway: Gateway, held: Held, slots: asyncio.Semaphore, poll: float) -> None:
        """`poll` is the pause between two looks at a vendor's batch, in seconds."""
        self._gateway = gateway
        self._files = gateway.files
        self._held = held
        self._slots = slots
        self._principal = principal_of(held.stored)
        self._closing = False
        self._poll = poll
        self._parcel: Parcel | None = None
        held.note(held.stored)

    @property
    def id(self) -> str:
        return self._held.stored.id

    def close(self) -> None:
        """Begin no further line; `run` ends once those under way are over."""
        self._closing = True
        self._held.stopped.set()

    def look(self) -> None:
        """The batch has been cancelled in this process: no need to wait until the database tells."""
        self._held.stopped.set()

    async def run(self) -> None:
        """Work until the batch is over, lost, or the process closes."""
        try:
            await self._run()
        except asyncio.CancelledError:
            await self._let_go()
            raise
        finally:
            if self._parcel is not None:
                self._parcel.close()

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                keeper = group.create_task(self._held.keep())
                await self._steps(group)
                keeper.cancel()
        except* LostError:
            log.info("batch has gone to another worker", batch=self.id)
        except* Exception as errors:
            log.exception("batch failed unexpectedly", batch=self.id, errors=[repr(e) for e in errors.exceptions])
            with suppress(LostError):
                await self._fail("internal_error", "The batch could not be done.")

    async def _steps(self, group: asyncio.TaskGroup) -> None:
        held = self._held
        over = asyncio.get_running_loop().call_later(max(0.0, self._seconds_left()), held.stopped.set)
        try:
            if held.stored.status == "validating":
                await self._validate()
            if held.data.get("native") is not None and not await self._at_vendor(group):
                return
            if held.stored.status in ("in_progress", "cancelling") and self._has_lines_to_do():
                await self._do_lines(group)
            if held.stored.status == "failed":
                return
            if self._closing:
                await self._let_go()
                return
            await self._finish()
        except _InputGoneError:
            await self._fail("input_file_gone", "The input file is no longer there.")
        finally:
            over.cancel()

    async def _let_go(self) -> None:
        """Let another worker have the batch at once; if that cannot be said now, it has it when the lease is over."""
        with suppress(LostError, StoreUnavailableError, TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                await self._held.release()

    def _seconds_left(self) -> float:
        seconds: float = self._held.data["expires_at"] - time.time()
        return seconds

    async def _lines(self) -> AsyncIterator[tuple[int, bytes]]:
        """The lines of the input. Raises _InputGoneError."""
        try:
            file = await self._files.get(self._held.data["input_file_id"], self._principal)
            async for number, text in read_lines(self._files.content(file)):
                yield number, text
        except NotFoundError as error:
            raise _InputGoneError from error

    # -- before --------------------------------------------------------------------------------------------------

    async def _validate(self) -> None:
        held = self._held
        check = Check(held.data["endpoint"], self._gateway.config.general_settings.max_batch_file_records)
        models: set[object] = set()
        async for number, text in self._lines():
            line = check.line(number, text)
            if check.ended or held.stopped.is_set():
                break
            if line is not None and len(models) < 2:
                models.add(line.body.get("model"))
        else:
            check.end()
        if self._closing or (held.stopped.is_set() and not check.errors):
            return
        if check.errors:
            await self._failed(check.errors)
            return
        native = None
        if len(models) == 1 and isinstance(model := models.pop(), str):
            choice = at_vendor(self._gateway, model, held.data["provider"])
            self._parcel = None if choice is None else await self._pack(choice)
            if choice is not None and self._parcel is not None:
                native = remembered(choice)
        await held.enter("in_progress", counts={"total": check.count, "completed": 0, "failed": 0}, native=native)

    # -- at a vendor ---------------------------------------------------------------------------------------------

    async def _pack(self, choice: Choice) -> Parcel | None:
        """The lines that are not done yet as the vendor gets them; None if it cannot have them."""
        done = await self._done()
        parcel = Parcel(self._gateway, self._held.stored, self._principal, choice)
        try:
            async for number, text in self._lines():
                if number not in done:
                    await parcel.add(parse_line(number, text))
        except BaseException as error:
            parcel.close()
            if isinstance(error, UnfitError):
                return None
            raise
        return parcel

    async def _at_vendor(self, group: asyncio.TaskGroup) -> bool:
        """The next step of a batch that a vendor does; False if another one follows later, or the batch has failed.

        A batch that the vendor will not have goes the gateway's own way.
        """
        held, known = self._held, self._held.data["native"]
        deployment = self._gateway.targets.find(known["deployment"], known["account"])
        if deployment is None or deployment.provider.batch_api is None:
            if held.stored.vendor_id is None:
                return await self._not_at_vendor()
            await self._fail("deployment_gone", "The deployment that the batch was given to is not set up any more.")
            return False
        native = NativeBatch(self._gateway, held, self._principal, deployment)
        try:
            if held.stored.vendor_id is None:
                return await self._hand_over(native, group, Choice(deployment, known["model"], known["group"]))
            state = await native.look()
            if state.ended == "failed":
                await self._failed([dict(error) for error in state.errors])
                return False
            if state.ended is not None:
                await native.bring_home(state, self._lines(), group)
                return True
        except StoreUnavailableError:
            raise
        except GatewayError as error:
            log.warning("vendor of a batch does not answer", batch=self.id, error=str(error))
            if self._seconds_left() < -PATIENCE:
                await self._fail("vendor_away", "The vendor that does the batch could not be asked any more.")
                return False
        await self._later()
        return False

    async def _hand_over(self, native: NativeBatch, group: asyncio.TaskGroup, choice: Choice) -> bool:
        held = self._held
        if held.stored.status == "cancelling" or self._seconds_left() <= 0:
            return await self._not_at_vendor()
        parcel, self._parcel = self._parcel or await self._pack(choice), None
        if parcel is None:
            return await self._not_at_vendor()
        try:
            if not parcel.count:
                return await self._not_at_vendor()
            await self._note_refused(parcel, group)
            await native.hand_over(parcel)
        except RefusedError:
            return await self._not_at_vendor()
        finally:
            parcel.close()
        await self._later()
        return False

    async def _note_refused(self, parcel: Parcel, group: asyncio.TaskGroup) -> None:
        """Write down the lines that the vendor never sees."""
        results = Results(self._held)
        writer = group.create_task(results.write())
        for number, line in parcel.refused:
            await results.add(number, False, line)
        await results.close(writer)

    async def _not_at_vendor(self) -> bool:
        await self._held.update(native=None)
        return True

    async def _later(self) -> None:
        """Whoever is there then looks again."""
        await self._held.release(time.time() + self._poll)

    def _has_lines_to_do(self) -> bool:
        """Whether there are lines for the gateway to do."""
        return bool(self._held.data["counts"]["total"]) and self._held.data.get("native") is None

    async def _done(self) -> set[int]:
        """The lines whose results are written down."""
        held = self._held
        if not held.data["pieces"]:
            return set()
        return {number async for number, _, _ in written(held.opened, self.id)}

    # -- the lines -----------------------------------------------------------------------------------------------

    async def _do_lines(self, group: asyncio.TaskGroup) -> None:
        """Do the lines that are not done yet, until all are or the batch is to stop."""
        held = self._held
        done = await self._done()
        results = Results(held)
        writer = group.create_task(results.write())
        under_way: set[asyncio.Task[None]] = set()
        try:
            if len(done) < held.data["counts"]["total"]:
                async for number, text in self._lines():
                    if held.stopped.is_set():
                        break
                    if number in done:
                        continue
                    await self._slots.acquire()
                    if held.stopped.is_set():
                        self._slots.release()
                        break
                    task = group.create_task(self._do_line(parse_line(number, text), results))
                    task.add_done_callback(lambda _: self._slots.release())
                    task.add_done_callback(under_way.discard)
                    under_way.add(task)
            await self._last_ones(under_way)
            await results.close(writer)
        except BaseException:
            for task in under_way:
                task.cancel()
            if under_way:
                await asyncio.wait(under_way)
            with suppress(LostError, TimeoutError):
                async with asyncio.timeout(LAST_WORDS):
                    await results.close(writer)
            raise

    async def _last_ones(self, under_way: set[asyncio.Task[None]]) -> None:
        """Wait for the calls under way: as long as they take, or for a while once the batch is to stop."""
        if not under_way:
            return
        stopped = asyncio.ensure_future(self._held.stopped.wait())
        everything = asyncio.ensure_future(asyncio.wait(set(under_way)))
        try:
            await asyncio.wait({stopped, everything}, return_when=asyncio.FIRST_COMPLETED)
            if not everything.done():
                await asyncio.wait({everything}, timeout=None if self._closing else GRACE)
        finally:
            stopped.cancel()
            everything.cancel()
        left = set(under_way)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    async def _do_line(self, line: Line, results: Results) -> None:
        try:
            outcome = await self._outcome(line)
        except Exception as error:  # a defect of ours, which is no reason to leave the other lines undone
            log.exception("line failed unexpectedly", batch=self.id, line=line.number, error=repr(error))
            crash = InternalServerError("Internal server error.")
            await results.add(line.number, False, self._refused(line, new_call_id(), crash))
            return
        if outcome is not None:
            good, text, usage = outcome
            await results.add(line.number, good, text, usage)

    async def _outcome(self, line: Line) -> tuple[bool, bytes, Mapping[str, Any] | None] | None:
        """What comes of a line; None if the batch stops before it could be tried."""
        endpoint: str = self._held.data["endpoint"]
        for again in count(1):
            call = None
            try:
                asked = await begun(self._gateway, endpoint, line, self._principal, self.id)
                call = asked.call
                reply = await asked.run(self._gateway.pipeline)
                assert isinstance(reply, Reply)  # noqa: S101 - lines do not stream
                return True, answered(line.custom_id, call.id, reply.body), call.usage
            except GatewayError as error:
                # The gateway itself is full, or its database is away.
                turned_away = isinstance(error, ServiceUnavailableError) and (call is None or not call.finished)
                crowded = isinstance(error, RateLimitError) and again < RATE_LIMIT_TRIES
                if turned_away or crowded:
                    pause = error.retry_after if error.retry_after is not None else 2.0 ** min(again, 6)
                    if not await self._stops_within(min(pause, MAX_PAUSE)):
                        continue
                    if turned_away:
                        return None
                request_id = call.id if call is not None else new_call_id()
                return False, self._refused(line, request_id, error), call.usage if call is not None else None
        raise AssertionError("unreachable")

    def _refused(self, line: Line, request_id: str, error: GatewayError) -> bytes:
        return refused(line.custom_id, request_id, error, self._held.data["endpoint"])

    async def _stops_within(self, seconds: float) -> bool:
        """Wait so long, but no longer than the batch is to go on; whether it is to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self._held.stopped.wait()
        except TimeoutError:
            return False
        return True

    # -- after ---------------------------------------------------------------------------------------------------

    async def _finish(self) -> None:
        """Put the results into files, and end the batch.

        The files' ids are written down before anybody can see the files: who has to do this again removes them first.
        """
        held = self._held

        def finalizing(present: StoredObject) -> StoredObject:
            if "ending" in present.data:
                return present
            data = {**present.data, "ending": _ending(present)}
            if present.status == "cancelling":
                return replace(present, data=data)
            return replace(present, status="finalizing", data={**data, "finalizing_at": time.time()})

        await held.change(finalizing)
        ending = held.data["ending"]
        for id in held.data.get("making", ()):
            await self._forget(id)
        counts = held.data["counts"]
        rest = counts["total"] - counts["completed"] - counts["failed"]
        output = await self._take(self._good()) if counts["completed"] else None
        errors = await self._take(self._bad(ending if rest else None)) if counts["failed"] or rest else None
        await held.update(making=[each.id for each in (output, errors) if each is not None])
        try:
            for kind, each in (("output", output), ("error", errors)):
                if each is not None:
                    name, life = f"{self.id}_{kind}.jsonl", held.data.get("output_life")
                    await patiently(partial(self._files.keep, each, name, "batch_output", life=life))

            def ended(present: StoredObject) -> StoredObject:
                data = {name: value for name, value in present.data.items() if name not in ("making", "ending")}
                data["output_file_id"] = output.id if output is not None else None
                data["error_file_id"] = errors.id if errors is not None else None
                return replace(present, status=ending, data={**data, f"{ending}_at": time.time()})

            await held.change(ended)
        except LostError:
            for each in (output, errors):
                if each is not None:
                    await self._forget(each.id)
            raise
        await held.opened.pieces.remove(self.id)
        log.info("batch is over", batch=self.id, status=ending, **held.data["counts"])
        if held.data.get("native") is not None:
            record(self._gateway, held.stored, self._principal)

    async def _take(self, parts: AsyncIterator[bytes]) -> StoredObject:
        return await self._files.take(self._held.stored.owner, parts)

    async def _forget(self, id: str) -> None:
        """Remove a file that another worker, or this one, has made in vain."""
        for kind in (FILE, COMING):
            await self._held.opened.objects.remove(kind, id, None)

    async def _good(self) -> AsyncIterator[bytes]:
        async for _, good, line in written(self._held.opened, self.id):
            if good:
                yield line + b"\n"

    async def _bad(self, ending: str | None) -> AsyncIterator[bytes]:
        """What failed, and what was left undone because the batch ended so."""
        done = set()
        async for number, good, line in written(self._held.opened, self.id):
            done.add(number)
            if not good:
                yield line + b"\n"
        if ending not in _LEFT:
            return
        with suppress(_InputGoneError):
            async for number, text in self._lines():
                if number not in done:
                    yield left(parse_line(number, text).custom_id, *_LEFT[ending]) + b"\n"

    async def _failed(self, errors: list[dict[str, object]]) -> None:
        await self._held.enter("failed", errors=errors)

    async def _fail(self, code: str, message: str) -> None:
        if self._held.stored.status not in UNFINISHED:
            return
        await self._failed([{"code": code, "line": None, "message": message, "param": None}])


def _ending(batch: StoredObject) -> str:
    """The state that a batch ends in once no line of it is under way any more."""
    counts = batch.data["counts"]
    if batch.status == "cancelling":
        return "cancelled"
    native = batch.data.get("native")
    if native is not None:
        stopped_by_us = native["ended"] == "cancelled" and native.get("told_to_stop")
        return "expired" if stopped_by_us else str(native["ended"])
    whole = counts["completed"] + counts["failed"] >= counts["total"] > 0
    return "completed" if whole else "expired"
