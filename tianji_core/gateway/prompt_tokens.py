"""How many tokens a prompt has, before it is sent: asked of the vendor where it tells, else counted here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import orjson

from tianji_core.accounting import count_answer
from tianji_core.accounting.parts import request_parts
from tianji_core.api.errors import BadRequestError, GatewayError
from tianji_core.api.provider import Body, ModelRequest
from tianji_core.gateway.call import Call
from tianji_core.gateway.native import native_request, speaks_natively
from tianji_core.gateway.vendor_request import model_request
from tianji_core.routing import Deployment, ModelTable
from tianji_core.telemetry import get_logger

log = get_logger("tianji.calls")

SECONDS = 20
"""That a vendor has for counting."""


class PromptCount(NamedTuple):
    """The tokens of a prompt. `source` says who counted: `provider` or `local_estimate`, in the reference's words.

    `model` is the vendor's name of the model, `answer` what the vendor has said, if it was asked.
    """

    tokens: int
    source: str
    model: str
    provider: str | None = None
    answer: Body | None = None


async def count_prompt(models: ModelTable, call: Call) -> PromptCount:
    """Have the tokens counted by the vendor, or here if it does not.

    Raises BadRequestError for a model that nobody knows. A vendor that fails is no reason to fail: then we count.
    """
    target = models.resolve(call.model)
    if target is None:
        raise BadRequestError(f"Invalid model name passed in model={call.model}.", param="model")
    for deployment in target.deployments:
        try:
            counted = await _ask(call, deployment, target.upstream_model(deployment))
        except GatewayError as error:
            log.info("vendor does not count", deployment=deployment.id, error=str(error))
            break
        if counted is not None:
            return counted
    return await count_here(call, target.upstream_model(target.deployments[0]))


async def most_tokens(call: Call, deployments: Sequence[Deployment]) -> int:
    """The tokens of a call's prompt, for who wants to know whether it fits: counted if that is in doubt, else more than
    there can be."""
    least = min((d.max_input_tokens for d in deployments if d.max_input_tokens is not None), default=0)
    parts = request_parts(call.operation, call.body)
    most = parts.fixed
    for text in parts.texts:
        most += len(text.encode("utf-8", "surrogatepass"))  # no token is less than a byte
        if most > least:
            return (await count_here(call, deployments[0].model)).tokens
    return most


async def count_here(call: Call, model: str) -> PromptCount:
    """Count the tokens with the vocabulary of a model, by its vendor's name."""
    usage = (await count_answer(model, call.operation, call.body, {})).usage
    return PromptCount(int(usage["prompt_tokens"]), "local_estimate", model)


async def _ask(call: Call, deployment: Deployment, model: str) -> PromptCount | None:
    """The vendor's count; None from one that does not count."""
    if deployment.mock_response is not None:
        return None
    provider = deployment.provider
    request: ModelRequest
    if speaks_natively(call, deployment, model):
        dialect, request = call.dialect, native_request(call, deployment, model)
    elif call.operation == "chat" and provider.counts_chat:
        dialect, (request, _) = "openai", model_request(call, deployment, model)
    else:
        return None
    if call.kept is not None:
        await call.kept.put_in(call, request, deployment)
    if deployment.needs_prepare:
        await provider.prepare(request, deployment.network)
    asked = provider.build_count(dialect, request)
    if asked is None:
        return None
    if deployment.needs_authorize:
        asked = await provider.authorize(asked, deployment.network)
    reply = await deployment.network.fetch(asked, timeout=SECONDS)
    if reply.status != 200:
        raise provider.parse_error(reply.status, reply.headers, reply.body)
    try:
        answer = orjson.loads(reply.body)
        tokens = provider.parse_count(answer)
    except (ValueError, KeyError, TypeError):
        return None
    return PromptCount(tokens, "provider", model, deployment.provider_name, answer)
