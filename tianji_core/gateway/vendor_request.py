"""What a vendor gets to see of a call: the body by the row and the client, and the client's header fields."""

from __future__ import annotations

from tianji_core.api.errors import UnsupportedCapabilityError, UnsupportedParamsError
from tianji_core.api.members import OWN
from tianji_core.api.provider import Body, ModelRequest, Operation, Provider
from tianji_core.gateway.body import REQUIRED
from tianji_core.gateway.call import Call
from tianji_core.gateway.paths import without
from tianji_core.routing import Deployment
from tianji_core.translate.completions import completions_to_chat

_KEPT = frozenset({"model", "stream"})
"""Members that no list of parameters to drop takes out, beside the required ones: guardrails have judged those."""


def model_request(call: Call, deployment: Deployment, model: str) -> tuple[ModelRequest, bool]:
    """What the provider gets, and whether its chat answer has to be turned into a completions answer.

    Raises UnsupportedCapabilityError, UnsupportedParamsError.
    """
    provider = deployment.provider
    operation: Operation = call.operation
    operations = provider.capabilities.operations
    body = vendor_body(call, deployment, model)
    reshapes = False
    if operation not in operations:
        if operation != "completions" or "chat" not in operations:
            raise UnsupportedCapabilityError(
                f"Model {call.model!r} cannot do {operation}: its provider {provider.name!r} does not offer it."
            )
        operation, body, reshapes = "chat", completions_to_chat(body), True
    if call.surface is not None and call.asked is not None and provider.speaks(call.surface.name, model):
        body.update(call.surface.beside(call.asked))
    drops = deployment.drop_params or call.options.drop_params
    headers = forwarded(call, provider)
    return ModelRequest(operation, model, body, call.stream, headers, drops, call.dialect), reshapes


def forwarded(call: Call, provider: Provider) -> dict[str, str]:
    """The client's header fields that the provider asks for."""
    headers: dict[str, str] = {}
    for name in provider.forward_headers:
        value = call.header(name.encode())
        if value is not None:
            headers[name] = value
    return headers


def vendor_body(call: Call, deployment: Deployment, model: str) -> Body:
    """What the vendor is to get: the row's defaults, the client's members, the vendor's name of the model.

    Raises UnsupportedParamsError for OpenAI parameters that the model does not take, unless they are to be dropped.
    """
    body = {**deployment.defaults, **call.body} if deployment.defaults else call.body.copy()
    for name in OWN.intersection(body):
        if name != "metadata" or not deployment.provider.takes_metadata:
            del body[name]
    body["model"] = model
    options = call.options
    rejected = deployment.rejected_params(model, call.operation).intersection(body)
    if rejected:
        rejected -= options.allowed_params
        _reject(call, deployment, model, body, rejected)
    for name in deployment.dropped_params:
        body.pop(name, None)
    for place in deployment.dropped_places + options.dropped:
        if place[0] not in _KEPT and place[0] not in REQUIRED[call.operation]:
            body = without(body, place)
    if call.stream:
        if deployment.asks_for_usage and "stream_options" not in rejected:
            asked = body.get("stream_options")
            body["stream_options"] = {**asked, "include_usage": True} if asked else {"include_usage": True}
    else:
        body.pop("stream_options", None)
    if deployment.fixed:
        body.update(deployment.fixed)
    return body


def _reject(call: Call, deployment: Deployment, model: str, body: Body, rejected: frozenset[str]) -> None:
    """Drop parameters that the model does not take, or say so."""
    drops = deployment.drop_params or call.options.drop_params
    # A null says nothing, an additional_drop_params entry is dropped anyway, and stream_options is ours to care for.
    dropped = deployment.dropped_params.union(place[0] for place in call.options.dropped if len(place) == 1)
    refused = [
        name
        for name in sorted(rejected)
        if body[name] is not None and name not in dropped and name != "stream_options" and not drops
    ]
    if refused:
        raise UnsupportedParamsError(
            f"{deployment.provider_name} does not support parameters: {', '.join(refused)}, for model={model}. "
            "To drop them set `drop_params: true` in litellm_settings or litellm_params; to send them all the same "
            "list them in `allowed_openai_params`.",
            provider=deployment.provider_name,
        )
    for name in rejected:
        del body[name]
