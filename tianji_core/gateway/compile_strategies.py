"""From the config to routing strategies: the one of all models, and those of single groups of models."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tianji_core.api.routing import RoutingStrategy
from tianji_core.gateway.custom_strategy import CustomStrategy
from tianji_core.routing import Deployment, SimpleShuffle
from tianji_core.routing.models import WILDCARD

if TYPE_CHECKING:
    from tianji_core.config.schema.router_settings import RoutingGroup
    from tianji_core.gateway.compile import Compiler, KeyPath

PRIORITY = "priority"
"""The strategy of a routing group that has an order of models in place of a choice."""
RESERVED = "default"
"""What the reference calls the models that are in no routing group."""


@dataclass(slots=True)
class Strategies:
    """Who picks for whom. `unions` are the names of routing groups, with the deployments of all their models."""

    default: RoutingStrategy
    by_group: dict[str, RoutingStrategy] = field(default_factory=dict)
    unions: dict[str, list[Deployment]] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """How many samples of latency have to be kept, so that each strategy has enough."""
        return max(strategy.samples for strategy in (self.default, *self.by_group.values()))

    def of(self, group: str) -> RoutingStrategy:
        """The strategy of a model group."""
        return self.by_group.get(group, self.default)


class StrategyBuilder:
    """Builds the strategies of one config; problems go to the compiler."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._router = compiler.config.router_settings

    def build(self, deployments: Sequence[Deployment]) -> Strategies:
        """All strategies; simple-shuffle in place of one that cannot be made."""
        router = self._router
        default = self._make(router.routing_strategy, router.routing_strategy_args, ("router_settings",))
        strategies = Strategies(default or SimpleShuffle())
        rows: dict[str, list[Deployment]] = {}
        for deployment in deployments:
            rows.setdefault(deployment.model_name, []).append(deployment)
        owners: dict[str, str] = {}
        for index, group in enumerate(router.routing_groups):
            path: KeyPath = ("router_settings", "routing_groups", index)
            if not self._check_name(group, path, rows, strategies.unions):
                continue
            if group.routing_strategy == PRIORITY:
                strategies.unions[group.group_name] = self._by_priority(group, path, rows)
                continue
            self._check_members(group, path, rows)
            made = self._make(
                group.routing_strategy or router.routing_strategy,
                group.routing_strategy_args or ({} if group.routing_strategy else router.routing_strategy_args),
                path,
            )
            if group.model_priorities:
                self._warn((*path, "model_priorities"), f"only the strategy {PRIORITY} goes by them")
            strategies.unions[group.group_name] = _union(group.models, rows)
            for number, model in enumerate(group.models):
                if model in owners:
                    self._compiler.problem(
                        (*path, "models", number), f'"{model}" is in the routing group "{owners[model]}" already'
                    )
                owners[model] = group.group_name
            if made is not None:
                strategies.by_group.update(dict.fromkeys((group.group_name, *group.models), made))
        return strategies

    # -- groups --------------------------------------------------------------------------------------------------

    def _check_name(self, group: RoutingGroup, path: KeyPath, rows: Mapping[str, Any], seen: Mapping[str, Any]) -> bool:
        name, problem = group.group_name, None
        if not name:
            problem = "must not be empty"
        elif name == RESERVED:
            problem = f'"{RESERVED}" means the models that are in no group'
        elif name in seen:
            problem = f'another routing group is called "{name}"'
        elif name in rows:
            problem = f'a model is called "{name}"'
        elif name in self._router.model_group_alias:
            problem = f'an alias is called "{name}"'
        if problem is not None:
            self._compiler.problem((*path, "group_name"), problem)
        return problem is None

    def _check_members(self, group: RoutingGroup, path: KeyPath, rows: Mapping[str, Any]) -> None:
        if not group.models:
            self._warn(path, "a routing group without models")
        for number, model in enumerate(group.models):
            if model not in rows:
                self._warn((*path, "models", number), f'no model is called "{model}"')

    def _by_priority(
        self, group: RoutingGroup, path: KeyPath, rows: Mapping[str, list[Deployment]]
    ) -> list[Deployment]:
        """The deployments of the group's models, ordered for calls that ask for the group's name."""
        self._check_members(group, path, rows)
        given, place = group.model_priorities, (*path, "model_priorities")
        if missing := [model for model in group.models if model not in given]:
            self._compiler.problem(place if given else path, f"no priority for {', '.join(missing)}")
        for model, priority in given.items():
            if priority < 1:
                self._compiler.problem((*place, model), "must be 1 or more")
            if model not in group.models:
                self._warn((*place, model), "is not among the group's models")
        return [replace(row, order=given.get(row.model_name, 1)) for row in _union(group.models, rows)]

    # -- strategies ----------------------------------------------------------------------------------------------

    def _make(self, name: str, args: Mapping[str, Any], path: KeyPath) -> RoutingStrategy | None:
        """A strategy by its name or by the path of a class, a function or an object; None after a problem."""
        place, inside = (*path, "routing_strategy"), (*path, "routing_strategy_args")
        if "." in name:
            return self._found(name, args, place)
        made = self._compiler.make("routing_strategy", name, args, place, inside=inside)
        if made is not None and not isinstance(made, RoutingStrategy):
            self._compiler.problem(place, f"{name} made something that is no RoutingStrategy")
            return None
        return made

    def _found(self, name: str, args: Mapping[str, Any], place: KeyPath) -> RoutingStrategy | None:
        found = self._compiler.attribute(name, place)
        if found is None:
            return None
        try:
            made = _made(found, args)
            if isinstance(made, RoutingStrategy):
                return made
            return CustomStrategy(made)
        except Exception as error:
            self._compiler.problem(place, f"{name} cannot be set up: {error}")
            return None

    def _warn(self, path: KeyPath, message: str) -> None:
        self._compiler.problem(path, message, severity="warning")


def _made(found: Any, args: Mapping[str, Any]) -> Any:
    """The object that was named, or what the class or function that was named makes, of the options if it takes any."""
    if not isinstance(found, type) and not inspect.isroutine(found):
        if args:
            raise TypeError("it is an object already, so routing_strategy_args cannot reach it; name its class")
        return found
    try:
        inspect.signature(found).bind(dict(args))
    except TypeError:
        if args:
            raise TypeError("it takes no options, and routing_strategy_args has some") from None
        return found()
    return found(dict(args))


def _union(models: Sequence[str], rows: Mapping[str, list[Deployment]]) -> list[Deployment]:
    """All deployments of some models. What a wildcard stands for is in nobody's name here, so those are left out."""
    return [row for model in dict.fromkeys(models) if WILDCARD not in model for row in rows.get(model, ())]
