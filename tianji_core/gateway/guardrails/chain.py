"""Running the guardrails: on the normal form, in the order of the config, and closed when one fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tianji_core.api.callback import CallRecord, GuardrailRun, GuardrailStatus
from tianji_core.api.errors import GatewayError, GuardrailBlockedError, ServiceUnavailableError
from tianji_core.api.guardrail import ALLOW, Allow, Asking, Block, Payload, Rewrite, Stage, Unreachable, Verdict
from tianji_core.api.provider import Binary, Body
from tianji_core.api.texts import has_unreadable
from tianji_core.gateway.call import Call
from tianji_core.gateway.guardrails.active import ActiveGuardrail, StreamMode, Window, balanced
from tianji_core.gateway.guardrails.at_once import begun_at_once
from tianji_core.gateway.guardrails.choice import Choice, OfModel, Selected
from tianji_core.gateway.guardrails.shown import Shown
from tianji_core.gateway.guardrails.unseen import unseen_texts
from tianji_core.gateway.reply import Reply, StreamReply
from tianji_core.telemetry import get_logger

log = get_logger("tianji.guardrails")

_NOTHING: Mapping[str, Any] = {}
_new: Callable[..., GuardrailRun] = tuple.__new__
"""Makes a named tuple in a third of the time that calling its class takes."""


class GuardrailChain:
    """All guardrails of a gateway; a gateway and a call without any pay nothing."""

    def __init__(
        self, guardrails: Sequence[ActiveGuardrail] = (), of_model: OfModel | None = None, *, is_off: bool = False
    ) -> None:
        """`of_model` says which guardrails the rows of a model name; None where none names any. `is_off`: calls are not
        to be judged here, whoever asks for it."""
        self.is_off = is_off
        self.all = tuple(balanced(guardrails))
        self._choice = Choice(self.all, of_model)
        stages = frozenset[Stage]().union(*(each.all_stages for each in self.all))
        self.pre_call = "pre_call" in stages
        self.during_call = "during_call" in stages
        self.post_call = "post_call" in stages
        self.logging_only = "logging_only" in stages

    def connect(self, gateway: Asking) -> None:
        """Give the guardrails what they may ask."""
        for each in self.all:
            each.guardrail.connect(gateway)

    # -- which -----------------------------------------------------------------------------------------------------

    def of(self, call: Call) -> Selected:
        """The guardrails that look at this call."""
        return self._choice.of(call)

    def check_names(self, call: Call) -> None:
        """Raises BadRequestError where a guardrail is asked for that does not exist."""
        if not self.is_off:
            self._choice.check_names(call)

    def stages(self, call: Call) -> frozenset[Stage]:
        """The stages at which something looks at this call."""
        return self.of(call).stages

    def ask_for(self, call: Call, model: str) -> bool:
        """Have the guardrails that the rows of a model name look at the call; whether any of them is new to it."""
        if not self._choice.rows_name_some:
            return False
        names = self._choice.of_rows(model)
        if names <= call.options.guardrails:
            return False
        call.options = replace(call.options, guardrails=call.options.guardrails | names)
        return True

    def after_stages(self, call: Call) -> tuple[ActiveGuardrail, ...]:
        """Those that have something to do with this call's answer."""
        if not self.post_call:
            return ()
        selected = self.of(call)
        if selected.post_is_certain:
            return selected.post
        return tuple(
            each
            for each in selected.post
            if each.judges(call.stream)
            and (each.always_needed or each.guardrail.needs("post_call", _payload(each, call)))
        )

    def stream_mode(self, call: Call) -> tuple[StreamMode, Window] | None:
        """How this call's stream is to be judged: as the strictest of its guardrails wants it; None if not at all."""
        active = self.after_stages(call)
        if not active:
            return None
        modes = {each.streaming for each in active}
        mode: StreamMode = "buffer" if "buffer" in modes else "window" if "window" in modes else "end"
        windows = [each.window for each in active if each.streaming == "window"] or [Window()]
        return mode, Window(max(w.size for w in windows), max(w.overlap for w in windows))

    # -- the stages ------------------------------------------------------------------------------------------------

    def admit(self, call: Call) -> Coroutine[Any, Any, None] | None:
        """Find out what looks at a call that has just come, and let it: as `before`. Raises GatewayError."""
        self.ask_for(call, call.routed or call.model)
        if call.options.guardrails or call.principal.metadata:
            self.check_names(call)
        return self.before(call)

    def before(self, call: Call) -> Coroutine[Any, Any, None] | None:
        """Judge the request; a rewrite takes its place. Raises GatewayError, as does what it gives, which is to be
        awaited; None where one look was enough."""
        selected = self.of(call)
        if not (selected.pre or selected.during):
            return None
        _check_readable(call.body)
        unseen = unseen_texts(call.native, call.body) if call.native is not None else ()
        shown = Shown(call.body, None, unseen)
        cleared = _cleared(selected.pre, "pre_call", shown, call)
        return None if cleared == len(selected.pre) else self._before(call, selected.pre[cleared:], shown)

    async def _before(self, call: Call, left: Sequence[ActiveGuardrail], shown: Shown) -> None:
        """Judge the request by these."""
        while left:
            active, left = left[0], left[1:]
            verdict = await self.check(active, "pre_call", _payload_of(active, call, shown), call)
            if isinstance(verdict, Rewrite):
                call.body = verdict.body
                call.native = None  # what was judged is what goes out
                call.prompt_tokens = None
                shown = Shown(call.body)
            left = left[_cleared(left, "pre_call", shown, call) :]

    async def during(self, call: Call, work: Coroutine[Any, Any, Reply | StreamReply]) -> Reply | StreamReply:
        """Do `work` while the request is judged; a block discards what it brought. Raises GatewayError."""
        active = self.of(call).during
        if not active:
            return await work
        answer = asyncio.ensure_future(work)
        unseen = unseen_texts(call.native, call.body) if call.native is not None else ()
        payloads = [_payload(each, call, unseen=unseen) for each in active]  # before routing touches the body
        checks = [
            asyncio.ensure_future(self.check(each, "during_call", payload, call))
            for each, payload in zip(active, payloads, strict=True)
        ]
        try:
            for check in checks:
                if isinstance(await check, Rewrite):
                    raise GuardrailBlockedError("A guardrail beside the call wants to change what has been sent.")
        except BaseException:
            for task in (answer, *checks):
                task.cancel()
            results = await asyncio.gather(answer, *checks, return_exceptions=True)
            if isinstance(results[0], StreamReply):
                await results[0].aclose()
            raise
        return await answer

    async def after(self, call: Call, response: Body, native: Any = None) -> Body:
        """Judge the answer; `native` is it in the caller's dialect, or the events of its stream. Returns what may go
        out. Raises GatewayError."""
        left = self.after_stages(call)
        if not left:
            return response
        unseen = unseen_texts(native, response, answer=True) if native is not None else ()
        shown = Shown(call.body, response, unseen)
        while left := left[_cleared(left, "post_call", shown, call) :]:
            active, left = left[0], left[1:]
            verdict = await self.check(active, "post_call", _payload_of(active, call, shown), call)
            if isinstance(verdict, Rewrite):
                response = verdict.body
                shown = Shown(call.body, response)
        return response

    async def after_text(self, call: Call, binary: Binary) -> Binary:
        """Judge an answer that is plain text. Raises GatewayError."""
        if not binary.content_type.startswith(("text/", "application/json")) or not self.after_stages(call):
            return binary
        body: Body = {"text": binary.data.decode("utf-8", "replace")}
        judged = await self.after(call, body)
        return binary if judged is body else replace(binary, data=str(judged.get("text", "")).encode())

    async def judged_request(self, call: Call, shown: Body) -> Body:
        """Judge a part of what a session's user says; what may go out in its place. Raises GatewayError."""
        selected = self.of(call)
        for active in (*selected.pre, *selected.during):
            stage: Stage = "pre_call" if active in selected.pre else "during_call"
            verdict = await self.check(active, stage, _payload(active, call, shown), call)
            if isinstance(verdict, Rewrite):
                shown = verdict.body
        return shown

    async def inspect(self, call: Call, stage: Stage, request: Body, response: Body | None = None) -> None:
        """Judge what cannot be changed, since it is not what goes out: who would rewrite it refuses it.

        Raises GatewayError.
        """
        self.check_names(call)
        for active in self.of(call).at(stage):
            if response is None and stage == "post_call":
                continue
            payload = _payload(active, call, request, response)
            verdict = await self.check(active, stage, payload, call)
            if isinstance(verdict, Rewrite):
                raise GuardrailBlockedError(
                    f"Guardrail {active.name!r} wants to change this, and what is passed through stays as it is."
                )

    async def written_down(self, call: Call, record: CallRecord) -> CallRecord:
        """A record as callbacks may see it. Where a guardrail blocks or fails, nothing that was said is in it."""
        request, response = record.request, record.response
        try:
            for active in self.of(call).logging:
                if request is not None:
                    payload = _payload(active, call, request)
                    request = _noted(await self.check(active, "logging_only", payload, call), request)
                if response is not None:
                    payload = _payload(active, call, request, response)
                    response = _noted(await self.check(active, "logging_only", payload, call), response)
        except GatewayError:
            request = response = None
        return replace(record, request=request, response=response, guardrail_runs=tuple(call.guardrail_runs))

    # -- one check -------------------------------------------------------------------------------------------------

    async def check(self, active: ActiveGuardrail, stage: Stage, payload: Payload, call: Call) -> Verdict:
        """One verdict, noted in the call. Raises GatewayError for a block and for a guardrail that fails."""
        if not (active.always_needed or active.guardrail.needs(stage, payload)):
            return ALLOW
        if active.name not in call.guardrails:
            call.guardrails.append(active.name)
        started, began = time.time(), time.monotonic()

        def note(status: GuardrailStatus, error: str | None = None, found: Mapping[str, Any] = _NOTHING) -> None:
            took = time.monotonic() - began
            run = GuardrailRun(active.name, active.plugin, stage, status, started, took, found, error)
            call.guardrail_runs.append(run)

        try:
            verdict = await begun_at_once(active.guardrail.check(stage, payload), active.timeout)
        except GatewayError as error:
            note("guardrail_intervened", type(error).__name__)
            raise
        except (Unreachable, TimeoutError) as error:
            note("guardrail_failed_to_respond", type(error).__name__)
            return self._failed(active, stage, call, error, active.open_if_unreachable or active.open_if_failing)
        except Exception as error:
            note("guardrail_failed_to_respond", type(error).__name__)
            return self._failed(active, stage, call, error, active.open_if_failing)
        if isinstance(verdict, Allow):
            note("guardrail_flagged" if verdict.noted else "success", found=verdict.noted)
        elif isinstance(verdict, Rewrite):
            note("guardrail_intervened", found=verdict.found)
        elif isinstance(verdict, Block):
            note("guardrail_intervened", "Block", {k: v for k, v in verdict.detail.items() if k != "guardrail_name"})
            raise _refusal(active, stage, verdict)
        else:
            note("guardrail_failed_to_respond", "no verdict")
            raise ServiceUnavailableError(f"Guardrail {active.name!r} gave no verdict.")
        return verdict

    def _failed(
        self, active: ActiveGuardrail, stage: Stage, call: Call, error: Exception, lets_through: bool
    ) -> Verdict:
        """What a failure comes to: the call is refused, unless the config says otherwise.

        What the guardrail tripped over may be the attack itself; and why is told to the operator only.
        """
        told = {"guardrail": active.name, "stage": stage, "call_id": call.id, "error": repr(error)}
        if lets_through:
            log.warning("guardrail failed, the call goes on", **told)
            return ALLOW
        log.error("guardrail failed", **told)
        raise ServiceUnavailableError(f"Guardrail {active.name!r} could not judge this call.") from error

    async def aclose(self) -> None:
        for active in self.all:
            await active.guardrail.aclose()


