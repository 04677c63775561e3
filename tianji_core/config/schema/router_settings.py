"""`router_settings`: how a deployment is chosen, and what happens when one fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from tianji_core.config.schema import known
from tianji_core.config.schema.base import Block, Remark, key
from tianji_core.config.schema.types import (
    AnyMap,
    Before,
    Flag,
    Kind,
    Names,
    Number,
    Seconds,
    SecretText,
    Text,
    Whole,
    wrong,
)

FALLBACKS = "list of {model: [models]}"


def _fallbacks(value: Any) -> Any:
    """One {group: [targets]} for each group, in order; a plain mapping and a single target are taken too."""
    rows = [value] if isinstance(value, dict) else value
    if not isinstance(rows, list):
        raise wrong(f"a {FALLBACKS}")
    result: list[dict[str, Any]] = []
    for row in rows:
        if not isinstance(row, dict):
            raise wrong(f"a {FALLBACKS}")
        for group, targets in row.items():
            listed = targets if isinstance(targets, list) else [targets]
            if not all(isinstance(target, str | dict) for target in listed):
                raise wrong(f"a {FALLBACKS}")
            result.append({group: listed})
    return result


# A target is a model group's name, or a mapping that replaces fields of the request ({model: …, messages: …}).
Fallbacks = Annotated[list[dict[str, list[Any]]], Before(_fallbacks), Kind(FALLBACKS)]


class GroupAlias(Block):
    """A further name for a model group."""

    model: Text = key(..., "The model group meant.", usage="B")
    hidden: Flag = key(False, "Leave the alias out of /models.", usage="B")


class RoutingGroup(Block):
    """A strategy of their own for some model groups, and a name for all of them together."""

    group_name: Text = key(..., "The name that callers may ask for to get any of the models.", usage="C")
    models: Names = key([], "The model groups.", usage="C")
    routing_strategy: Text | None = key(
        None,
        "How a deployment is picked for them; `priority` goes by model_priorities, for calls of the name.",
        usage="C",
        default_text="router_settings",
    )
    routing_strategy_args: AnyMap = key({}, "Options of the strategy.", usage="C")
    model_priorities: dict[str, Whole] = key(
        {}, "For `priority`: which model comes first, 1 before 2.", usage="C", kind="map of model to integer"
    )


def _alias(value: Any) -> Any:
    return {"model": value} if isinstance(value, str) else value


Alias = Annotated[GroupAlias, Before(_alias)]

CHECKS = frozenset(
    {
        "enforce_model_rate_limits",
        "router_budget_limiting",
        "responses_api_deployment_check",
        "encrypted_content_affinity",
    }
)
"""Names of `optional_pre_call_checks` that are honoured. Of them only the first makes a difference: the others are
always done."""


class RouterSettings(Block):
    """Choice of deployment, time-outs, retries, fallbacks."""

    rare = known.ROUTER_SETTINGS

    @classmethod
    def remarks(cls, data: dict[str, Any]) -> Iterator[Remark]:
        named = data.get("optional_pre_call_checks")
        for name in named if isinstance(named, list) else ():
            if name not in CHECKS:
                yield Remark("optional_pre_call_checks", "not-honoured", f"{name} is known, not honoured yet")

    routing_strategy: Text = key("simple-shuffle", "How one deployment of a group is picked.")
    routing_strategy_args: AnyMap = key({}, "Options of the strategy.", usage="B")
    routing_groups: list[RoutingGroup] = key(
        [], "Strategies for single model groups.", usage="C", kind="list of blocks"
    )
    num_retries: Whole = key(2, "Further tries after a failure.")
    timeout: Seconds = key(6000.0, "Time for one try.")
    stream_timeout: Seconds | None = key(None, "Time for a streamed one.", usage="B", default_text="timeout")
    retry_after: Seconds = key(0.0, "Shortest pause before a retry.", usage="B")
    fallbacks: Fallbacks = key([], "Where to go when a model group fails.")
    default_fallbacks: Names = key([], "Where to go when a group without fallbacks of its own fails.", usage="B")
    max_fallbacks: Whole = key(5, "How many fallbacks one call may take.", usage="C")
    context_window_fallbacks: Fallbacks = key([], "Where to go when a prompt is too long.", usage="B")
    content_policy_fallbacks: Fallbacks = key([], "Where to go when a vendor refuses the content.", usage="B")
    model_group_alias: dict[str, Alias] = key(
        {},
        "Further names for model groups; `{model: x, hidden: true}` is not listed.",
        usage="B",
        kind="map of alias to group",
    )

    redis_host: Text | None = key(None, "Redis for what replicas share.", default_text="REDIS_URL, REDIS_HOST")
    redis_port: Whole | None = key(None, "Port of Redis.", default_text="6379")
    redis_password: SecretText | None = key(None, "Password of Redis.")
    redis_url: SecretText | None = key(None, "Address of Redis, instead of host and port.", usage="B")
    redis_db: Whole | None = key(None, "Number of the Redis database.", usage="B", default_text="0")
    total_timeout: Seconds | None = key(
        None, "Time for a call with all its retries and fallbacks.", usage="ours", default_text="no limit"
    )
    connect_timeout: Seconds = key(3.0, "Time to connect to a vendor.", usage="ours")
    first_byte_timeout: Seconds | None = key(
        None, "Time until an answer begins.", usage="ours", default_text="as stream_timeout and timeout"
    )
    chunk_timeout: Seconds | None = key(
        None, "Longest silence inside an answer.", usage="ours", default_text="as stream_timeout and timeout"
    )
    retry_policy: AnyMap = key({}, "Further tries by kind of error, `RateLimitErrorRetries: 3`.", usage="B")
    model_group_retry_policy: AnyMap = key({}, "The same for single model groups.", usage="C")
    retry_budget: Number = key(
        0.2, "Share of the live calls that retries at failing deployments may add; 1 for no limit.", usage="ours"
    )
    disable_cooldowns: Flag = key(False, "Let no deployment rest.", usage="C")
    allowed_fails: Whole | None = key(
        None,
        "Failures within cooldown_time before a deployment rests.",
        usage="B",
        default_text="5 in a row, or more than half of a minute's",
    )
    allowed_fails_policy: AnyMap = key({}, "The same by kind of error, `RateLimitErrorAllowedFails: 100`.", usage="B")
    cooldown_time: Seconds = key(5.0, "How long a deployment rests after failures.", usage="B")
    enable_pre_call_checks: Flag = key(
        False, "Skip deployments that a prompt does not fit, or whose rpm or tpm is used up.", usage="B"
    )
    enable_health_check_routing: Flag = key(
        False, "Skip deployments that have failed their health check; as in general_settings.", usage="C"
    )
    health_check_ignore_transient_errors: Flag = key(
        False, "Checks that end with 429 or 408 do not count; as in general_settings.", usage="C"
    )
    health_check_staleness_threshold: Seconds | None = key(
        None, "How long a health check counts.", usage="C", default_text="general_settings"
    )
    enable_tag_filtering: Flag = key(False, "Routing by tag.", usage="B")
    tag_filtering_match_any: Flag = key(True, "One common tag is enough.", usage="B")
    tag_routing_prefix: str = key("", "Prefix of the tags that route.", usage="B")
    optional_pre_call_checks: Names = key(
        [], "`enforce_model_rate_limits`: rpm and tpm are hard limits, over all replicas.", usage="B"
    )
    provider_budget_config: AnyMap = key(
        {}, "Money by provider: `{openai: {budget_limit: 100, time_period: 1d}}`.", usage="B"
    )
