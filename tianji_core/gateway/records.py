"""Writing a finished call down."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from tianji_core.api.call import Principal
from tianji_core.api.callback import CallRecord, ErrorRecord, in_dollars
from tianji_core.api.errors import GatewayError
from tianji_core.api.http import Upload
from tianji_core.api.provider import UPLOADS, Body
from tianji_core.gateway.call import Call

NOBODY = Principal()
"""In place of a caller who is not to be named."""


def make_record(
    call: Call,
    error: GatewayError | None,
    *,
    content: bool,
    caller: bool = True,
    header_prefixes: tuple[bytes, ...] = (),
) -> CallRecord:
    """The record of a call that has ended; `content` says whether prompt and answer may be in it, `caller` whether key
    and user may, `header_prefixes` how names of header fields begin that somebody wants to see in its metadata."""
    deployment = call.deployment
    return CallRecord(
        id=call.id,
        operation=call.kind or call.operation,
        dialect=call.dialect,
        route=call.route,
        outcome="success" if error is None else "failure",
        stream=call.stream,
        model=call.model,
        model_group=call.group,
        upstream_model=call.upstream_model,
        deployment_id=deployment.id if deployment is not None else None,
        provider=deployment.provider_name if deployment is not None else None,
        api_base=deployment.api_base if deployment is not None else None,
        started_at=call.started_at,
        first_chunk_at=call.first_chunk_at,
        ended_at=time.time(),
        usage=call.usage,
        principal=call.principal if caller else NOBODY,
        end_user=call.end_user,
        tags=call.tags,
        metadata=call.metadata if not header_prefixes else _with_headers(call, header_prefixes),
        client=call.client,
        user_agent=call.header(b"user-agent"),
        attempts=tuple(call.attempts),
        fallbacks=call.fallbacks,
        guardrails=tuple(call.guardrails),
        guardrail_runs=tuple(call.guardrail_runs),
        policies=tuple(call.policies.policies) if call.policies is not None else (),
        traceparent=call.header(b"traceparent"),
        request=_shown(call) if content else None,
        response=call.response if content else None,
        usage_source=call.usage_source if call.usage is not None else None,
        cache_hit=call.cache_hit,
        cache_key=call.cache_key,
        cost=None if call.cost is None else in_dollars(call.cost.total),
        cost_breakdown=call.cost,
        unpriced=call.unpriced,
        saved_cost=None if call.saved is None else in_dollars(call.saved.total),
        error=None
        if error is None
        else ErrorRecord(type(error).__name__, error.http_status, error.message, error.provider),
    )


def _with_headers(call: Call, prefixes: tuple[bytes, ...]) -> Mapping[str, Any]:
    told = {n.decode("latin-1"): v.decode("latin-1") for n, v in call.headers.items() if n.startswith(prefixes)}
    return {**call.metadata, **told} if told else call.metadata


def _shown(call: Call) -> Body:
    """The body as it may be kept: files by their name and size, for they are closed once the call is over."""
    if call.operation not in UPLOADS:
        return call.body
    return {name: _without_content(value) for name, value in call.body.items()}


def _without_content(value: object) -> object:
    if isinstance(value, list):
        return [_without_content(each) for each in value]
    if isinstance(value, Upload):
        return {"filename": value.filename, "content_type": value.content_type, "size": value.size}
    return value
