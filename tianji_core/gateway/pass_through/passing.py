"""One pass-through call: from its arrival to its record.

Its answer goes by unchanged. What is read of it (usage, the model) is read from a copy, and never holds it back; only a
guardrail that judges answers does.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import orjson

from tianji_core.accounting import count_stream, is_reported
from tianji_core.api.callback import AttemptRecord
from tianji_core.api.errors import (
    BadGatewayError,
    BadRequestError,
    ClientClosedError,
    GatewayError,
    GuardrailBlockedError,
)
from tianji_core.api.pass_through import Meter, PassThrough
from tianji_core.api.provider import Operation
from tianji_core.gateway.call import Call
from tianji_core.gateway.guardrails.foreign import as_answer, as_request
from tianji_core.gateway.pass_through.conceal import Concealer
from tianji_core.gateway.pass_through.headers import RawHeader, to_client
from tianji_core.gateway.pass_through.policed import police
from tianji_core.gateway.pass_through.table import Place
from tianji_core.gateway.pipeline import Pipeline
from tianji_core.gateway.reply import KEPT_BYTES, transport_failure
from tianji_core.routing import Deployment
from tianji_core.telemetry import get_logger
from tianji_core.translate.meters import NativeCounts, meter_for
from tianji_core.transport import TransportError, UpstreamResponse
from tianji_core.transport.errors import InvalidRequest

log = get_logger("tianji.pass_through")

STREAMS = ("text/event-stream", "application/x-ndjson", "application/stream+json", "application/vnd.amazon.eventstream")
_COUNTED: tuple[tuple[str, Operation], ...] = (("/chat/completions", "chat"), ("/completions", "completions"))
"""Ends of paths whose streams tell their usage only to those who ask for it; otherwise it is counted here."""


class Passing:
    """A call that holds its place until `end`, which has to be called, and counts the first time."""

    def __init__(self, pipeline: Pipeline, call: Call) -> None:
        """Raises ServiceUnavailableError if there is no place."""
        self.call = call
        self.pipeline = pipeline
        self._reservation = pipeline.limits.reserve(call)
        self._sent: float | None = None
        self.status: int | None = None

    async def send(self, place: Place, request: PassThrough) -> Passed:
        """Choose a row, have guardrails look, and send the request on. Raises GatewayError."""
        call = self.call
        deployment, model = await place.choose(request, call.principal)
        if self.pipeline.policies.current is not None:
            deployment, model = await police(self.pipeline, call, place, request, deployment, model)
        call.deployment, call.model, call.upstream_model = deployment, model, model or None
        call.group = deployment.model_name or None
        call.body = request.json or {}
        await self._judge(request)
        self._sent = time.monotonic()
        response = await self._exchange(place, deployment, request)
        self.status = response.status
        call.request_price = place.cost if 200 <= response.status < 300 else None
        try:
            passed = Passed(self, deployment, request, response)
            await passed.judge()
        except BaseException:
            await response.aclose()
            raise
        return passed

    def end(self, error: GatewayError | None) -> None:
        """The call is over: it is written down, once."""
        call, deployment = self.call, self.call.deployment
        if deployment is not None and self._sent is not None and not call.finished:
            duration = time.monotonic() - self._sent
            call.upstream_seconds = duration
            call.attempts.append(
                AttemptRecord(
                    deployment_id=deployment.id,
                    provider=deployment.provider_name,
                    model=call.model,
                    status=self.status,
                    error=None if error is None else type(error).__name__,
                    started=call.started_at + (self._sent - call.started),
                    duration=duration,
                )
            )
        self.pipeline.end(call, error, self._reservation)

    async def _exchange(self, place: Place, deployment: Deployment, request: PassThrough) -> UpstreamResponse:
        provider = deployment.provider
        upstream = provider.build_pass_through(request)
        if deployment.needs_authorize:
            upstream = await provider.authorize(upstream, deployment.network)
        try:
            return await deployment.transport.send(upstream, place.timeouts)
        except InvalidRequest as error:
            raise BadRequestError("This request cannot be passed on.") from error
        except TransportError as error:
            raise transport_failure(error) from error

    async def _judge(self, request: PassThrough) -> None:
        """Show the request to the guardrails that look at this call. They cannot change it, only refuse it."""
        chain, call = self.pipeline.guardrails, self.call
        stages = chain.stages(call)
        if not stages or not request.body:
            return
        if request.json is None:
            raise GuardrailBlockedError("A guardrail has to see this request, and can only be shown JSON.")
        shown = as_request(request.json, call.model)
        for stage in stages & {"pre_call", "during_call"}:
            await chain.inspect(call, stage, shown)


class Passed:
    """An answer on its way: an async iterator of its body, to be closed whatever happens.

    An answer that breaks off ends the iteration by raising the GatewayError; the client must not take it for whole.
    """

    def __init__(
        self, passing: Passing, deployment: Deployment, request: PassThrough, response: UpstreamResponse
    ) -> None:
        self.status = response.status
        self._passing = passing
        self._deployment = deployment
        self._request = request
        self._response = response
        self._pieces: AsyncIterator[bytes] = response.__aiter__()
        self._held: bytes | None = None
        self._closed = False
        self._failed = response.status >= 400
        self._said = bytearray()  # the beginning of an error answer
        self._concealer = Concealer(deployment.secrets) if self._failed and deployment.secrets else None
        self._meter = self._new_meter()
        self._counts_as = self._countable()
        self._kept: list[bytes] = []
        self._room = KEPT_BYTES
        self._more = 0
        passing.call.stream = self._kind().startswith(STREAMS)

    @property
    def headers(self) -> list[RawHeader]:
        """The vendor's header fields, as the client gets them."""
        return to_client(self._response.headers, self._deployment.secrets, keeps_length=self._concealer is None)

    async def judge(self) -> None:
        """Have guardrails look at the answer, where they judge answers: it is held for that. Raises GatewayError."""
        chain, call = self._passing.pipeline.guardrails, self._passing.call
        if self._failed or "post_call" not in chain.stages(call):
            return
        if "json" not in self._kind():
            raise GuardrailBlockedError("A guardrail has to see this answer, and can only be shown JSON.")
        try:
            held = await self._response.read(self._passing.pipeline.max_response_bytes)
        except TransportError as error:
            raise transport_failure(error) from error
        try:
            value: Any = orjson.loads(held)
        except ValueError:
            raise BadGatewayError("The provider's answer makes no sense.") from None
        self._watch(held)
        try:
            await chain.inspect(call, "post_call", as_request(self._request.json or {}, call.model), as_answer(value))
        except BaseException:
            self._read_meter(call)  # nobody gets the answer, and it was made all the same
            raise
        self._held = held

    def __aiter__(self) -> Passed:
        return self

    async def __anext__(self) -> bytes:
        held, self._held = self._held, None
        if held:
            return held
        while True:
            try:
                piece = await anext(self._pieces, None)
            except TransportError as failure:
                error = transport_failure(failure)
                await self.aclose(error)
                raise error from failure
            if piece is None:
                left = self._concealer.finish() if self._concealer is not None else b""
                if left:
                    return left
                await self.aclose(None)
                raise StopAsyncIteration
            self._watch(piece)
            if self._concealer is not None:
                piece = self._concealer.feed(piece)
            if piece:
                return piece

    async def aclose(self, error: GatewayError | None, *, quick: bool = False) -> None:
        """End the call; `error` says why, if its answer was not whole. `quick` if there is no time to count well."""
        if self._closed:
            return
        self._closed = True
        await self._response.aclose()
        call = self._passing.call
        try:
            self._read_meter(call)
            if self._counts_as is not None and self._kept and not is_reported(call.usage):
                await self._count(self._counts_as, quick or isinstance(error, ClientClosedError))
            if error is None:
                error = self._told_error()
        finally:
            self._passing.end(error)

    # -- reading along -------------------------------------------------------------------------------------------

    def _kind(self) -> str:
        return (self._response.headers.get("content-type") or "").lower()

    def _new_meter(self) -> Meter | None:
        headers = self._response.headers
        if self._failed or self._request.method == "HEAD" or headers.get("content-encoding") is not None:
            return None
        found = self._deployment.provider.pass_through_meter(self._request, headers)
        if found is not None:
            return found
        pipeline = self._passing.pipeline
        keep = pipeline.recording.keeps_answer(self._passing.call, pipeline.callbacks)
        return meter_for(headers.get("content-type"), NativeCounts(), keep=keep)

    def _countable(self) -> Operation | None:
        """What to count the tokens of this stream as, if its vendor does not tell them."""
        if self._meter is None or not self._passing.pipeline.counts_tokens or self._request.json is None:
            return None
        if not self._kind().startswith("text/event-stream"):
            return None
        return next((operation for end, operation in _COUNTED if self._request.path.endswith(end)), None)

    def _watch(self, piece: bytes) -> None:
        call = self._passing.call
        if call.first_chunk_at is None:
            call.first_chunk_at = time.time()
        if self._failed:
            self._said += piece[: max(0, KEPT_BYTES - len(self._said))]
        if self._counts_as is not None:
            if self._room > 0:
                self._room -= len(piece)
                self._kept.append(piece)
            else:
                self._more += len(piece)
        if self._meter is not None:
            try:
                self._meter.feed(piece)
            except Exception as error:  # a defect of the reader is no reason to break the answer
                log.warning("usage cannot be read", call_id=call.id, error=repr(error))
                self._meter = None

    def _read_meter(self, call: Call) -> None:
        meter = self._meter
        if meter is None:
            return
        try:
            meter.finish()
        except Exception as error:
            log.warning("usage cannot be read", call_id=call.id, error=repr(error))
            return
        if meter.usage is not None:
            call.usage = meter.usage
            if meter.usage.get("estimated"):
                call.usage_source = "estimate"
        call.model = call.model or meter.model or ""
        call.upstream_model = call.upstream_model or meter.model
        if isinstance(meter.answer, dict):
            call.response = meter.answer

    async def _count(self, operation: Operation, quick: bool) -> None:
        call, body = self._passing.call, self._request.json or {}
        counted = await count_stream(call.model, operation, body, self._kept, self._more, quick=quick)
        call.usage, call.usage_source = counted.usage, counted.source

    def _told_error(self) -> GatewayError | None:
        """The error that the answer itself is, or tells."""
        if self._failed:
            response = self._response
            error = self._deployment.provider.parse_error(response.status, response.headers, bytes(self._said))
        elif self._meter is not None and self._meter.error is not None:
            error = BadGatewayError(self._meter.error)
        else:
            return None
        error.provider = error.provider or self._deployment.provider_name
        for secret in self._deployment.secrets:
            error.message = error.message.replace(secret, "***")
        return error
