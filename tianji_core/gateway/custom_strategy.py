"""Routing strategies written for the reference: objects with `get_available_deployment`."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from tianji_core.api.call import CallView
from tianji_core.api.errors import InternalServerError
from tianji_core.api.routing import Deployment, RoutingStrategy, Snapshot
from tianji_core.telemetry import get_logger

METHOD = "get_available_deployment"
CHOICES = "healthy_deployments"
log = get_logger("tianji.calls")


class CustomStrategy(RoutingStrategy):
    """Asks an object that has `get_available_deployment`, as the reference does.

    The method gets, by name and as far as it takes them, `model`, `messages`, `input`, `specific_deployment`,
    `request_kwargs` (the request's body) and `healthy_deployments`: the deployments to choose from, dicts as rows of
    `model_list` are. It returns one of these. There is no router to ask for its `model_list` here, so the last is the
    one that it has to take.

    Raises TypeError, with what is wrong, for an object that cannot be asked so.
    """

    def __init__(self, chooser: Any) -> None:
        method = getattr(chooser, METHOD, None)
        kind = type(chooser).__name__
        if not callable(method):
            if callable(getattr(chooser, "async_" + METHOD, None)):
                raise TypeError(f"{kind} has async_{METHOD} only; a choice must not wait here: give it {METHOD}")
            raise TypeError(f"{kind} is neither a RoutingStrategy nor an object with {METHOD}")
        if inspect.iscoroutinefunction(method):
            raise TypeError(f"{kind}.{METHOD} is async, and a choice must not wait here: make it a plain def")
        parameters = inspect.signature(method).parameters.values()
        self._choose = method
        self._takes = None if any(p.kind is p.VAR_KEYWORD for p in parameters) else {p.name for p in parameters}
        if self._takes is not None and CHOICES not in self._takes:
            raise TypeError(f"{kind}.{METHOD} has to take {CHOICES}: the deployments to choose from, as dicts")
        self._rows: dict[str, tuple[Deployment, dict[str, Any]]] = {}

    def pick(self, candidates: Sequence[Deployment], call: CallView, snapshot: Snapshot) -> Deployment:
        """The object's choice. Raises InternalServerError if that is none of the candidates."""
        body = call.body
        arguments = {
            "model": call.model,
            "messages": body.get("messages"),
            "input": body.get("input"),
            "specific_deployment": False,
            "request_kwargs": body,
            CHOICES: [self._row(candidate) for candidate in candidates],
        }
        if self._takes is not None:
            arguments = {name: value for name, value in arguments.items() if name in self._takes}
        chosen = self._choose(**arguments)
        info = chosen.get("model_info") if isinstance(chosen, dict) else None
        wanted = info.get("id") if isinstance(info, dict) else None
        for candidate in candidates:
            if candidate.id == wanted:
                return candidate
        said = "nothing" if chosen is None else "something that is none of the deployments it was given"
        log.error("the custom routing strategy returned " + said, call_id=call.id, model=call.model)
        raise InternalServerError(f"The routing strategy chose no deployment of model {call.model!r}.")

    def _row(self, deployment: Deployment) -> dict[str, Any]:
        """A deployment as a row of the config, without anything secret; made once for each."""
        known = self._rows.get(deployment.id)
        if known is not None and known[0] is deployment:
            return known[1]
        row = row_of(deployment)
        self._rows[deployment.id] = deployment, row
        return row


def row_of(deployment: Deployment) -> dict[str, Any]:
    """A deployment as a row of `model_list`, with what of it may be shown."""
    params = {
        "model": f"{deployment.provider_name}/{deployment.model}",
        "weight": deployment.weight,
        "rpm": deployment.rpm,
        "tpm": deployment.tpm,
        "tags": list(deployment.tags) or None,
        "input_cost_per_token": deployment.input_cost_per_token,
        "output_cost_per_token": deployment.output_cost_per_token,
        **getattr(deployment, "params", {}),
    }
    return {
        "model_name": deployment.model_name,
        "litellm_params": {name: value for name, value in params.items() if value is not None},
        "model_info": {**deployment.info, "id": deployment.id},
    }
