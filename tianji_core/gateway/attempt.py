"""One upstream try: from a call and a deployment to an answer, or to the error it ended with."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import orjson

from tianji_core.accounting import believable, count_answer, count_stream, is_reported, read_chunks
from tianji_core.accounting.prices.units import measure
from tianji_core.api.callback import AttemptRecord, Cost, in_dollars
from tianji_core.api.errors import BadGatewayError, GatewayError, RequestTimeoutError
from tianji_core.api.http import Headers, UpstreamReply, UpstreamRequest
from tianji_core.api.provider import Binary, LocalReply, ModelRequest, Operation, Provider
from tianji_core.api.trace import span_of, trace_of
from tianji_core.gateway.call import Call
from tianji_core.gateway.costs import call_cost
from tianji_core.gateway.heavy import in_thread
from tianji_core.gateway.mock import mock_decoder, mock_parse, mock_reply
from tianji_core.gateway.reply import LocalSource, Reply, Source, StreamReply, conceal, transport_failure
from tianji_core.gateway.transforms import Passage, StreamTransform, Translation, relay_for
from tianji_core.gateway.vendor_request import model_request
from tianji_core.routing import Deployment, Stats
from tianji_core.translate.completions import chat_chunk_to_completion, chat_to_completion
from tianji_core.translate.rerank import rerank_usage
from tianji_core.transport import Timeouts, TransportError, UpstreamResponse
from tianji_core.wire.sse import encode_event

_COUNTED = frozenset({"chat", "completions", "embeddings"})
"""Operations whose tokens are counted if the vendor does not; nothing else is measured in tokens by everybody."""
_DATED = frozenset({"images", "image_edits", "image_variations"})
"""Operations whose answers have a time, beside those with choices."""
_WITH_CHOICES = frozenset({"chat", "completions"})
MAX_ERROR_BYTES = 1024 * 1024
"""More of an error answer than this is not read."""


def new_id(operation: Operation) -> str:
    """An id for an answer whose vendor gives none, as OpenAI's look."""
    return f"{'cmpl' if operation == 'completions' else 'chatcmpl'}-{uuid.uuid4()}"


