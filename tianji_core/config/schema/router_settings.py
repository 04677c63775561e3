"""`router_settings`: how a deployment is chosen, and what happens when one fails."""

from __future__ import annotations

from typing import Annotated, Any

from tianji_core.config.schema import known
from tianji_core.config.schema.base import Block, key, later
from tianji_core.config.schema.types import AnyMap, Before, Flag, Kind, Names, Seconds, SecretText, Text, Whole, wrong

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


def _alias(value: Any) -> Any:
    return {"model": value} if isinstance(value, str) else value


Alias = Annotated[GroupAlias, Before(_alias)]


class RouterSettings(Block):
    """Choice of deployment, time-outs, retries, fallbacks."""

    rare = known.ROUTER_SETTINGS

    routing_strategy: Text = key("simple-shuffle", "How one deployment of a group is picked.")
    routing_strategy_args: AnyMap = key({}, "Options of the strategy.", usage="B")
    num_retries: Whole = key(2, "Further tries after a failure.")
    timeout: Seconds = key(6000.0, "Time for a call.")
    stream_timeout: Seconds | None = key(None, "Time for a streamed call.", usage="B", default_text="timeout")
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
    disable_cooldowns = later(False, "Let no deployment rest.", kind="true or false", usage="C", noop=(True,))
    allowed_fails = later(3, "Failures before a deployment rests.", kind="integer", noop=(None,))
    allowed_fails_policy = later(None, "Failures before it rests, by kind of error.", kind="map")
    cooldown_time = later(5, "How long it rests.", kind="seconds", noop=(0,))
    retry_policy = later(None, "Retries by kind of error.", kind="map")
    enable_pre_call_checks = later(False, "Skip deployments a prompt does not fit.", kind="true or false")
    optional_pre_call_checks = later(
        None,
        "Further checks by name. Those of Responses and encrypted content are always made.",
        kind="list of names",
        noop=(
            None,
            [],
            ["responses_api_deployment_check"],
            ["encrypted_content_affinity"],
            ["responses_api_deployment_check", "encrypted_content_affinity"],
            ["encrypted_content_affinity", "responses_api_deployment_check"],
        ),
    )
    enable_tag_filtering = later(False, "Routing by tag.", kind="true or false")
    tag_filtering_match_any = later(True, "One common tag is enough.", kind="true or false")
    tag_routing_prefix = later("", "Prefix of routing tags.", kind="text")
    provider_budget_config = later(None, "Money by provider.", kind="map", noop=(None, {}))
