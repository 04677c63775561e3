"""Batches that a vendor does: handed over, looked after, their results brought home.

What is remembered in the batch's `data["native"]`: the deployment and its account, the vendor's name of the model, the
file that holds the lines, whether the vendor has been told to stop, its counts, and how it ended.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

import orjson

from tianji_core.api.batches import BatchAPI, BatchResult, BatchState
from tianji_core.api.call import Principal
from tianji_core.api.callback import Cost
from tianji_core.api.errors import BadGatewayError, GatewayError
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.gateway.batches.calls import Line, answered, line_call, refused
from tianji_core.gateway.batches.choice import Choice
from tianji_core.gateway.batches.held import Held
from tianji_core.gateway.batches.lines import parse_line, read_lines
from tianji_core.gateway.batches.parcel import Parcel, attempt_of
from tianji_core.gateway.batches.results import Results, written
from tianji_core.gateway.call import Call
from tianji_core.gateway.call import new_id as new_call_id
from tianji_core.gateway.costs import call_cost
from tianji_core.gateway.dialects import in_dialect
from tianji_core.gateway.objects import vendors
from tianji_core.gateway.objects.targets import account_of
from tianji_core.gateway.reply import Reply, StreamReply, transport_failure
from tianji_core.store.objects import StoredObject
from tianji_core.telemetry import get_logger
from tianji_core.transport import TransportError, UpstreamResponse

if TYPE_CHECKING:
    from tianji_core.gateway.gateway import Gateway
    from tianji_core.routing import Deployment

log = get_logger("tianji.batches")

Lines = AsyncIterator[tuple[int, bytes]]
NAMES_MODEL = frozenset({"chat", "completions", "embeddings"})


class RefusedError(Exception):
    """The vendor does not take the batch."""


class NativeBatch:
    """One batch at a vendor, as long as this worker holds it."""

    def __init__(self, gateway: Gateway, held: Held, principal: Principal, deployment: Deployment) -> None:
        api = deployment.provider.batch_api
        assert api is not None  # noqa: S101 - see at_vendor
        self._api: BatchAPI = api
        self._gateway = gateway
        self._held = held
        self._principal = principal
        self._deployment = deployment

    @property
    def _native(self) -> dict[str, Any]:
        known: dict[str, Any] = self._held.data["native"]
        return known

    async def _note(self, **members: Any) -> None:
        def noted(present: StoredObject) -> StoredObject:
            return replace(present, data={**present.data, "native": {**present.data["native"], **members}})

        await self._held.change(noted)

    # -- there ---------------------------------------------------------------------------------------------------

    async def hand_over(self, parcel: Parcel) -> None:
        """Give the vendor the lines. Raises RefusedError if it will not have them, GatewayError if it is away."""
        vendor_id = await self._found() or await self._made(parcel)
        log.info("batch handed over", batch=self._held.stored.id, provider=self._deployment.provider_name)
        await self._held.change(lambda present: replace(present, vendor_id=vendor_id))

    async def _found(self) -> str | None:
        """A batch that was made before, by a worker that did not live to write it down."""
        request = self._api.find(self._held.stored.id) if self._native.get("tried") else None
        if request is None:
            await self._note(tried=True)
            return None
        return self._api.found(self._held.stored.id, await vendors.ask_json(self._deployment, request))

    async def _made(self, parcel: Parcel) -> str:
        api, batch, file = self._api, self._held.stored.id, None
        try:
            if api.uploads:
                name = f"{batch}.jsonl"
                file = await vendors.upload(
                    self._deployment, name, "batch", "application/jsonl", parcel.content(), size=parcel.size
                )
                await self._note(file=file)
            request = api.create(batch, parcel.endpoint or "", file)
            request.headers += parcel.headers()
            if not api.uploads:
                request.body = parcel.wrapped()
                request.length = parcel.size + sum(map(len, api.around()))
            answer = await vendors.ask_json(self._deployment, request)
            found = answer.get("id")
            if not isinstance(found, str) or not found:
                raise BadGatewayError("The provider's answer names no batch.")
        except GatewayError as error:
            await self._forget_file()
            if error.retryable:
                raise
            log.warning("vendor refuses the batch", batch=batch, error=str(error))
            raise RefusedError from error
        return found

    # -- meanwhile -----------------------------------------------------------------------------------------------

    async def look(self) -> BatchState:
        """How it is; tells the vendor to stop where that is due. Raises GatewayError."""
        held, vendor_id = self._held, self._held.stored.vendor_id or ""
        stop = held.stored.status == "cancelling" or held.data["expires_at"] <= time.time()
        if stop and not self._native.get("told_to_stop"):
            try:
                await vendors.ask_json(self._deployment, self._api.cancel(vendor_id))
            except GatewayError as error:
                if error.retryable and error.http_status != 409:
                    raise
            await self._note(told_to_stop=True)
        answer = await vendors.ask_json(self._deployment, self._api.get(vendor_id))
        try:
            state = self._api.state(answer)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadGatewayError("The provider's answer makes no sense.") from error
        if state.ended is None:
            await self._note(counts={"completed": state.completed, "failed": state.failed})
        return state

    # -- and back ------------------------------------------------------------------------------------------------

    async def bring_home(self, state: BatchState, lines: Lines, group: asyncio.TaskGroup) -> None:
        """Write down all results. Raises GatewayError."""
        held = self._held
        await self._note(ended=state.ended)
        done = {number async for number, _, _ in written(held.opened, held.stored.id)} if held.data["pieces"] else set()
        results = Results(held)
        writer = group.create_task(results.write())
        with TemporaryFile() as spool:
            places = await self._fetch(state, spool)
            async for number, text in lines:
                if number in done or number not in places:
                    continue
                offset, length = places[number]
                spool.seek(offset)
                result = self._api.result(orjson.loads(spool.read(length)))
                if result is not None:
                    good, told, call = await self._read(parse_line(number, text), result)
                    if call is None or call.usage is None:
                        await results.add(number, good, told)
                    else:
                        await results.add(number, good, told, call.usage, self._cost(call))
                    await asyncio.sleep(0)
        await results.close(writer)
        await self._forget_file()

    async def _fetch(self, state: BatchState, spool: IO[bytes]) -> dict[int, tuple[int, int]]:
        """All results into a file on disk; where in it each line's is."""
        places: dict[int, tuple[int, int]] = {}
        for request in state.results:
            response = await vendors.ask(self._deployment, request)
            async with response:
                async for _, text in read_lines(_pieces(response)):
                    number = self._number(text)
                    if number is not None:
                        places[number] = (spool.tell(), len(text))
                        spool.write(text)
        return places

    def _number(self, text: bytes) -> int | None:
        """The number of the line that a result is for."""
        try:
            result = self._api.result(orjson.loads(text))
            return None if result is None else int(result.custom_id.removeprefix("line-"))
        except (ValueError, KeyError, TypeError, AttributeError):
            log.warning("a vendor's result makes no sense", batch=self._held.stored.id)
            return None

    def _cost(self, call: Call) -> Cost | None:
        """What a line has cost, at the prices of batches; None if nobody knows."""
        call.batched = True
        found = call_cost(call, self._deployment)
        return found if isinstance(found, Cost) else None

    async def _read(self, line: Line, result: BatchResult) -> tuple[bool, bytes, Call | None]:
        """A vendor's result as a line of the output, in the dialect that was asked in, and the call that it answers."""
        endpoint: str = self._held.data["endpoint"]
        headers = Headers([("content-type", "application/json")])
        model, call = self._native["model"], None
        try:
            call = line_call(self._gateway, endpoint, line, self._principal, self._held.stored.id)
            attempt = attempt_of(self._gateway, call, self._deployment, model)
            call.upstream_model = model
            answer = UpstreamReply(result.status, headers, orjson.dumps(result.body))
            if not 200 <= result.status < 300:
                raise vendors.failure(self._deployment, answer)
            reply: Reply | StreamReply = await attempt.read(model, answer)
            if isinstance(reply, Reply) and call.operation in NAMES_MODEL:
                reply.body["model"] = call.model
            reply = in_dialect(call, reply)
            assert isinstance(reply, Reply)  # noqa: S101 - no stream was asked for
        except GatewayError as error:
            id = call.id if call is not None else new_call_id()
            return False, refused(line.custom_id, id, error, endpoint), call
        return True, answered(line.custom_id, call.id, reply.body), call

    async def _forget_file(self) -> None:
        """Remove the lines at the vendor; if it cannot be, it stays there as long as the vendor keeps it."""
        file = self._native.get("file")
        if file is not None:
            with suppress(GatewayError):
                await vendors.delete(self._deployment, file)


async def _pieces(response: UpstreamResponse) -> AsyncIterator[bytes]:
    try:
        async for piece in response:
            yield piece
    except TransportError as error:
        raise transport_failure(error) from error


def remembered(choice: Choice) -> dict[str, Any]:
    """What a batch has to remember of where it is done."""
    deployment = choice.deployment
    return {
        "deployment": deployment.id,
        "account": account_of(deployment),
        "model": choice.model,
        "group": choice.group,
    }
