"""From `router_settings` to a router: which filters a group needs, when a deployment rests, what is tried again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tianji_core.discovery.errors import closest
from tianji_core.gateway.compile_budgets import BudgetReader
from tianji_core.gateway.compile_strategies import Strategies
from tianji_core.gateway.deployment_limits import BudgetFilter, HardLimits
from tianji_core.gateway.router import Router
from tianji_core.routing import (
    CooldownRules,
    Deployment,
    Fallbacks,
    ModelTable,
    RetryBudget,
    RetryPolicy,
    Selection,
    Stats,
)
from tianji_core.routing.by_error import NAMES, ByError
from tianji_core.routing.filters import (
    AccessFilter,
    BlockedFilter,
    ContextFilter,
    Filter,
    HealthFilter,
    LimitFilter,
    ParallelFilter,
    RegionFilter,
    ResponseFormatFilter,
    TagFilter,
)

if TYPE_CHECKING:
    from tianji_core.gateway.compile import Compiler, KeyPath

ENFORCED = "enforce_model_rate_limits"
"""The name in `optional_pre_call_checks` that makes rpm and tpm hard limits."""


class RouterBuilder:
    """Builds the router of one config; problems go to the compiler."""

    def __init__(self, compiler: Compiler, models: ModelTable, strategies: Strategies) -> None:
        self._compiler = compiler
        self._router = compiler.config.router_settings
        self._models = models
        self._strategies = strategies
        self._cooldown_rules = CooldownRules()
        self.budgets = BudgetReader(compiler, models.deployments).read()
        """The budgets of the config; None if it has none."""

    def build(self, stats: Stats) -> Router:
        """The router, going on with what was seen of the deployments so far."""
        self._check_aliases()
        fallbacks = self._fallbacks()
        self._cooldown_rules = self._cooldowns(fallbacks)
        filters = {group: self._filters(group, rows) for group, rows in self._models.groups.items()}
        return Router(
            models=self._models,
            selection=Selection(
                self._strategies.default,
                {group: found for group, found in filters.items() if found},
                self._strategies.by_group,
            ),
            stats=stats,
            retries=self._retries(),
            fallbacks=fallbacks,
            budget=RetryBudget(self._router.retry_budget),
            measured=frozenset(
                group for group, found in filters.items() if any(isinstance(f, ContextFilter) for f in found)
            ),
            counted=self._counted(filters),
            hard=self._hard(),
            patience=self._router.total_timeout,
        )

    def _counted(self, filters: Mapping[str, tuple[Filter, ...]]) -> tuple[str, ...]:
        """Deployments whose use of the minute matters to a choice."""
        return tuple(
            {
                d.id: None
                for group, rows in self._models.groups.items()
                if self._strategies.of(group).respects_limits
                or any(isinstance(each, LimitFilter) for each in filters[group])
                for d in rows
            }
        )

    def _hard(self) -> HardLimits | None:
        if ENFORCED not in self._router.optional_pre_call_checks:
            return None
        return HardLimits(self._compiler.state, self._models.deployments)

    def take_over(self, stats: Stats) -> None:
        """Have the deployments watched by the rules of this config, now that it is sure to come into force."""
        stats.cooldowns.rules = self._cooldown_rules
        stats.keep(self._strategies.samples)
        stats.forget_all_but({d.id for d in self._models.deployments})

    def _filters(self, group: str, rows: Sequence[Deployment]) -> tuple[Filter, ...]:
        """What has to be asked for the calls of a group; nothing for most."""
        router, found = self._router, list[Filter]()
        if any(d.info.get("blocked") for d in rows):
            found.append(BlockedFilter())
        if any(d.info.get("team_id") for d in rows):
            found.append(AccessFilter())
        if any(d.region for d in rows):
            found.append(RegionFilter())
        general = self._compiler.config.general_settings
        if (router.enable_health_check_routing or general.enable_health_check_routing) and len(rows) > 1:
            forgives = router.health_check_ignore_transient_errors or general.health_check_ignore_transient_errors
            found.append(HealthFilter(self._fresh(), forgives=forgives))
        if router.enable_pre_call_checks:
            if any(d.max_input_tokens for d in rows):
                found.append(ContextFilter())
            if len(rows) > 1:
                found.append(ResponseFormatFilter())
        if router.enable_tag_filtering and any(d.tags for d in rows):
            found.append(TagFilter(match_any=router.tag_filtering_match_any, prefix=router.tag_routing_prefix))
        limited = router.enable_pre_call_checks or self._strategies.of(group).respects_limits
        if limited and any(d.rpm is not None or d.tpm is not None for d in rows):
            found.append(LimitFilter())
        if any(d.max_parallel is not None for d in rows):
            found.append(ParallelFilter())
        if self.budgets is not None and (self.budgets.tags or any(map(self.budgets.concern, rows))):
            found.append(BudgetFilter(self.budgets))
        return tuple(found)

    def _fresh(self) -> float:
        """Seconds that a health check counts for: two rounds of checks, unless the config says otherwise."""
        general, router = self._compiler.config.general_settings, self._router
        said = router.health_check_staleness_threshold or general.health_check_staleness_threshold
        return said if said else 2 * general.health_check_interval

    def _cooldowns(self, fallbacks: Fallbacks) -> CooldownRules:
        router, groups = self._router, self._models.groups
        peers: dict[str, dict[str, None]] = {}
        for rows in groups.values():
            for row in rows:
                peers.setdefault(row.id, {}).update((other.id, None) for other in rows if other.id != row.id)
        return CooldownRules(
            enabled=not router.disable_cooldowns,
            seconds=router.cooldown_time,
            own_seconds={d.id: d.cooldown_time for d in self._models.deployments if d.cooldown_time is not None},
            allowed_fails=router.allowed_fails,
            allowed_by_error=self._by_error(("allowed_fails_policy",), router.allowed_fails_policy, "AllowedFails"),
            peers={identifier: tuple(others) for identifier, others in peers.items()},
            with_fallback=fallbacks.helped(groups),
        )

    def _retries(self) -> RetryPolicy:
        router, settings = self._router, self._compiler.settings
        groups = {}
        for group, policy in router.model_group_retry_policy.items():
            path = ("model_group_retry_policy", group)
            groups[group] = self._by_error(path, policy if isinstance(policy, dict) else {}, "Retries")
            if group not in self._models.groups:
                self._warn(path, f'no model is called "{group}"')
        return RetryPolicy(
            num_retries=router.num_retries,
            retry_after=router.retry_after,
            initial_delay=settings.initial_retry_delay,
            max_delay=settings.max_retry_delay,
            jitter=settings.jitter,
            by_error=self._by_error(("retry_policy",), router.retry_policy, "Retries"),
            by_group=groups,
        )

    def _by_error(self, path: tuple[str, ...], values: Mapping[str, Any], suffix: str) -> ByError:
        """A policy's numbers by class of error; what it names wrongly is told."""
        known, found = {name + suffix: kind for name, kind in NAMES.items()}, {}
        for key, value in values.items():
            kind = known.get(key)
            if kind is None:
                close = closest(key, known, 1)
                self._warn((*path, key), "unknown key", f'Did you mean "{close[0]}"?' if close else None)
            elif isinstance(value, bool) or not isinstance(value, int) or value < 0:
                self._compiler.problem(("router_settings", *path, key), "must be a whole number")
            else:
                found[kind] = value
        return found

    def _fallbacks(self) -> Fallbacks:
        router = self._router
        general = _table(router.fallbacks)
        if router.default_fallbacks:
            general.setdefault("*", list(router.default_fallbacks))
        return Fallbacks(
            general,
            _table(router.context_window_fallbacks),
            _table(router.content_policy_fallbacks),
            router.max_fallbacks,
            {alias: group for alias, (group, _) in self._models.aliases.items()},
        )

    def _check_aliases(self) -> None:
        for name, (group, _) in self._models.aliases.items():
            if group not in self._models.groups:
                self._warn(("model_group_alias", name), f'no model is called "{group}"')

    def _warn(self, path: KeyPath, message: str, hint: str | None = None) -> None:
        kind = "unknown-key" if message == "unknown key" else "plugin"
        self._compiler.problem(("router_settings", *path), message, hint, severity="warning", kind=kind)


def _table(rows: Sequence[Mapping[str, Sequence[Any]]]) -> dict[str, list[Any]]:
    return {group: list(targets) for row in rows for group, targets in row.items()}
