"""Asking vendors for what they keep: a request by the native way, an answer or the vendor's error."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import orjson

from tianji_core.api.errors import BadGatewayError, BadRequestError, GatewayError, NotFoundError
from tianji_core.api.files import FilesAPI
from tianji_core.api.http import UpstreamReply
from tianji_core.api.pass_through import PassThrough
from tianji_core.gateway.attempt import MAX_ERROR_BYTES
from tianji_core.gateway.reply import transport_failure
from tianji_core.routing import Deployment
from tianji_core.transport import TransportError, UpstreamResponse
from tianji_core.wire.multipart import open_form

MAX_ANSWER = 16 * 1024 * 1024
"""Bytes of an answer that is read whole."""


async def ask(deployment: Deployment, request: PassThrough) -> UpstreamResponse:
    """Send a request for a path of OpenAI's API; its 2xx answer. Raises GatewayError."""
    provider = deployment.provider
    upstream = provider.build_pass_through(replace(request, path=provider.resource_path(request.path)))
    if deployment.needs_authorize:
        upstream = await provider.authorize(upstream, deployment.network)
    timeouts = replace(deployment.timeouts, total=None)  # large files take as long as they take
    try:
        response = await deployment.transport.send(upstream, timeouts)
    except TransportError as error:
        raise transport_failure(error) from error
    if 200 <= response.status < 300:
        return response
    async with response:
        try:
            body = await response.read(MAX_ERROR_BYTES)
        except TransportError:
            body = b""  # the status alone has to tell
    raise failure(deployment, UpstreamReply(response.status, response.headers, body))


def failure(deployment: Deployment, reply: UpstreamReply) -> GatewayError:
    """The error that an answer outside 2xx means, without the secrets that some vendors echo."""
    if reply.status < 400:
        return BadGatewayError(f"The provider answered with status {reply.status}.")
    error = deployment.provider.parse_error(reply.status, reply.headers, reply.body)
    for secret in deployment.secrets:
        error.message = error.message.replace(secret, "***")
    error.provider = error.provider or deployment.provider_name
    return error


async def ask_json(deployment: Deployment, request: PassThrough) -> dict[str, Any]:
    """The same for an answer that is a JSON object."""
    response = await ask(deployment, request)
    try:
        body = await response.read(MAX_ANSWER)
    except TransportError as error:
        raise transport_failure(error) from error
    try:
        value = orjson.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise BadGatewayError("The provider's answer is not a JSON object.")
    return value


async def upload(
    deployment: Deployment,
    filename: str,
    purpose: str,
    content_type: str,
    parts: AsyncIterator[bytes],
    *,
    size: int | None = None,
    life: float | None = None,
) -> str:
    """Bring a file to a vendor, of `size` bytes if that is known; the vendor's id.

    Raises GatewayError, and whatever `parts` raises.
    """
    api = files_api(deployment)
    check_purpose_of(deployment, purpose)
    fields: list[tuple[str, object]] = [] if api.purposes is None else [("purpose", purpose)]
    if api.least_life is not None and life is not None and life >= api.least_life:
        fields += [("expires_after[anchor]", "created_at"), ("expires_after[seconds]", str(int(life)))]
    content_type, head, tail = open_form(secrets.token_hex(24), fields, "file", filename, content_type)

    async def body() -> AsyncIterator[bytes]:
        yield head
        async for part in parts:
            yield part
        yield tail

    length = None if size is None else len(head) + size + len(tail)
    headers = [("content-type", content_type), *api.headers]
    answer = await ask_json(deployment, PassThrough("POST", "/files", headers=headers, body=body(), length=length))
    found = answer.get("id")
    if not isinstance(found, str) or not found:
        raise BadGatewayError("The provider's answer names no file.")
    return found


async def download(deployment: Deployment, vendor_id: str) -> AsyncIterator[bytes]:
    """The content of a vendor's file, as it comes. Raises GatewayError, also in the middle."""
    request = PassThrough("GET", f"/files/{segment(vendor_id)}/content", headers=list(files_api(deployment).headers))
    response = await ask(deployment, request)
    async with response:
        try:
            async for piece in response:
                yield piece
        except TransportError as error:
            raise transport_failure(error) from error


async def describe(deployment: Deployment, vendor_id: str) -> dict[str, Any]:
    """What a vendor says of a file. Raises GatewayError."""
    request = PassThrough("GET", f"/files/{segment(vendor_id)}", headers=list(files_api(deployment).headers))
    return await ask_json(deployment, request)


async def delete(deployment: Deployment, vendor_id: str) -> None:
    """Forget a file at a vendor; one that is gone already is fine. Raises GatewayError."""
    request = PassThrough("DELETE", f"/files/{segment(vendor_id)}", headers=list(files_api(deployment).headers))
    try:
        response = await ask(deployment, request)
    except NotFoundError:
        return
    await response.aclose()


def files_api(deployment: Deployment) -> FilesAPI:
    """Raises BadRequestError if the vendor takes no files."""
    api = deployment.provider.files_api
    if api is None:
        raise BadRequestError(f"Provider {deployment.provider_name!r} takes no files.", param="custom_llm_provider")
    return api


def check_purpose_of(deployment: Deployment, purpose: str) -> None:
    """Raises BadRequestError if the vendor takes no files for this."""
    purposes = files_api(deployment).purposes
    if purposes is not None and purpose not in purposes:
        able = ", ".join(sorted(purposes))
        raise BadRequestError(
            f"Provider {deployment.provider_name!r} takes no files for {purpose!r}, only for: {able}.", param="purpose"
        )


def segment(id: str) -> str:
    """An id as a segment of a path."""
    if not id.strip("."):
        raise BadGatewayError("The provider's answer names no file.")
    return quote(id, safe="")
