"""From the name that a client asks for to the deployments that may serve it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tianji_core.api.errors import GatewayError
from tianji_core.routing.deployment import Deployment

WILDCARD = "*"
_RESOLVED_CACHE_SIZE = 1000


@dataclass(frozen=True, slots=True)
class Target:
    """The answer to "who serves this name": a group's deployments, and what a wildcard captured."""

    group: str
    deployments: tuple[Deployment, ...]
    captured: str | None = None

    def upstream_model(self, deployment: Deployment) -> str:
        """The vendor's name of the model: for wildcard rows with the captured text filled in."""
        if self.captured is None or WILDCARD not in deployment.model:
            return deployment.model
        return deployment.model.replace(WILDCARD, self.captured, 1)


class ModelTable:
    """All names a client may use. What one means is asked in the order: deployment id, alias, name, wildcard, `*`."""

    def __init__(
        self,
        deployments: Iterable[Deployment],
        aliases: Mapping[str, tuple[str, bool]],
        unions: Mapping[str, Sequence[Deployment]] | None = None,
    ) -> None:
        """`aliases` maps an alias to its group and whether it is hidden from listings; `unions` are further groups,
        of deployments that have groups of their own."""
        groups: dict[str, list[Deployment]] = {}
        self._by_id = {deployment.id: deployment for deployment in deployments}
        for deployment in self._by_id.values():
            groups.setdefault(deployment.model_name, []).append(deployment)
        for name, rows in (unions or {}).items():
            if rows:
                groups.setdefault(name, list(rows))
        self.groups: dict[str, tuple[Deployment, ...]] = {
            name: tuple(sorted(rows, key=lambda d: d.order)) for name, rows in groups.items()
        }
        self.aliases = dict(aliases)
        self._exact = {name: Target(name, rows) for name, rows in self.groups.items() if WILDCARD not in name}
        for alias, (group, _) in self.aliases.items():
            if group in self._exact:
                self._exact[alias] = self._exact[group]
        for identifier, deployment in self._by_id.items():
            self._exact[identifier] = Target(deployment.model_name, (deployment,))
        patterns = [name for name in self.groups if WILDCARD in name and name != WILDCARD]
        # The more literal text a pattern has, the more it means.
        patterns.sort(key=lambda name: (-len(name.replace(WILDCARD, "")), name.count(WILDCARD), name))
        self._patterns = [(_compile(name), name) for name in patterns]
        self._resolved: dict[str, Target] = {}

    @property
    def deployments(self) -> list[Deployment]:
        """All of them, as the config lists them."""
        return list(self._by_id.values())

    def resolve(self, name: str) -> Target | None:
        """Who serves this name; None if nobody does."""
        target = self._exact.get(name)
        if target is not None:
            return target
        target = self._resolved.get(name)
        if target is None and (self._patterns or WILDCARD in self.groups):
            alias = self.aliases.get(name)
            target = self._match(name if alias is None else alias[0])
            if target is not None and len(self._resolved) < _RESOLVED_CACHE_SIZE:
                self._resolved[name] = target
        return target

    def only(
        self, wanted: Callable[[Deployment], bool], refusal: Callable[[str], GatewayError] | None = None
    ) -> ModelTable:
        """The same table for one call, which may go to some deployments only.

        A name without any of them raises `refusal`; without one, it stands for what it always does.
        """
        return _Part(self, wanted, refusal)

    def listed(self) -> Sequence[tuple[str, Deployment]]:
        """The names that `/v1/models` shows, each with the deployment that describes it; aliases come first."""
        shown = [(a, self.groups[g][0]) for a, (g, hidden) in self.aliases.items() if not hidden and g in self.groups]
        shown += [(name, rows[0]) for name, rows in self.groups.items() if WILDCARD not in name]
        return list(dict(shown).items())

    def wildcards(self) -> Sequence[tuple[str, Deployment]]:
        """The wildcard names, which listings show only when asked."""
        return [(name, rows[0]) for name, rows in self.groups.items() if WILDCARD in name]

    def _match(self, name: str) -> Target | None:
        for pattern, group in self._patterns:
            found = pattern.fullmatch(name)
            if found is not None:
                return Target(group, self.groups[group], found[1])
        if WILDCARD in self.groups:
            return Target(WILDCARD, self.groups[WILDCARD], name)
        return None


class _Part(ModelTable):
    """See `ModelTable.only`."""

    def __init__(
        self, whole: ModelTable, wanted: Callable[[Deployment], bool], refusal: Callable[[str], GatewayError] | None
    ) -> None:
        self._whole = whole
        self._wanted = wanted
        self._refusal = refusal
        self.groups, self.aliases, self._by_id = whole.groups, whole.aliases, whole._by_id

    def resolve(self, name: str) -> Target | None:
        target = self._whole.resolve(name)
        if target is None:
            return None
        left = tuple(deployment for deployment in target.deployments if self._wanted(deployment))
        if not left and self._refusal is not None:
            raise self._refusal(name)
        return replace(target, deployments=left) if left else target


def _compile(name: str) -> re.Pattern[str]:
    # Only the first star captures; more of them may match anything. Names are short, so this cannot run away.
    head, *rest = (re.escape(part) for part in name.split(WILDCARD))
    return re.compile(head + "(.*)" + ".*".join(rest), re.DOTALL)
