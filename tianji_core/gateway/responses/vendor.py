"""Answers that a vendor keeps: asked for, stopped and forgotten there, under the client's ids."""

from __future__ import annotations

import orjson

from tianji_core.api.errors import BadGatewayError, GatewayError
from tianji_core.api.http import UpstreamReply
from tianji_core.api.provider import Body, StoredRequest
from tianji_core.gateway.attempt import conceal
from tianji_core.gateway.responses.ids import AtVendor, ResponseIds
from tianji_core.routing import Deployment
from tianji_core.translate.surfaces.responses import RESPONSES

Query = tuple[tuple[str, str], ...]
TIMEOUT = 60.0


async def ask(at: AtVendor, method: str, *more: str, query: Query = (), limit: int) -> Body:
    """What the vendor says of an answer, to `more` of its path. Raises the GatewayError of a vendor that refuses."""
    deployment = at.deployments[0]
    reply = await fetch(deployment, StoredRequest(method, (at.vendor_id, *more), query), limit)
    try:
        body = orjson.loads(reply.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise BadGatewayError("The provider's answer is not a JSON object.")
    return body


async def fetch(deployment: Deployment, request: StoredRequest, limit: int) -> UpstreamReply:
    """The vendor's good answer to a request. Raises GatewayError."""
    provider = deployment.provider
    try:
        upstream = provider.build_stored(RESPONSES.name, request)
        if deployment.needs_authorize:
            upstream = await provider.authorize(upstream, deployment.network)
        reply = await deployment.network.fetch(upstream, timeout=TIMEOUT, limit=limit)
        if not 200 <= reply.status < 300:
            raise provider.parse_error(reply.status, reply.headers, reply.body)
    except GatewayError as error:
        error.provider = error.provider or deployment.provider_name
        conceal(error, deployment)
        raise
    return reply


def in_clients_words(error: GatewayError, at: AtVendor) -> GatewayError:
    """The vendor's error, with the client's id where it names its own."""
    if at.vendor_id in error.message and at.id not in error.message:
        error.message = error.message.replace(at.vendor_id, at.id)
        error.args = (error.message,)
    return error


def as_clients(response: Body, at: AtVendor, ids: ResponseIds, owner: str) -> Body:
    """A vendor's response in place under the names that the client knows: its own id, the one before, the model."""
    response["id"] = at.id
    previous = response.get("previous_response_id")
    if isinstance(previous, str):
        response["previous_response_id"] = ids.seal(previous, at.deployments[0], owner)
    named = str(response.get("model"))
    # Vendors add a date to the model's name, so the longest name that it begins with is meant.
    known = [(d.model.rpartition("/")[2], d.model_name) for d in at.deployments]
    fitting = [(model, name) for model, name in known if model and named.startswith(model)]
    if fitting:
        response["model"] = max(fitting)[1]
    return response
