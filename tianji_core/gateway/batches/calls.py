"""One line of a batch as a call, and its end as a line of the output."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, NamedTuple

import orjson

from tianji_core.api.call import Principal
from tianji_core.api.errors import BadRequestError, GatewayError
from tianji_core.api.provider import Body, Operation
from tianji_core.gateway.call import Call
from tianji_core.gateway.dialects import DialectCall
from tianji_core.gateway.objects.places import parts_in
from tianji_core.translate.surfaces.contract import Surface
from tianji_core.translate.surfaces.messages import MESSAGES
from tianji_core.translate.surfaces.responses import RESPONSES
from tianji_core.wire import anthropic, openai

if TYPE_CHECKING:
    from tianji_core.gateway.gateway import Gateway


class Endpoint(NamedTuple):
    """What the lines of a batch ask for."""

    operation: Operation
    surface: Surface | None = None


ENDPOINTS = {
    "/v1/chat/completions": Endpoint("chat"),
    "/v1/completions": Endpoint("completions"),
    "/v1/embeddings": Endpoint("embeddings"),
    "/v1/responses": Endpoint("chat", RESPONSES),
    "/v1/messages": Endpoint("chat", MESSAGES),
    "/v1/moderations": Endpoint("moderations"),
    "/v1/rerank": Endpoint("rerank"),
    "/v1/images/generations": Endpoint("images"),
}
"""What lines may ask for, by the URL in them."""


class Line(NamedTuple):
    """One line of the input. `number` counts from 1."""

    number: int
    custom_id: str
    body: Body


async def begun(gateway: Gateway, endpoint: str, line: Line, principal: Principal, batch_id: str) -> DialectCall:
    """The call that a line asks for, ready to run; one of Responses may go on with an answer that is kept.

    Raises GatewayError.
    """
    if ENDPOINTS[endpoint].surface is not RESPONSES:
        return DialectCall(line_call(gateway, endpoint, line, principal, batch_id))
    _check_way(line.body)
    turn = await gateway.responses.turn(line.body, principal)
    call = line_call(gateway, endpoint, line._replace(body=turn.body), principal, batch_id, turn)
    return turn.begin(call)


def line_call(
    gateway: Gateway, endpoint: str, line: Line, principal: Principal, batch_id: str, turn: Surface | None = None
) -> Call:
    """The call that a line asks for. Raises BadRequestError, PermissionDeniedError."""
    _check_way(line.body)
    operation, surface = ENDPOINTS[endpoint]
    call = gateway.new_call(operation, line.body, principal, turn if turn is not None else surface)
    if next(parts_in(line.body), None) is not None:
        call.kept = gateway.prompt_files()
    call.route = endpoint
    call.metadata = {**call.metadata, "batch_id": batch_id, "batch_custom_id": line.custom_id}
    return call


def _check_way(body: Body) -> None:
    """Raises BadRequestError for answers that come in another way than as a line."""
    for name in ("stream", "background"):
        if body.get(name) is True:
            raise BadRequestError(f"{name} is not supported in batches.", param=name)


def answered(custom_id: str, request_id: str, body: Body, status: int = 200) -> bytes:
    """A line of the output for a call that was answered."""
    return _written(custom_id, {"status_code": status, "request_id": request_id, "body": body}, None)


def refused(custom_id: str, request_id: str, error: GatewayError, endpoint: str) -> bytes:
    """A line of the output for a call that ended in an error, which is told in the dialect of the line."""
    if ENDPOINTS[endpoint].surface is MESSAGES:
        body = anthropic.error_body(error.message, error.http_status)
    else:
        body = openai.error_body(error.message, error.error_type, error.param, str(error.http_status), error.detail)
    return answered(custom_id, request_id, body, error.http_status)


def left(custom_id: str, code: str, message: str) -> bytes:
    """A line of the output for a call that was never made."""
    return _written(custom_id, None, {"code": code, "message": message})


def _written(custom_id: str, response: Body | None, error: Body | None) -> bytes:
    line = {"id": f"batch_req_{secrets.token_hex(12)}", "custom_id": custom_id, "response": response, "error": error}
    return orjson.dumps(line)
