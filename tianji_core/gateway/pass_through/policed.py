"""Policies for what is passed through: it stays as it is, so that they can have it looked at, or refused."""

from __future__ import annotations

from dataclasses import replace

from tianji_core.api.errors import BadRequestError
from tianji_core.api.pass_through import PassThrough
from tianji_core.gateway.call import Call
from tianji_core.gateway.pass_through.table import Place
from tianji_core.gateway.pipeline import Pipeline
from tianji_core.routing import Deployment

_NO_MODEL = frozenset({""})
"""Models for a caller who may call none; an empty set would be all."""


async def police(
    pipeline: Pipeline, call: Call, place: Place, request: PassThrough, deployment: Deployment, model: str
) -> tuple[Deployment, str]:
    """The row that lends its credential and the model, by what policies say of those that were chosen.

    Raises GatewayError for a request that they refuse, or would change.
    """
    outcome = pipeline.policies.of_passed(call, deployment.model_name, model, pipeline.models)
    if outcome is None:
        return deployment, model
    if outcome.allow:
        groups = {name for name in pipeline.models.groups if outcome.refusing((name,)) is None}
        allowed = frozenset(groups & call.principal.models if call.principal.models else groups)
        narrowed = replace(call.principal, models=allowed or _NO_MODEL)
        deployment, model = await place.choose(request, narrowed)
    if outcome.swap is not None or (outcome.changes_body and model):
        raise BadRequestError("A policy would change this request, and what is passed through stays as it is.")
    return deployment, model