class Attempt:
    """Sends a call to one deployment. Made anew for each try; holds what the try has to give back."""

    __slots__ = (
        "_call",
        "_counts",
        "_deployment",
        "_keep",
        "_max_response",
        "_started",
        "_stats",
        "_status",
    )

    def __init__(
        self, call: Call, deployment: Deployment, stats: Stats, *, keep: bool, max_response: int, counts: bool = True
    ) -> None:
        self._call = call
        self._deployment = deployment
        self._stats = stats
        self._keep = keep
        self._counts = counts
        self._max_response = max_response
        self._status: int | None = None
        self._started = time.monotonic()

    async def run(self, model: str) -> Reply | StreamReply:
        """Try it; `model` is the vendor's name. Raises GatewayError. Whatever happens is noted on the call."""
        call = self._call
        self._stats.began(self._deployment.id)
        call.deployment, call.upstream_model = self._deployment, model
        try:
            reply = await self._run(model)
        except GatewayError as error:
            if error.provider is None:
                error.provider = self._deployment.provider_name
            error.deployment_id = self._deployment.id
            if error.headers is not None:
                call.upstream_headers = error.headers
            conceal(error, self._deployment)
            self._note(error)
            raise
        except BaseException:
            self._note(None, cancelled=True)
            raise
        if isinstance(reply, Reply):
            self._note(None)
        return reply

    async def written(self, model: str) -> UpstreamRequest:
        """The vendor's request, for who sends many together. Raises GatewayError."""
        request, _ = model_request(self._call, self._deployment, model)
        if self._call.kept is not None:
            await self._call.kept.put_in(self._call, request, self._deployment)
        if self._deployment.needs_prepare:
            await self._deployment.provider.prepare(request, self._deployment.network)
        return self._deployment.provider.build_request(request)

    async def read(self, model: str, reply: UpstreamReply) -> Reply:
        """What a whole 2xx answer means that came another way. Raises GatewayError."""
        request, reshapes = model_request(self._call, self._deployment, model)
        with suppress(GatewayError):
            self._deployment.provider.build_request(request)  # some read the answer with the help of what they wrote
        answer = await self._answer(request, reply, True, reshapes)
        assert isinstance(answer, Reply)  # noqa: S101 - no stream was asked for
        return answer

    async def _run(self, model: str) -> Reply | StreamReply:
        deployment = self._deployment
        provider = deployment.provider
        request, reshapes = model_request(self._call, deployment, model)
        if self._call.kept is not None and deployment.mock_response is None:
            await self._call.kept.put_in(self._call, request, deployment)
        local: LocalReply | None
        if deployment.mock_response is not None:
            local = mock_reply(deployment.mock_response, request)
            translates = False
        elif self._call.heavy:
            local = await in_thread(provider.local_reply, request)
            translates = True
        else:
            local = provider.local_reply(request)
            translates = True
        if local is None:
            response = await self._send(request)
            if not 200 <= response.status < 300:
                raise await self._failure(provider, response)
            if deployment.needs_follow and provider.follows(request):
                followed = await self._follow(request, response)
                if isinstance(followed, UpstreamReply):
                    return await self._answer(request, followed, translates, reshapes)
                response = followed
            if request.stream:
                return await self._stream(request, response, reshapes)
            if provider.relays_answer(request):
                return await self._pass_on(response, response.headers)
            reply = await self._read(response)
        else:
            self._status = local.status
            if not 200 <= local.status < 300:
                raise provider.parse_error(local.status, Headers(local.headers), local.whole())
            if request.stream:
                return await self._stream(request, LocalSource(local), reshapes, local=not translates)
            if local.delay:
                await asyncio.sleep(local.delay)
            reply = UpstreamReply(local.status, Headers(local.headers), local.whole())
        return await self._answer(request, reply, translates, reshapes)

    async def _answer(
        self, request: ModelRequest, reply: UpstreamReply, translates: bool, reshapes: bool
    ) -> Reply | StreamReply:
        """What the caller gets of a whole answer."""
        if request.stream:  # a vendor that answers at once after all
            whole = LocalReply(reply.status, tuple(reply.headers), reply.body)
            return await self._stream(request, LocalSource(whole), reshapes)
        answer = self._parse(request, reply, translates, reshapes)
        call = self._call
        if isinstance(answer, Binary):
            if answer.usage is not None:
                call.usage = answer.usage
            call.measured = measure(call.operation, call.body, None)
            return Reply({}, answer)
        if request.operation in _WITH_CHOICES and "choices" not in answer:
            raise BadGatewayError("The provider's answer makes no sense: it has no choices.")
        if request.operation == "rerank":
            answer = {"id": str(uuid.uuid4()), **answer}  # providers have no dice
            self._call.usage = rerank_usage(answer)
        if not answer.get("created") and (request.operation in _DATED or "choices" in answer or "created" in answer):
            answer["created"] = int(time.time())  # providers have no clock, and may write 0 there
        if "choices" in answer and not answer.get("id"):
            answer["id"] = new_id(request.operation)
        if "service_tier" in answer:
            call.service_tier = answer["service_tier"]
        if self._deployment.rates is None:
            call.named_model = answer.get("model")
        usage = answer.get("usage")
        if isinstance(usage, dict) and (true := believable(usage)) is not usage:
            usage = answer["usage"] = dict(true)
        if self._counts and not is_reported(usage) and request.operation in _COUNTED:
            counted = await count_answer(request.model, call.operation, call.body, answer)
            usage = answer["usage"] = counted.usage
            call.usage_source = counted.source
        if isinstance(usage, dict):
            if "prompt_tokens" in usage:
                usage.setdefault("completion_tokens", 0)  # embeddings leave it out; whoever adds up wants a number
                call.usage = usage
            else:
                from tianji_core.translate.meters.counts import plain_usage

                call.usage = plain_usage(usage) or usage
        if request.operation not in _COUNTED:
            call.measured = measure(call.operation, call.body, answer)
        return Reply(answer)

    async def _count(self, reply: StreamReply, quick: bool) -> bytes:
        """Count the tokens of a stream whose vendor has not; gives the chunk that tells them, if one is wanted."""
        call, transform = self._call, reply.transform
        kept = transform.kept()
        pieces, more = reply.pieces, reply.more
        if kept:  # all of it, since somebody wants to see the answer
            pieces, more = [encode_event(orjson.dumps(chunk)) for chunk in kept], 0
        model = call.upstream_model or call.model
        counted = await count_stream(model, call.operation, call.body, pieces, more, quick=quick)
        call.usage_source = counted.source
        return transform.add_usage(counted.usage, next(iter(read_chunks(pieces[:1])), {}))

    async def _send(self, request: ModelRequest) -> UpstreamResponse:
        deployment = self._deployment
        if deployment.needs_prepare:
            await deployment.provider.prepare(request, deployment.network)
        if self._call.heavy:
            upstream = await in_thread(deployment.provider.build_request, request)
        else:
            upstream = deployment.provider.build_request(request)
        if deployment.needs_authorize:
            upstream = await deployment.provider.authorize(upstream, deployment.network)
        return await self._exchange(upstream)

    async def _exchange(self, upstream: UpstreamRequest) -> UpstreamResponse:
        if self._deployment.forwards_trace:
            call = self._call
            trace = trace_of(call.id, call.header(b"traceparent"))
            field = ("traceparent", trace.header(span_of(call.id, len(call.attempts))))
            upstream = replace(upstream, headers=[*upstream.headers, field])
        try:
            response = await self._deployment.transport.send(upstream, self._timeouts())
        except TransportError as error:
            raise transport_failure(error) from error
        self._status = response.status
        self._call.upstream_headers = response.headers
        return response

    async def _read(self, response: UpstreamResponse) -> UpstreamReply:
        try:
            body = await response.read(self._max_response)
        except TransportError as error:
            raise transport_failure(error) from error
        return UpstreamReply(response.status, response.headers, body)

    async def _follow(self, request: ModelRequest, response: UpstreamResponse) -> UpstreamReply | UpstreamResponse:
        """Let the provider go on from a first answer, within the time that the call has."""
        deployment, provider = self._deployment, self._deployment.provider
        reply = await self._read(response)
        try:
            async with asyncio.timeout(self._timeouts().total):
                followed = await provider.follow(request, reply, deployment.network)
        except TimeoutError:
            raise RequestTimeoutError("The provider did not answer in time.") from None
        except GatewayError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise BadGatewayError("The provider's answer makes no sense.") from error
        if isinstance(followed, UpstreamReply):
            if not 200 <= followed.status < 300:
                raise provider.parse_error(followed.status, followed.headers, followed.body)
            return followed
        last = await self._exchange(followed)
        if not 200 <= last.status < 300:
            raise await self._failure(provider, last)
        return last if request.stream else await self._read(last)

    def _timeouts(self) -> Timeouts:
        """The row's time-outs, tightened by what the client asked for."""
        call = self._call
        timeouts = self._deployment.stream_timeouts if call.stream else self._deployment.timeouts
        seconds = call.options.patience(stream=call.stream)
        if call.deadline is not None and (call.attempts or seconds is None):  # what is left of it
            left = call.deadline - time.monotonic()
            if left <= 0:
                raise RequestTimeoutError("The request's time is over.")
            seconds = left if seconds is None else min(seconds, left)
        if seconds is None:
            return timeouts
        return replace(timeouts, first_byte=min(seconds, timeouts.first_byte or seconds), total=seconds)

    async def _failure(self, provider: Provider, response: UpstreamResponse) -> GatewayError:
        if response.status < 400:
            await response.aclose()
            return BadGatewayError(f"The provider answered with status {response.status}.", headers=response.headers)
        async with response:
            try:
                body = await response.read(MAX_ERROR_BYTES)
            except TransportError:
                body = b""  # the status alone has to tell
        return provider.parse_error(response.status, response.headers, body)

    def _parse(
        self, request: ModelRequest, reply: UpstreamReply, translates: bool, reshapes: bool
    ) -> dict[str, Any] | Binary:
        try:
            answer = self._deployment.provider.parse_response(request, reply) if translates else mock_parse(reply)
            return chat_to_completion(answer) if reshapes and not isinstance(answer, Binary) else answer
        except GatewayError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            # A vendor's answer that the translation trips over is the vendor's fault, not a crash of ours.
            raise BadGatewayError("The provider's answer makes no sense.") from error

    async def _stream(
        self, request: ModelRequest, source: Source, reshapes: bool, *, local: bool = False
    ) -> StreamReply:
        call, provider = self._call, self._deployment.provider
        if provider.relays_answer(request):
            return await self._pass_on(source, getattr(source, "headers", Headers()))
        transform: StreamTransform | None = None
        if not reshapes and not local:
            transform = relay_for(
                provider, request, call.answering_model, wants_usage=call.wants_usage, keep=self._keep
            )
        if transform is None:
            transform = Translation(
                mock_decoder() if local else provider.stream_decoder(request),
                call.answering_model,
                wants_usage=call.wants_usage,
                keep=self._keep,
                created=int(call.started_at),
                answer_id=new_id("completions" if reshapes else request.operation),
                reshape=chat_chunk_to_completion if reshapes else None,
            )
        if self._deployment.shows_cost and call.surface is None and call.wants_usage:
            transform.price = self._cost_so_far
        reply = StreamReply(call, source, transform)
        if self._counts:
            reply.count = self._count
        return await self._begun(reply)

    def _cost_so_far(self, usage: Mapping[str, Any], tier: str | None) -> float | None:
        """What a stream costs whose usage has just come; its end is all that is still to come."""
        call = self._call
        call.usage, call.service_tier = usage, tier
        cost = call_cost(call, self._deployment)
        return in_dollars(cost.total) if isinstance(cost, Cost) else None

    async def _pass_on(self, source: Source, headers: Headers) -> StreamReply:
        """An answer that goes to the client byte by byte, unread."""
        content_type = headers.get("content-type") or "application/octet-stream"
        call = self._call
        if call.operation == "speech":
            call.measured = measure(call.operation, call.body, None)
        meter = None
        if content_type.startswith("text/event-stream"):
            from tianji_core.translate.meters import NativeCounts, meter_for

            meter = meter_for(content_type, NativeCounts())
        return await self._begun(StreamReply(self._call, source, Passage(meter), content_type))

    async def _begun(self, reply: StreamReply) -> StreamReply:
        patience = self._deployment.first_chunk_patience
        try:
            if patience is None:
                await reply.start()
            else:
                async with asyncio.timeout(self._started + patience - time.monotonic()):
                    await reply.start()
        except GatewayError:
            reply.transform.error = None  # kept there too, it would hold the reply that holds it
            raise
        except TimeoutError:
            raise RequestTimeoutError("The provider did not answer in time.") from None
        first_token = time.monotonic() - self._started
        reply.on_end = lambda ended, error: self._stream_ended(ended, error, first_token)
        return reply

    def _stream_ended(self, reply: StreamReply, error: GatewayError | None, first_token: float) -> None:
        call, transform = self._call, reply.transform
        if transform.usage is not None:
            call.usage = transform.usage
        if transform.service_tier is not None:
            call.service_tier = transform.service_tier
        if self._deployment.rates is None:
            call.named_model = transform.named_model
        self._note(error, first_token=first_token)

    def _note(self, error: GatewayError | None, *, first_token: float | None = None, cancelled: bool = False) -> None:
        """Write down how the try went: for the record, and for the strategies."""
        call, deployment = self._call, self._deployment
        duration = time.monotonic() - self._started
        call.upstream_seconds += duration
        call.attempts.append(
            AttemptRecord(
                deployment_id=deployment.id,
                provider=deployment.provider_name,
                model=call.upstream_model or deployment.model,
                status=self._status,
                error="cancelled" if cancelled else None if error is None else type(error).__name__,
                started=call.started_at + (self._started - call.started),
                duration=duration,
            )
        )
        if cancelled or (error is not None and error.http_status == 499):
            self._stats.gave_up(deployment.id)
        elif error is not None:
            self._stats.failed(deployment.id, error, blames=_blames(error, call))
        else:
            usage = call.usage or {}
            output, total = usage.get("completion_tokens"), usage.get("total_tokens")
            self._stats.succeeded(
                deployment.id,
                duration,
                output if isinstance(output, int) else 0,
                first_token,
                total if isinstance(total, int) else 0,
            )


def _blames(error: GatewayError, call: Call) -> bool:
    """Whether a failure may be the deployment's fault. A client that is in a hurry, or that names things which are not
    there, must not take a deployment away from all others."""
    if error.http_status == 408:
        return call.options.timeout is None and call.options.stream_timeout is None
    return error.http_status != 404 or (call.native is None and call.kept is None)
