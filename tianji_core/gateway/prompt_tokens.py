"""How many tokens a prompt has, before it is sent: asked of the vendor where it tells, else counted here."""

from __future__ import annotations

import orjson

from tianji_core.accounting import count_answer
from tianji_core.api.errors import BadRequestError, GatewayError
from tianji_core.api.provider import ModelRequest
from tianji_core.gateway.call import Call
from tianji_core.gateway.native import speaks_natively
from tianji_core.routing import Deployment, ModelTable
from tianji_core.telemetry import get_logger

log = get_logger("tianji.calls")


async def count_prompt(models: ModelTable, call: Call) -> tuple[int, str]:
    """The tokens, and who counted: `provider` or `local_estimate`, in the reference's words.

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
            return counted, "provider"
    deployment = target.deployments[0]
    usage = (await count_answer(target.upstream_model(deployment), call.operation, call.body, {})).usage
    return int(usage["prompt_tokens"]), "local_estimate"


async def _ask(call: Call, deployment: Deployment, model: str) -> int | None:
    """The vendor's count; None from one that does not count in the caller's dialect."""
    if call.surface is None or not speaks_natively(call, deployment):
        return None
    provider = deployment.provider
    body = {**(call.native or {}), "model": model}
    headers = {n: value for n in provider.forward_headers if (value := call.header(n.encode())) is not None}
    request = provider.build_count(call.surface.name, ModelRequest("chat", model, body, headers=headers))
    if request is None:
        return None
    if deployment.needs_authorize:
        request = await provider.authorize(request, deployment.network)
    reply = await deployment.network.fetch(request, timeout=20)
    if reply.status != 200:
        raise provider.parse_error(reply.status, reply.headers, reply.body)
    try:
        tokens = orjson.loads(reply.body)["input_tokens"]
    except (ValueError, KeyError, TypeError):
        return None
    return tokens if isinstance(tokens, int) else None
