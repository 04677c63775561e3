"""From a call to the values of its labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from tianji_callback_prometheus.settings import PrometheusSettings, label_of_metadata, label_of_tag
from tianji_core.api.callback import AttemptRecord, CallRecord

NONE = "None"
"""What a label says that a call has no value for: what the reference's exposition says."""
UNKNOWN = "unknown"
"""The model of a call that asked for one which is not there: people's slips are to make no series."""
LONGEST = 200
"""Characters of a value; clients send what they like."""
NOWHERE = (NONE, NONE, NONE, NONE)


class Labels:
    """Reads labels off records. `knows` says whether a model has a name here, `bases` where each deployment is."""

    def __init__(self, settings: PrometheusSettings) -> None:
        self.knows: Callable[[str], bool] = lambda name: False
        self.bases: Mapping[str, str | None] = {}
        self._end_users = settings.shows_end_users
        self._metadata = [
            path.removeprefix("metadata.").split(".") for path in settings.custom_prometheus_metadata_labels
        ]
        self._tags = settings.custom_prometheus_tags
        self.own = (
            *map(label_of_metadata, settings.custom_prometheus_metadata_labels),
            *map(label_of_tag, settings.custom_prometheus_tags),
        )
        """The labels of the config, in the order of `own_values`."""

    def key(self, record: CallRecord) -> tuple[Any, ...]:
        """What all labels of a call depend on: calls with the same key write to the same series."""
        who, error, cost = record.principal, record.error, record.cost_breakdown
        key = (
            record.model[:LONGEST],
            record.model_group,
            record.upstream_model,
            record.deployment_id,
            record.route[:LONGEST],
            who.key_hash,
            who.key_alias,
            who.user_id,
            who.team_id,
            who.organization_id,
            record.client,
            record.user_agent and record.user_agent[:LONGEST],
            None if error is None else (error.kind, error.status, error.provider),
            None if cost is None else cost.service_tier,
            text(record.end_user) if self._end_users else None,
        )
        return (*key, self.own_values(record)) if self.own else key

    def values(self, record: CallRecord) -> dict[str, str]:
        """All labels of a call."""
        who, error, cost = record.principal, record.error, record.cost_breakdown
        model = record.model
        if record.model_group is None and not self.knows(model):
            model = UNKNOWN
        kept = who.metadata
        return {
            "requested_model": text(model),
            "model_group": text(record.model_group),
            "model": text(record.upstream_model),
            "litellm_model_name": text(record.upstream_model),
            "model_id": text(record.deployment_id),
            "api_provider": text(record.provider),
            "api_base": text(record.api_base),
            "fallback_model": text(record.model_group),
            "route": text(record.route),
            "status_code": "200" if error is None else str(error.status),
            "exception_status": NONE if error is None else str(error.status),
            "exception_class": NONE if error is None else exception_class(error.kind, error.provider),
            "service_tier": text(None if cost is None else cost.service_tier),
            "hashed_api_key": text(who.key_hash),
            "api_key_alias": text(who.key_alias),
            "user": text(who.user_id),
            "user_email": text(kept.get("user_email")),
            "team": text(who.team_id),
            "team_alias": text(kept.get("team_alias")),
            "org_id": text(who.organization_id),
            "org_alias": text(kept.get("org_alias")),
            "end_user": text(record.end_user if self._end_users else None),
            "client_ip": text(record.client),
            "user_agent": text(record.user_agent),
            **dict(zip(self.own, self.own_values(record), strict=True)),
        }

    def of_attempt(self, values: Mapping[str, str], attempt: AttemptRecord) -> dict[str, str]:
        """The labels of one try of the call."""
        return {
            **values,
            "litellm_model_name": text(attempt.model),
            "model": text(attempt.model),
            "model_id": text(attempt.deployment_id),
            "api_provider": text(attempt.provider),
            "api_base": text(self.bases.get(attempt.deployment_id)),
            "exception_status": text(attempt.status),
            "exception_class": NONE if attempt.error is None else exception_class(attempt.error, attempt.provider),
        }

    def own_values(self, record: CallRecord) -> tuple[str, ...]:
        """The values of the config's own labels: what the call says of itself, else what is kept of its key."""
        found = [text(_inside(record.metadata, path, record.principal.metadata)) for path in self._metadata]
        for tag in self._tags:
            has = any(fnmatchcase(each, tag) for each in record.tags) if "*" in tag else tag in record.tags
            found.append("true" if has else "false")
        return tuple(found)


def text(value: object) -> str:
    """The value of a label; what is neither text nor a number is none."""
    if isinstance(value, str):
        return value[:LONGEST] if value.isprintable() else "".join(filter(str.isprintable, value))[:LONGEST]
    return str(value) if isinstance(value, int | float) else NONE


def exception_class(kind: str, provider: str | None) -> str:
    """How the reference calls an error: with its vendor in front, if it came from one."""
    return kind if not provider else f"{provider[0].upper()}{provider[1:]}.{kind}"


def _inside(said: Mapping[str, Any], path: list[str], kept: Mapping[str, Any]) -> object:
    for source in (said, kept):
        value: Any = source
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        if value is not None:
            return value
    return None
