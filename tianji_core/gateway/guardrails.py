"""Running the guardrails: on the normal form, in the order of the config, and closed when one fails."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from tianji_core.api.errors import GatewayError, GuardrailBlockedError, ServiceUnavailableError
from tianji_core.api.guardrail import Allow, Block, Guardrail, Payload, Rewrite, Stage, Verdict
from tianji_core.api.provider import Body
from tianji_core.gateway.call import Call
from tianji_core.gateway.reply import Reply, StreamReply
from tianji_core.telemetry import get_logger

log = get_logger("tianji.guardrails")

CHECK_DEADLINE = 30.0
"""Seconds a guardrail may take; one that takes longer counts as failed."""


@dataclass(frozen=True, slots=True)
class ActiveGuardrail:
    """A guardrail of the config: its name there, when it runs, and for whom."""

    name: str
    guardrail: Guardrail
    stages: frozenset[Stage]
    default_on: bool

    def applies(self, call: Call) -> bool:
        return self.default_on or self.name in call.options.guardrails


class GuardrailChain:
    """All guardrails of a gateway, sorted by stage; a stage without any costs nothing."""

    def __init__(self, guardrails: Sequence[ActiveGuardrail]) -> None:
        self.all = tuple(guardrails)
        self.pre_call = tuple(g for g in guardrails if "pre_call" in g.stages)
        self.during_call = tuple(g for g in guardrails if "during_call" in g.stages)
        self.post_call = tuple(g for g in guardrails if "post_call" in g.stages)

    def watches_answers(self, call: Call) -> bool:
        """Whether this call's answer has to be judged before it may go out."""
        return any(g.applies(call) for g in self.post_call)

    def stages(self, call: Call) -> frozenset[Stage]:
        """The stages at which something looks at this call."""
        return frozenset[Stage]().union(*(g.stages for g in self.all if g.applies(call)))

    async def inspect(self, call: Call, stage: Stage, request: Body, response: Body | None = None) -> None:
        """Judge what cannot be changed, since it is not what goes out: who would rewrite it refuses it.

        Raises GuardrailBlockedError.
        """
        for active in self.all:
            if stage in active.stages and active.applies(call):
                verdict = await self._check(active, stage, Payload(call, request, response), call)
                if isinstance(verdict, Rewrite):
                    raise GuardrailBlockedError(
                        f"Guardrail {active.name!r} wants to change this, and what is passed through stays as it is."
                    )

    async def before(self, call: Call) -> None:
        """Judge the request; a rewrite takes its place. Raises GuardrailBlockedError."""
        for active in self.pre_call:
            if active.applies(call):
                verdict = await self._check(active, "pre_call", Payload(call, call.body), call)
                if isinstance(verdict, Rewrite):
                    call.body = verdict.body
                    call.native = None  # what was judged is what goes out

    async def during(self, call: Call, work: Coroutine[Any, Any, Reply | StreamReply]) -> Reply | StreamReply:
        """Do `work` while the request is judged; a block discards what it brought. Raises GuardrailBlockedError."""
        active = [g for g in self.during_call if g.applies(call)]
        if not active:
            return await work
        payload = Payload(call, call.body)
        answer = asyncio.ensure_future(work)
        checks = [asyncio.ensure_future(self._check(g, "during_call", payload, call)) for g in active]
        try:
            for check in checks:
                await check
        except BaseException:
            for task in (answer, *checks):
                task.cancel()
            results = await asyncio.gather(answer, *checks, return_exceptions=True)
            if isinstance(results[0], StreamReply):
                await results[0].aclose()
            raise
        return await answer

    async def after(self, call: Call, response: Body) -> Body:
        """Judge the answer. Returns what may go out. Raises GuardrailBlockedError."""
        for active in self.post_call:
            if active.applies(call):
                verdict = await self._check(active, "post_call", Payload(call, call.body, response), call)
                if isinstance(verdict, Rewrite):
                    response = verdict.body
        return response

    async def _check(self, active: ActiveGuardrail, stage: Stage, payload: Payload, call: Call) -> Verdict:
        if active.name not in call.guardrails:
            call.guardrails.append(active.name)
        try:
            async with asyncio.timeout(CHECK_DEADLINE):
                verdict = await active.guardrail.check(stage, payload)
        except GatewayError:
            raise
        except Exception as error:
            # What the guardrail tripped over may be the attack itself: closed, and told to the operator only.
            log.error("guardrail failed", guardrail=active.name, stage=stage, call_id=call.id, error=repr(error))
            raise ServiceUnavailableError(f"Guardrail {active.name!r} could not judge this call.") from error
        if isinstance(verdict, Block):
            detail = {**verdict.detail, "guardrail_name": active.name, "guardrail_mode": stage}
            raise GuardrailBlockedError(verdict.reason, detail=detail)
        if not isinstance(verdict, (Allow, Rewrite)):
            raise ServiceUnavailableError(f"Guardrail {active.name!r} gave no verdict.")
        return verdict

    async def aclose(self) -> None:
        for active in self.all:
            await active.guardrail.aclose()
