"""The gateway's own models, for guardrails that have one of them judge."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tianji_core.api.call import CallView
from tianji_core.api.errors import BadRequestError, InternalServerError
from tianji_core.api.provider import Body, Operation
from tianji_core.gateway.call import Call
from tianji_core.gateway.guardrails.chain import GuardrailChain
from tianji_core.gateway.reply import Reply

if TYPE_CHECKING:
    from tianji_core.gateway.pipeline import Pipeline

TAG = "guardrail"
"""Of the calls that guardrails make."""


class GatewayAsking:
    """Calls of guardrails: they go the way of every call, but for the guardrails, and are paid by who is judged."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = replace(pipeline, guardrails=GuardrailChain(is_off=True))

    async def ask(self, call: CallView, operation: Operation, body: Body) -> Body:
        """See `tianji_core.api.guardrail.Asking`."""
        model = body.get("model")
        if not isinstance(model, str):
            raise BadRequestError("A guardrail has to say which model it asks.")
        own = Call(operation, model, {**body}, principal=call.principal, route="guardrail", tags=(*call.tags, TAG))
        own.metadata = {"guardrail_of": call.id}
        reply = await self._pipeline.run(own)
        if not isinstance(reply, Reply):
            await reply.aclose()
            raise InternalServerError("A guardrail has asked for a stream.")
        return reply.body
