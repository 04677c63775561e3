"""Answers that a vendor keeps: asked for, stopped and forgotten there, under the client's ids."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from tianji_core.api.errors import APIConnectionError, BadGatewayError, GatewayError
from tianji_core.api.http import UpstreamReply
from tianji_core.api.provider import Body, StoredRequest
from tianji_core.gateway.attempt import MAX_ERROR_BYTES
from tianji_core.gateway.reply import conceal
from tianji_core.gateway.responses.ids import AtVendor, ResponseIds
from tianji_core.routing import Deployment
from tianji_core.translate.surfaces.responses import RESPONSES

Query = Sequence[tuple[str, str]]
TIMEOUT = 60.0

__all__ = ["MAX_ERROR_BYTES", "Query", "as_clients", "ask", "cut_off", "fetch", "in_clients_words", "refused"]


async def ask(at: AtVendor, method: str, *more: str, query: Query = (), limit: int) -> Body:
    """What the vendor says of an answer, to `more` of its path. Raises the GatewayError of a vendor that refuses."""
    deployment = at.deployments[0]
    reply = await fetch(deployment, StoredRequest(method, (at.vendor_id, *more), tuple(query)), limit)
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
    upstream = provider.build_stored(RESPONSES.name, request)
    if deployment.needs_authorize:
        upstream = await provider.authorize(upstream, deployment.network)
    reply = await deployment.network.fetch(upstream, timeout=TIMEOUT, limit=limit)
    if not 200 <= reply.status < 300:
        raise refused(deployment, provider.parse_error(reply.status, reply.headers, reply.body))
    return reply


def refused(deployment: Deployment, error: GatewayError) -> GatewayError:
    """A vendor's error, as the client may read it."""
    error.provider = error.provider or deployment.provider_name
    conceal(error, deployment)
    return error


def cut_off(event: Body | None) -> GatewayError:
    """How a stream ended that did not come to its end; `event` is what the vendor said of it."""
    if event is None:
        return APIConnectionError("The provider's stream ended before it was complete.")
    told = event.get("error")
    message = told.get("message") if isinstance(told, dict) else None
    return BadGatewayError(str(message or "The provider's stream reported an error."))


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
    if (name := _name(str(response.get("model")), at)) is not None:
        response["model"] = name
    return response


def _name(model: str, at: AtVendor) -> str | None:
    """What clients call the vendor's model; None if they have no name for it, or several."""
    # Vendors add a date to the model's name, so the longest name that it begins with is meant.
    known = {(d.model.rpartition("/")[2], d.model_name) for d in at.deployments}
    fitting = {(named, name) for named, name in known if named and model.startswith(named)}
    longest = max((len(named) for named, _ in fitting), default=0)
    names = {name for named, name in fitting if len(named) == longest}
    return names.pop() if len(names) == 1 else None
