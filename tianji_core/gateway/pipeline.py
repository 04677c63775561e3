"""The way of a call: reserve, judge, route, try, fall back, judge again, write down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import orjson

from tianji_core.accounting import believable
from tianji_core.api.errors import (
    ClientClosedError,
    GatewayError,
    InternalServerError,
)
from tianji_core.gateway.attempt import Attempt
from tianji_core.gateway.call import Call
from tianji_core.gateway.costs import check_priced, settle_cost
from tianji_core.gateway.deployment_limits import Budgets
from tianji_core.gateway.guardrails import GuardrailChain
from tianji_core.gateway.limits import Limits, Reservation
from tianji_core.gateway.native import NativeAttempt, speaks_natively
from tianji_core.gateway.policies import Policies
from tianji_core.gateway.recording import Recording
from tianji_core.gateway.reply import HeldStream, Reply, StreamReply
from tianji_core.gateway.router import Router
from tianji_core.routing import Deployment, ModelTable, Stats, Target
from tianji_core.telemetry import CallbackDispatcher, get_logger
from tianji_core.telemetry.logs import CALL_ID
from tianji_core.translate.chunks import merge_chunks, split_response
from tianji_core.wire.sse import DONE_EVENT, encode_event

if TYPE_CHECKING:
    from tianji_core.gateway.cache import ResponseCache

log = get_logger("tianji.calls")


_NAMES_MODEL = frozenset({"chat", "completions", "embeddings"})
"""Operations whose answers name the model that the client asked for."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The parts that every call goes through, compiled from the config."""

    router: Router
    guardrails: GuardrailChain
    callbacks: CallbackDispatcher
    limits: Limits
    policies: Policies
    recording: Recording = field(default_factory=Recording)
    """How calls are written down."""
    max_response_bytes: int = 64 * 1024 * 1024
    budgets: Budgets | None = None
    """Of vendors, deployments and tags; None if the config has none."""
    needs_prices: bool = False
    """Whether models whose price nobody knows are refused (`block_requests_for_models_without_pricing`)."""
    cache: ResponseCache | None = None
    counts_tokens: bool = True
    """Whether usage that a vendor does not tell is counted here (`disable_token_counter` says no)."""

    async def run(self, call: Call) -> Reply | StreamReply:
        """Bring the call to its answer. Raises GatewayError; then the call is already written down.

        A StreamReply has to be iterated to its end or closed: only then is its call over.
        """
        CALL_ID.set(call.id)
        reservation = self.limits.reserve(call)
        try:
            if self.policies.current is not None or call.options.policies:
                self.policies.apply(call, self.models)
            if self.guardrails.pre_call:
                await self.guardrails.before(call)
            if call.kept is not None:
                await call.kept.find(call)
            if self.cache is None:
                answer = self.router.run(call, self)
            else:
                answer = self.cache.run(call, partial(self.router.run, call, self))
            reply = await (self.guardrails.during(call, answer) if self.guardrails.during_call else answer)
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
        """Whether a guardrail has to see this call or a policy changes it: then `run` is the only way to a vendor."""
        return self.policies.changes(call, self.models) or any(g.applies(call) for g in self.guardrails.all)

    def police_relayed(self, call: Call) -> None:
        """Apply policies to what a vendor keeps for a caller, which goes there as it is. Raises GatewayError."""
        self.policies.apply(call, self.models, as_it_is=True)

    # -- routing -------------------------------------------------------------------------------------------------

    @property
    def models(self) -> ModelTable:
        """All names that a client may use."""
        return self.router.models

    @property
    def stats(self) -> Stats:
        return self.router.stats

    def limited_to(
        self, wanted: Callable[[Deployment], bool], refusal: Callable[[str], GatewayError] | None = None
    ) -> Pipeline:
        """The same pipeline for a call that may go to some deployments only; see `ModelTable.only`."""
        return replace(self, router=self.router.limited_to(wanted, refusal))

    async def attempt(self, call: Call, target: Target, deployment: Deployment) -> Reply | StreamReply:
        model = target.upstream_model(deployment)
        if self.needs_prices:
            check_priced(call, deployment, model)
        native = call.surface is not None and speaks_natively(call, deployment, model)
        keep = (call.stream or native) and (
            self.recording.keeps_answer(call, self.callbacks)
            or (bool(self.guardrails.post_call) and self.guardrails.watches_answers(call))
            or (native and call.storing is not None)
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
            if not call.fallbacks:
                reply.body["model"] = call.model
            else:  # the client is to see that another model has stepped in
                reply.body.setdefault("model", call.answering_model)
        return reply

    # -- the end of a call ---------------------------------------------------------------------------------------

    async def _opened(self, call: Call, reply: StreamReply, reservation: Reservation) -> StreamReply:
        """A stream that has begun: held back for the guardrails where they want to see it, else on its way."""
        if reply.content_type is None and self.guardrails.post_call and self.guardrails.watches_answers(call):
            held = await self._judged(call, reply)
            self._finish(call, None, reservation)
            return held
        if call.operation == "speech" and reply.content_type is not None:
            settle_cost(call, answered=True)  # it goes by the text, which is known: header fields may tell it
        noted = reply.on_end

        def ended(stream: StreamReply, error: GatewayError | None) -> None:
            if noted is not None:
                noted(stream, error)
            if stream.content_type is None and self.recording.keeps_answer(call, self.callbacks):
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
        if call.usage is not None:
            call.usage = believable(call.usage)  # whoever told it, and in whatever dialect
        settle_cost(call, answered=error is None)
        if self.budgets is not None:
            self.budgets.spend(call)
        if call.taken is not None and self.router.hard is not None:
            self.router.hard.settle(call.taken, None if call.usage is None else call.usage.get("total_tokens"))
        reservation.settle()
        if call.storing is not None:
            call.storing.finish(call, error)
        self.recording.write(call, error, self.callbacks)