def _cleared(guardrails: Sequence[ActiveGuardrail], stage: Stage, shown: Shown, call: Call) -> int:
    """How many of these, from the first on, see at a glance that there is nothing to object to.

    They are noted as their checks would be.
    """
    number = 0
    text, noted = None, call.guardrails
    began = time.monotonic()
    for active in guardrails:
        if active.glance is None:
            break
        if text is None:
            text = shown.text()
            if text is None or call.options.guardrail_options:
                break
        try:
            if not active.glance(text):
                break
        except Exception:  # its check tells what is wrong
            break
        if active.name not in noted:
            noted.append(active.name)
        ended = time.monotonic()
        started = call.started_at + (began - call.started)
        run = (active.name, active.plugin, stage, "success", started, ended - began, _NOTHING, None)
        call.guardrail_runs.append(_new(GuardrailRun, run))
        began = ended
        number += 1
    return number


def _payload_of(active: ActiveGuardrail, call: Call, shown: Shown) -> Payload:
    """What this guardrail is shown of what all are shown."""
    payload = _payload(active, call, shown.request, shown.response, shown.unseen)
    payload.seen = shown.seen
    return payload


def _payload(
    active: ActiveGuardrail,
    call: Call,
    request: Body | None = None,
    response: Body | None = None,
    unseen: tuple[str, ...] = (),
) -> Payload:
    """What this guardrail is shown; without a `request` the call's own."""
    memories = call.guardrail_memory
    if memories is None:
        memories = call.guardrail_memory = {}
    memory = memories.get(active.name)
    if memory is None:
        memory = memories[active.name] = {}
    given = call.options.guardrail_options
    options = given.get(active.name) or given.get("") or _NOTHING if given else _NOTHING
    return Payload(call, call.body if request is None else request, response, options, memory, unseen, active.wants)


def _check_readable(body: Body) -> None:
    if has_unreadable(body):
        raise GuardrailBlockedError("A guardrail has to read this request, and cannot read token ids: send text.")


def _refusal(active: ActiveGuardrail, stage: Stage, verdict: Block) -> GuardrailBlockedError:
    detail = {**verdict.detail, "guardrail_name": active.name, "guardrail_mode": stage}
    reason = verdict.reason
    if active.template is not None:
        reason = active.template.replace("{reason}", reason).replace("{guardrail_name}", active.name)
    return GuardrailBlockedError(reason, detail=detail, answer=verdict.answer)


def _noted(verdict: Verdict, body: Body) -> Body:
    return verdict.body if isinstance(verdict, Rewrite) else body
