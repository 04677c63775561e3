"""What the config says of alerts; the names are LiteLLM's."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tianji_core.api.callback import CallbackSettings

Channel = Literal["slack", "ms_teams", "discord", "pagerduty", "email", "webhook"]
KINDS = (
    "budget_alerts",
    "config_reload_failed",
    "cooldown_deployment",
    "daily_reports",
    "db_exceptions",
    "failed_tracking_spend",
    "fallback_reports",
    "llm_exceptions",
    "llm_requests_hanging",
    "llm_too_slow",
    "new_model_added",
    "outage_alerts",
    "region_outage_alerts",
    "spend_reports",
    "user_spend_thresholds",
)
"""What is told of unless `alert_types` says otherwise."""


class AlertingArgs(BaseModel):
    """`alerting_args`. Times are seconds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    daily_report_frequency: float = Field(43_200, gt=0, description="Between two reports of failures and slowness")
    weekly_report_frequency: float = Field(604_800, gt=0, description="Between two reports of spend")
    report_check_interval: float = Field(300, gt=0, description="How often it is looked whether one is due")
    alert_ttl: float = Field(3_600, ge=0, description="For which the same alert is not sent again")
    budget_alert_ttl: float = Field(86_400, ge=0, description="The same for budgets")
    outage_alert_ttl: float = Field(60, gt=0, description="Within which failures count as one outage")
    minor_outage_alert_threshold: int = Field(5, ge=1, description="Failures that make a minor one")
    major_outage_alert_threshold: int = Field(10, ge=1, description="Failures that make a major one")
    error_rate_alert_threshold: float = Field(
        0.5, gt=0, le=1, description="The part of a model's calls within that time whose failure is an outage, too"
    )
    error_rate_alert_calls: int = Field(20, ge=1, description="The calls that it takes to speak of a part")
    max_outage_alert_list_size: int = Field(10, ge=1, description="Kinds of errors that an outage lists")
    log_to_console: bool = Field(False, description="Whether alerts are logged, too")


class TypeConfig(BaseModel):
    """An entry of `alert_type_config`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    digest: bool = Field(False, description="Whether alerts of this kind are gathered")
    digest_interval: float = Field(86_400, gt=0, description="Seconds that they are gathered for")


class AlertingSettings(CallbackSettings):
    """The keys of `general_settings` that are about alerts."""

    alerting: list[Channel] = Field(default_factory=list, description="Where alerts go")
    alert_types: list[str] = Field(default_factory=list, description="Only these kinds")
    alert_to_webhook_url: dict[str, str | list[str]] = Field(
        default_factory=dict, repr=False, description="Slack webhooks for single kinds"
    )
    alerting_threshold: float = Field(300, gt=0, description="Seconds after which a call is slow")
    alerting_args: AlertingArgs = Field(
        default_factory=lambda: AlertingArgs.model_validate({}), description="Thresholds and times"
    )
    alert_type_config: dict[str, TypeConfig] = Field(default_factory=dict, description="Kinds that are gathered")

    @property
    def kinds(self) -> frozenset[str]:
        """What is told of."""
        return frozenset(self.alert_types or KINDS)

    def needed(self, channel: str, *names: str) -> str:
        """A variable that a channel cannot do without. Raises ValueError that says which."""
        found = self.env(*names)
        if found is None:
            raise ValueError(f"alerts to {channel} need the variable {' or '.join(names)}")
        return found


def as_text(value: Any) -> str:
    """A value of an alert's fields, for people."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
