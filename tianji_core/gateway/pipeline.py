"""The way of a call: reserve, judge, route, try, fall back, judge again, write down."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import orjson

from tianji_core.api.errors import (
    BadRequestError,
    ClientClosedError,
    GatewayError,
    GuardrailBlockedError,
    InternalServerError,
)
from tianji_core.api.routing import RoutingStrategy
from tianji_core.gateway.attempt import Attempt
from tianji_core.gateway.body import overridden
from tianji_core.gateway.call import Call
from tianji_core.gateway.guardrails import GuardrailChain
from tianji_core.gateway.limits import Limits, Reservation
from tianji_core.gateway.policies import Policies
from tianji_core.gateway.native import NativeAttempt, speaks_natively
from tianji_core.gateway.records import make_record
from tianji_core.gateway.reply import HeldStream, Reply, StreamReply
from tianji_core.routing import Deployment, Fallbacks, ModelTable, RetryPolicy, Stats, Target
from tianji_core.telemetry import CallbackDispatcher, get_logger
from tianji_core.translate.chunks import merge_chunks, split_response
from tianji_core.wire.sse import DONE_EVENT, encode_event

log = get_logger("tianji.calls")


_NAMES_MODEL = frozenset({"chat", "completions", "embeddings"})
"""Operations whose answers name the model that the client asked for."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The parts that every call goes through, compiled from the config."""

    models: ModelTable
    strategy: RoutingStrategy
    stats: Stats
    retries: RetryPolicy
    fallbacks: Fallbacks
    guardrails: GuardrailChain
    callbacks: CallbackDispatcher
    limits: Limits
    policies: Policies
    keeps_content: bool = True
    """Whether prompts and answers may go into records (`turn_off_message_logging` says no)."""
    max_response_bytes: int = 64 * 1024 * 1024
    counts_tokens: bool = True
    """Whether usage that a vendor does not tell is counted here (`disable_token_counter` says no)."""

    async def run(self, call: Call) -> Reply | StreamReply:
        """Bring the call to its answer. Raises GatewayError; then the call is already written down.

        A StreamReply has to be iterated to its end or closed: only then is its call over.
        """
        reservation = self.limits.reserve(call)
        try:
            if self.policies.current is not None or call.options.policies:
                self.policies.apply(call, self.models)
            await self.guardrails.before(call)
            if call.kept is not None:
                await call.kept.find(call)
            reply = await self.guardrails.during(call, self._route(call))
            if isinstance(reply, StreamReply):
                return await self._opened(call, reply, reservation)
            if self.guardrails.post_call and reply.binary is None:
                judged = await self.guardrails.after(call, reply.body)
                if judged is not reply.body:
                    reply.body, reply.native = judged, None
            call.response = reply.body
        except GatewayError as error:
            self._finish(call, error, reservation)
            raise
        except asyncio.CancelledError:
            self._finish(call, ClientClosedError("The client closed the request."), reservation)
            raise
        except Exception as error:
            # A defect of ours or of a plugin: the caller learns nothing of it but the call's id, the log everything.
            log.exception("call failed unexpectedly", call_id=call.id)
            failure = InternalServerError("Internal server error.")
            self._finish(call, failure, reservation)
            raise failure from error
        self._finish(call, None, reservation)
        return reply

    def watches(self, call: Call) -> bool:
        """Whether somebody has to see this call, or changes it, so that no vendor may have it another way than by `run`."""
        return self.policies.changes(call, self.models) or any(g.applies(call) for g in self.guardrails.all)

    # -- routing -------------------------------------------------------------------------------------------------

    async def _route(self, call: Call) -> Reply | StreamReply:
        """Ask the group that the client named, then its fallbacks."""
        asked = call.routed or call.model
        try:
            return await self._try_group(call, asked)
        except GatewayError as error:
            if call.options.disable_fallbacks:
                raise
            last = error
        tried = {asked}
        body = call.body
        for fallback in self.fallbacks.after(last, asked, call.options.fallbacks):
            if fallback.model in tried or call.fallbacks >= self.fallbacks.limit:
                continue
            tried.add(fallback.model)
            turn = self.policies.follow(call, fallback.model, self.models)
            if turn is None:
                continue
            call.fallbacks += 1
            call.body = body
            try:
                if not fallback.overrides and not turn.judged_anew:
                    return await self._try_group(call, turn.model)
                # Nobody has judged this body yet.
                if fallback.overrides:
                    call.body = overridden(body, fallback.overrides, call.operation)
                    call.native = None
                self.policies.shape(call)
                await self.guardrails.before(call)
                return await self.guardrails.during(call, self._try_group(call, turn.model))
            except GuardrailBlockedError:
                raise
            except GatewayError as error:
                last = error
        call.body = body
        try:
            raise last
        finally:
            del last  # or the error, its traceback and this frame, which holds the request, would hold one another

    async def _try_group(self, call: Call, name: str) -> Reply | StreamReply:
        """Try the deployments of one group until one answers or the tries are used up."""
        target = self.models.resolve(name)
        if target is None:
            raise BadRequestError(
                f"Invalid model name passed in model={name}. Call `/v1/models` to view available models for your key."
            )
        call.group = name
        candidates = everyone = target.deployments
        if call.kept is not None:
            candidates = everyone = tuple(call.kept.best(everyone))
        failed: set[str] = set()
        refused: set[str] = set()
        for retry in itertools.count():
            deployment = self._pick(candidates, call)
            try:
                return await self._attempt(call, target, deployment)
            except GatewayError as error:
                if retry >= self._tries(call, deployment) or not self.retries.may_retry(error, len(everyone)):
                    raise
                # The same credential would be refused again; what merely failed is asked again, but last.
                (failed if error.retryable else refused).add(deployment.id)
                left = [d for d in everyone if d.id not in refused]
                if not left:
                    raise
                fresh = [d for d in left if d.id not in failed]
                candidates = tuple(fresh or left)
                delay = self.retries.delay(error, retry, bool(fresh), self.stats.random)
            call.retries += 1
            if delay > 0:
                await asyncio.sleep(delay)
        raise AssertionError("unreachable")

    def _pick(self, candidates: Sequence[Deployment], call: Call) -> Deployment:
        """The strategy's choice among the candidates of the lowest `order`; they come sorted by it."""
        if len(candidates) == 1:
            return candidates[0]
        if candidates[-1].order != candidates[0].order:
            candidates = [d for d in candidates if d.order == candidates[0].order]
            if len(candidates) == 1:
                return candidates[0]
        return cast(Deployment, self.strategy.pick(candidates, call, self.stats))

    def _tries(self, call: Call, deployment: Deployment) -> int:
        """Tries after the first: as the request, else the deployment, else the router says."""
        if call.options.num_retries is not None:
            return call.options.num_retries
        if deployment.num_retries is not None:
            return deployment.num_retries
        return self.retries.num_retries

    async def _attempt(self, call: Call, target: Target, deployment: Deployment) -> Reply | StreamReply:
        model = target.upstream_model(deployment)
        native = call.surface is not None and speaks_natively(call, deployment, model)
        keep = (call.stream or native) and (
            (self.callbacks.wants_content and self.keeps_content)
            or (bool(self.guardrails.post_call) and self.guardrails.watches_answers(call))
        )
        attempt = (NativeAttempt if native else Attempt)(
            call,
            deployment,
            self.stats,
            keep=keep,
            max_response=self.max_response_bytes,
            counts=self.counts_tokens,
        )
        reply = await attempt.run(model)
        if isinstance(reply, Reply) and call.operation in _NAMES_MODEL:
            reply.body["model"] = call.model
        return reply

    # -- the end of a call ---------------------------------------------------------------------------------------

    async def _opened(self, call: Call, reply: StreamReply, reservation: Reservation) -> StreamReply:
        """A stream that has begun: held back for the guardrails where they want to see it, else on its way."""
        if reply.content_type is None and self.guardrails.post_call and self.guardrails.watches_answers(call):
            held = await self._judged(call, reply)
            self._finish(call, None, reservation)
            return held
        noted = reply.on_end

        def ended(stream: StreamReply, error: GatewayError | None) -> None:
            if noted is not None:
                noted(stream, error)
            if self.callbacks.wants_content and self.keeps_content and stream.content_type is None:
                try:
                    call.response = merge_chunks(stream.transform.kept())
                except Exception as failure:  # chunks of a shape that nobody sends; the call has to end all the same
                    log.warning("streamed answer cannot be put together", call_id=call.id, error=repr(failure))
            self._finish(call, error, reservation)

        reply.on_end = ended
        return reply

    async def _judged(self, call: Call, reply: StreamReply) -> StreamReply:
        """Read the whole stream, have it judged, and only then let it out."""
        try:
            pieces = [piece async for piece in reply]
        except BaseException:
            await reply.aclose(ClientClosedError("The client closed the request."))
            raise
        answer = merge_chunks(reply.transform.kept())
        judged = await self.guardrails.after(call, answer)
        if judged is not answer:
            chunks = split_response(judged)
            pieces = [encode_event(orjson.dumps(chunk)) for chunk in chunks if chunk["choices"] or call.wants_usage]
            pieces.append(DONE_EVENT)
        call.response = judged
        held = HeldStream(call, pieces)
        held.native = reply.native and judged is answer
        return held

    def end(self, call: Call, error: GatewayError | None, reservation: Reservation) -> None:
        """The end of a call that did not come by `run`: one that was passed through."""
        self._finish(call, error, reservation)

    def _finish(self, call: Call, error: GatewayError | None, reservation: Reservation) -> None:
        """The one place that every call comes by once it is over, whatever its surface and its end."""
        if call.finished:
            return
        call.finished = True
        reservation.settle()
        if self.callbacks.active:
            self.callbacks.put(make_record(call, error, content=self.keeps_content))
