"""From an HTTP request to a call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.types import Scope

from tianji_core.api.call import Principal
from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body, Operation
from tianji_core.gateway.body import check_body, check_models, check_retries, read_metadata, read_options, read_tags
from tianji_core.gateway.call import DEFAULT_OPTIONS, Call, CallOptions, new_id
from tianji_core.gateway.dialects import to_normal_form
from tianji_core.server.asgi import read_json
from tianji_core.translate.surfaces.contract import Surface

_TIMEOUT = b"x-litellm-timeout"
_STREAM_TIMEOUT = b"x-litellm-stream-timeout"
_NUM_RETRIES = b"x-litellm-num-retries"
_OPTION_HEADERS = frozenset({_TIMEOUT, _STREAM_TIMEOUT, _NUM_RETRIES})
_CALL_ID = b"x-litellm-call-id"
_CALL_ID_FORM = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_NOTHING: Mapping[str, Any] = {}
_END_USER_HEADERS = (b"x-litellm-customer-id", b"x-litellm-end-user-id")


async def read_object(request: Request, limit: int) -> Body:
    """The JSON object that a request brings. Raises BadRequestError, RequestTooLargeError, ClientDisconnected."""
    body = await read_json(request.scope, request.receive, dict(request.scope["headers"]), limit)
    if not isinstance(body, dict):
        raise BadRequestError("The request body must be a JSON object.", param="request_body")
    return body


def who(request: Request) -> str | None:
    """Who asks, as histories have it."""
    principal: Principal = request.scope["principal"]
    return principal.user_id or principal.key_alias


def read_call(operation: Operation, scope: Scope, headers: dict[bytes, bytes], body: Any, principal: Principal) -> Call:
    """The call that a request asks for. Raises BadRequestError, PermissionDeniedError."""
    in_path = scope.get("path_params")
    if in_path and "model" in in_path and isinstance(body, dict):
        body["model"] = in_path["model"]
    body = check_body(body, operation)
    model = body.get("model") or ""
    options = read_options(body)
    if principal.models:
        check_models(principal, model, options)
    if not _OPTION_HEADERS.isdisjoint(headers):
        options = _with_headers(options, headers)
    client = scope.get("client")
    tags = headers.get(b"x-litellm-tags")
    says_more = tags is not None or options is not DEFAULT_OPTIONS
    metadata = read_metadata(body) if says_more else {}
    call = Call(
        operation,
        model,
        body,
        body.get("stream") is True,
        principal,
        options,
        route=scope["path"],
        headers=headers,
        client=client[0] if client else None,
        end_user=end_user(headers, body, metadata),
    )
    if _CALL_ID in headers:
        call.id = call_id_of(headers)
    if says_more:
        call.tags = read_tags(body, metadata, None if tags is None else tags.decode("latin-1"))
        call.metadata = metadata
    return call


def call_id_of(headers: Mapping[bytes, bytes]) -> str:
    """The id that the client wants its call to have, so that its own logs are found in ours; else a new one."""
    given = headers.get(_CALL_ID)
    return given.decode() if given is not None and _CALL_ID_FORM.fullmatch(given) is not None else new_id()


def read_dialect_call(
    surface: Surface, scope: Scope, headers: dict[bytes, bytes], body: Any, principal: Principal
) -> Call:
    """The call that a request in another dialect asks for. Raises BadRequestError, PermissionDeniedError."""
    chat, native = to_normal_form(surface, body)
    call = read_call(surface.operation, scope, headers, chat, principal)
    call.dialect, call.surface, call.asked = surface.name, surface, body
    call.native = native if surface.operation == "chat" else None
    return call


def may_name_files(raw: bytes, dialect: str) -> bool:
    """Whether a body, as it came, may name files or vector stores: half a microsecond for a small one."""
    return b"file_id" in raw or (dialect == "responses" and b"vector_store_ids" in raw)


def end_user(headers: dict[bytes, bytes], body: dict[str, Any], metadata: Mapping[str, Any] = _NOTHING) -> str | None:
    """Whom the caller calls for; the first place that says it counts, and the order is the reference's."""
    for name in _END_USER_HEADERS:
        value = headers.get(name)
        if value:
            return value.decode("latin-1")
    user: str | None = body.get("user")
    if user is None and metadata:
        user = next((u for name in ("user", "user_id") if isinstance(u := metadata.get(name), str)), None)
    if user is None and isinstance(identifier := body.get("safety_identifier"), str):
        user = identifier
    return user


def _with_headers(options: CallOptions, headers: dict[bytes, bytes]) -> CallOptions:
    """What header fields ask of the gateway; they win over the body."""
    found: dict[str, Any] = {}
    for field, header in (("timeout", _TIMEOUT), ("stream_timeout", _STREAM_TIMEOUT)):
        if header in headers:
            seconds = _number(headers[header], header)
            if not seconds > 0:
                raise BadRequestError(f"{header.decode()} must be positive seconds.")
            found[field] = seconds
    if _NUM_RETRIES in headers:
        found["num_retries"] = check_retries(int(_number(headers[_NUM_RETRIES], _NUM_RETRIES)), _NUM_RETRIES.decode())
    return replace(options, **found)


def _number(value: bytes, header: bytes) -> float:
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not abs(number) < 1e9:  # also nan and inf
        raise BadRequestError(f"{header.decode()} must be a number.")
    return number
