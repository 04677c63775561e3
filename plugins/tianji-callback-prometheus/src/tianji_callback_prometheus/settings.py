"""What the config says of the metrics: keys of `litellm_settings`, or of an entry of `callback_settings`."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from tianji_callback_prometheus.catalogue import CANONICAL, LABELS, METRICS, NOT_FILLED
from tianji_core.api.callback import CallbackSettings
from tianji_core.api.metrics import MetricFamily

_PREFIX = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_NAMES = frozenset(metric.name for metric in METRICS.values())
FAMILIES = frozenset(
    {
        "litellm_in_flight_requests",
        "litellm_deployment_state",
        "litellm_deployment_cooled_down",
        "litellm_deployment_tpm_limit",
        "litellm_deployment_rpm_limit",
        "litellm_provider_remaining_budget_metric",
        "litellm_callback_logging_failures_metric",
    }
)
"""What the gateway tells of itself under the reference's names; the config may choose among these too."""


class MetricsGroup(BaseModel):
    """Some metrics, and which of their labels they keep; without `include_labels` all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: str = ""
    metrics: tuple[str, ...] = Field(min_length=1)
    include_labels: tuple[str, ...] | None = None

    @field_validator("metrics")
    @classmethod
    def _known_metrics(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_canonical(name) for name in names)


class PrometheusSettings(CallbackSettings):
    """All of them can stand in `litellm_settings`, except `prefix`."""

    shared_keys: ClassVar[frozenset[str]] = frozenset(
        {
            "prometheus_metrics_config",
            "prometheus_exclude_metrics",
            "prometheus_exclude_labels",
            "prometheus_latency_buckets",
            "prometheus_metrics_max_series_per_metric",
            "custom_prometheus_metadata_labels",
            "custom_prometheus_tags",
            "enable_end_user_cost_tracking_prometheus_only",
            "disable_end_user_cost_tracking_prometheus_only",
        }
    )

    prefix: str = Field("litellm_", description="What names begin with; litellm_ keeps LiteLLM's dashboards working")
    custom_prometheus_metadata_labels: tuple[str, ...] = Field(
        (), description="Members of a call's metadata that become labels: metadata.team"
    )
    custom_prometheus_tags: tuple[str, ...] = Field(
        (), description='Tags that become labels with the values "true" and "false"; may hold a *'
    )
    prometheus_metrics_config: tuple[MetricsGroup, ...] = Field(
        (), description="Only these metrics, with these labels: [{group, metrics, include_labels}]"
    )
    prometheus_exclude_metrics: tuple[str, ...] = Field((), description="Metrics that are left out")
    prometheus_exclude_labels: tuple[str, ...] = Field((), description="Labels that are left out, of all metrics")
    prometheus_latency_buckets: tuple[float, ...] | None = Field(
        None, description="Upper bounds of the latency histograms, in seconds"
    )
    prometheus_metrics_max_series_per_metric: int = Field(
        2000, ge=10, description='Series of one metric; beyond that, values of labels are counted as "other"'
    )
    enable_end_user_cost_tracking_prometheus_only: bool = Field(False, description="Fill the label end_user")
    disable_end_user_cost_tracking_prometheus_only: bool = Field(False, description="Leave it empty all the same")

    @field_validator("prefix")
    @classmethod
    def _is_prefix(cls, text: str) -> str:
        if text and not _PREFIX.fullmatch(text):
            raise ValueError("a prefix is made of letters, digits, _ and :, and does not begin with a digit")
        return text

    @field_validator("prometheus_metrics_config")
    @classmethod
    def _known_labels(cls, groups: tuple[MetricsGroup, ...], info: ValidationInfo) -> tuple[MetricsGroup, ...]:
        own = {*map(label_of_metadata, info.data.get("custom_prometheus_metadata_labels", ()))}
        own |= {*map(label_of_tag, info.data.get("custom_prometheus_tags", ()))}
        for group in groups:
            for name in group.include_labels or ():
                _check(name, LABELS | own, "label")
        return groups

    @field_validator("prometheus_exclude_metrics")
    @classmethod
    def _known_metrics(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_canonical(name) for name in names)

    @field_validator("prometheus_latency_buckets")
    @classmethod
    def _rising(cls, bounds: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if bounds is not None and (not bounds or list(bounds) != sorted(set(bounds))):
            raise ValueError("the bounds of buckets have to rise")
        return bounds

    @model_validator(mode="after")
    def _distinct(self) -> PrometheusSettings:
        labels = [*map(label_of_metadata, self.custom_prometheus_metadata_labels)]
        labels += map(label_of_tag, self.custom_prometheus_tags)
        twice = {name for name in labels if labels.count(name) > 1}
        if twice:
            raise ValueError(f"two of your own labels are called {sorted(twice)[0]}")
        return self

    @property
    def shows_end_users(self) -> bool:
        return (
            self.enable_end_user_cost_tracking_prometheus_only
            and not self.disable_end_user_cost_tracking_prometheus_only
        )

    def labels_of(self, name: str, labels: tuple[str, ...]) -> tuple[str, ...] | None:
        """Which labels a metric has; None if the config leaves it out."""
        if name in self.prometheus_exclude_metrics:
            return None
        if self.prometheus_metrics_config:
            groups = [group for group in self.prometheus_metrics_config if name in group.metrics]
            if not groups:
                return None
            included = [group.include_labels for group in groups]
            if None not in included:
                wanted = {label for each in included for label in each or ()}
                labels = tuple(label for label in labels if label in wanted)
        return tuple(label for label in labels if label not in self.prometheus_exclude_labels)

    def chooses(self, family: MetricFamily) -> bool:
        """Whether one of the gateway's own numbers is shown; the reference's can be chosen, ours are always there."""
        if family.name not in FAMILIES:
            return True
        return self.labels_of(family.name, ()) is not None


def label_of_metadata(path: str) -> str:
    """The label that a member of the metadata gets."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", path)


def label_of_tag(tag: str) -> str:
    """The label that says whether a call has a tag."""
    return "tag_" + re.sub(r"[^a-zA-Z0-9_]", "_", tag)


def _canonical(name: str) -> str:
    """A metric's name as the catalogue has it, for one that /metrics shows. Raises ValueError for a slip of one.

    Others that the reference may have by now pass: a config that was made for it has to start.
    """
    plain = name.removesuffix("_total")
    known = _NAMES | FAMILIES | NOT_FILLED
    if not plain.startswith(CANONICAL) or get_close_matches(plain, known, 1, cutoff=0.93):
        _check(plain, known, "metric")
    return plain


def _check(name: str, known: frozenset[str], what: str) -> None:
    if name not in known:
        close = get_close_matches(name, known, 1)
        hint = f'; did you mean "{close[0]}"?' if close else ""
        raise ValueError(f'there is no {what} "{name}"{hint}')
