"""Budgets as the config gives them: of providers, of rows, of tags."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tianji_core.gateway.deployment_limits import Budget, Budgets
from tianji_core.routing import Deployment

if TYPE_CHECKING:
    from tianji_core.gateway.compile import Compiler, KeyPath

_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|m|h|d|w|mo)\s*")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 7 * 86_400.0, "mo": 30 * 86_400.0}


class BudgetReader:
    """Reads the budgets of one config; problems go to the compiler."""

    def __init__(self, compiler: Compiler, deployments: Sequence[Deployment]) -> None:
        self._compiler = compiler
        self._deployments = {d.id: d for d in deployments}

    def read(self) -> Budgets | None:
        """All of them; None if there are none."""
        config = self._compiler.config
        providers = self._table(("router_settings", "provider_budget_config"), config.router_settings, "provider")
        tags = self._table(("litellm_settings", "tag_budget_config"), config.litellm_settings, "tag")
        deployments = {}
        for row in config.model_list:
            params = row.litellm_params
            if params.max_budget is None or row.id not in self._deployments:
                continue
            path = ("model_list", row.index, "litellm_params")
            values = {"max_budget": params.max_budget, "budget_duration": params.budget_duration}
            budget = self._budget(path, f"budget:deployment:{row.id}", values)
            if budget is not None:
                deployments[row.id] = budget
        if not providers and not tags and not deployments:
            return None
        return Budgets(self._compiler.state, providers, deployments, tags)

    def _table(self, path: KeyPath, block: Any, what: str) -> dict[str, Budget]:
        found = {}
        for name, values in getattr(block, str(path[-1])).items():
            if not isinstance(values, dict):
                self._compiler.problem((*path, name), "must be a map of max_budget and budget_duration")
                continue
            budget = self._budget((*path, name), f"budget:{what}:{name}", values)
            if budget is not None:
                found[name] = budget
        return found

    def _budget(self, path: KeyPath, key: str, values: Mapping[str, Any]) -> Budget | None:
        """One budget under either of the reference's spellings; None after noting a problem."""
        dollars = values.get("budget_limit", values.get("max_budget"))
        duration = values.get("time_period", values.get("budget_duration"))
        if isinstance(dollars, bool) or not isinstance(dollars, (int, float)) or dollars < 0:
            self._compiler.problem((*path, "max_budget"), "must be a number of dollars")
            return None
        found = _DURATION.fullmatch(duration) if isinstance(duration, str) else None
        if found is None or float(found[1]) <= 0:
            self._compiler.problem((*path, "budget_duration"), "must be a time span", "Such as 30s, 10m, 12h, 1d, 1mo.")
            return None
        return Budget(key, float(dollars), float(found[1]) * _SECONDS[found[2]])
