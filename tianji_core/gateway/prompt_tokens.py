"""How many tokens a prompt has, before it is sent: asked of the vendor where it tells, else counted here."""

from __future__ import annotations

from typing import NamedTuple

import orjson

from tianji_core.accounting import count_answer
from tianji_core.api.errors import BadRequestError, GatewayError
from tianji_core.api.provider import PATH_DIALECTS, Body, ModelRequest
from tianji_core.gateway.call import Call
from tianji_core.gateway.native import speaks_natively
from tianji_core.routing import Deployment, ModelTable
from tianji_core.telemetry import get_logger

log = get_logger("tianji.calls")


class PromptCount(NamedTuple):
    """The tokens of a prompt, and who counted: `provider` or `local_estimate`, in the reference's words."""

    tokens: int
    source: str
    answer: Body | None = None
    """What the vendor answered, in the caller's dialect."""


async def count_prompt(models: ModelTable, call: Call) -> PromptCount:
    """Count the prompt of a call that is not made.

    Raises BadRequestError for a model that nobody knows. A vendor that fails is no reason to fail: then we count.
    """
    target = models.resolve(call.model)
    if target is None:
        raise BadRequestError(f"Invalid model name passed in model={call.model}.", param="model")
    for deployment in target.deployments:
        model = target.upstream_model(deployment)
        try:
            counted = await _ask(call, deployment, model)
        except GatewayError as error:
            log.info("vendor does not count", deployment=deployment.id, error=str(error))
            break
        if counted is not None:
            return counted
    deployment = target.deployments[0]
    usage = (await count_answer(target.upstream_model(deployment), call.operation, call.body, {})).usage
    return PromptCount(int(usage["prompt_tokens"]), "local_estimate")


async def _ask(call: Call, deployment: Deployment, model: str) -> PromptCount | None:
    """The vendor's count; None from one that does not count in the caller's dialect."""
    surface = call.surface
    if surface is None or not speaks_natively(call, deployment, model):
        return None
    provider = deployment.provider
    body = dict(call.native or {})
    if surface.name not in PATH_DIALECTS:
        body["model"] = model
    headers = {n: value for n in provider.forward_headers if (value := call.header(n.encode())) is not None}
    asked = ModelRequest("chat", model, body, headers=headers)
    if deployment.needs_prepare_native:
        await provider.prepare_native(surface.name, asked, deployment.network)
    request = provider.build_count(surface.name, asked)
    if request is None:
        return None
    if deployment.needs_authorize:
        request = await provider.authorize(request, deployment.network)
    reply = await deployment.network.fetch(request, timeout=20)
    if reply.status != 200:
        raise provider.parse_error(reply.status, reply.headers, reply.body)
    try:
        answer = orjson.loads(reply.body)
    except ValueError:
        return None
    tokens = surface.native_count(answer) if isinstance(answer, dict) else None
    return None if tokens is None else PromptCount(tokens, "provider", answer)
