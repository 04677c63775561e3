"""The way of a call: reserve, judge, route, try, fall back, judge again, write down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from tianji_core.accounting import believable
from tianji_core.api.errors import (
    ClientClosedError,
    GatewayError,
    GuardrailBlockedError,
    InternalServerError,
)
from tianji_core.gateway.attempt import Attempt
from tianji_core.gateway.call import Call
from tianji_core.gateway.costs import check_priced, settle_cost
from tianji_core.gateway.deployment_limits import Budgets
from tianji_core.gateway.guardrails import GuardrailChain
from tianji_core.gateway.guardrails.active import StreamMode, Window
from tianji_core.gateway.guardrails.streams import (
    EndStream,
    WindowStream,
    answer_of,
    held,
    held_text,
    is_readable,
    said,
)
from tianji_core.gateway.limits import Limits, Reservation
from tianji_core.gateway.native import NativeAttempt, can_be_said, speaks_natively
from tianji_core.gateway.policies import Policies
from tianji_core.gateway.recording import Recording
from tianji_core.gateway.reply import Reply, StreamReply
from tianji_core.gateway.router import Router
from tianji_core.routing import Deployment, ModelTable, Stats, Target
from tianji_core.telemetry import CallbackDispatcher, get_logger
from tianji_core.telemetry.logs import CALL_ID
from tianji_core.translate.chunks import merge_chunks

if TYPE_CHECKING:
    from tianji_core.gateway.cache import ResponseCache

log = get_logger("tianji.calls")


ANSWERED = frozenset({"chat", "completions"})
"""Operations in which a guardrail may speak in the model's stead."""

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
            if self.guardrails.all or call.options.guardrails:
                judging = self.guardrails.admit(call)
                if judging is not None:
                    await judging
            if call.kept is not None:
                await call.kept.find(call)
            if self.cache is None:
                answer = self.router.run(call, self)
            else:
                answer = self.cache.run(call, partial(self.router.run, call, self))
            reply = await (self.guardrails.during(call, answer) if self.guardrails.during_call else answer)
            if isinstance(reply, StreamReply):
                return await self._opened(call, reply, reservation)
            if self.guardrails.post_call:
                await self._judge(call, reply)
            call.response = reply.body
        except GatewayError as error:
            if isinstance(error, GuardrailBlockedError) and error.answer is not None and call.operation in ANSWERED:
                return self._answered(call, error.answer, reservation)
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
        return self.policies.changes(call, self.models) or bool(self.guardrails.stages(call))

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
        judged = self.guardrails.post_call and (call.stream or native)
        mode = self.guardrails.stream_mode(call) if judged else None
        if native and call.stream and mode is not None and mode[0] == "window":
            native = not can_be_said(call)  # parts are judged in the normal form: it has to be the one that goes out
        keep = (call.stream or native) and (
            self.recording.keeps_answer(call, self.callbacks)
            or mode is not None
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
        mode = self.guardrails.stream_mode(call) if self.guardrails.post_call else None
        if mode is not None and is_readable(reply):
            return await self._guarded(call, reply, reservation, *mode)
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

    async def _guarded(
        self, call: Call, reply: StreamReply, reservation: Reservation, mode: StreamMode, window: Window
    ) -> StreamReply:
        """A stream that guardrails judge: as a whole before any of it goes out, in parts, or at its end."""
        judge = partial(self.guardrails.after, call)
        if reply.content_type is not None:
            found: StreamReply = await held_text(call, reply, judge, self.max_response_bytes)
        elif mode == "buffer" or (mode == "window" and reply.native):
            found = await held(call, reply, judge, self.max_response_bytes)
        else:
            return self._on_its_way(call, reply, reservation, mode, window)
        self._finish(call, None, reservation)
        return found

    def _on_its_way(
        self, call: Call, reply: StreamReply, reservation: Reservation, mode: StreamMode, window: Window
    ) -> StreamReply:
        judge = partial(self.guardrails.after, call)

        def ended(stream: StreamReply, error: GatewayError | None) -> None:
            self._finish(call, error, reservation)

        if mode == "end":
            return EndStream(call, reply, judge, ended)
        found = WindowStream(call, reply, judge, ended, window)
        if self.recording.keeps_answer(call, self.callbacks):
            found.keep()
        return found

    async def _judge(self, call: Call, reply: Reply) -> None:
        """Judge a whole answer; a rewrite takes its place. Raises GatewayError."""
        if reply.binary is not None:
            reply.binary = await self.guardrails.after_text(call, reply.binary)
            return
        judged = await self.guardrails.after(call, reply.body, reply.native)
        if judged is not reply.body:
            reply.body, reply.native = judged, None

    def _answered(self, call: Call, text: str, reservation: Reservation) -> Reply | StreamReply:
        """What a guardrail says in the model's stead."""
        call.response = answer = answer_of(call, text)
        self._finish(call, None, reservation)
        return said(call, answer) if call.stream else Reply(answer)

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
        masks = self.guardrails.logging_only and bool(self.guardrails.of(call).logging)
        self.recording.write(call, error, self.callbacks, self.guardrails.written_down if masks else None)
