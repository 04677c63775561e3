"""Which other groups are asked once a group has failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from tianji_core.api.errors import (
    ContentPolicyViolationError,
    ContextWindowExceededError,
    GatewayError,
    GuardrailBlockedError,
    UnsupportedCapabilityError,
    UnsupportedParamsError,
)
from tianji_core.api.provider import Body
from tianji_core.routing.deployment import Deployment

Table = Mapping[str, Sequence[Any]]
Kind = Literal["general", "context_window", "content_policy"]
"""What a list is for: any error, or one that has lists of its own."""
KINDS: tuple[Kind, ...] = get_args(Kind)
DEFAULT = "*"


@dataclass(frozen=True, slots=True)
class Fallback:
    """One fallback: a group's name, and what the client wants changed in the body for it."""

    model: str
    overrides: Body = field(default_factory=dict)


class Fallbacks:
    """The fallback lists, by group; the key `*` stands for every group without a list of its own.

    Those of the config stay; others can be laid beside them while calls are under way.
    """

    def __init__(
        self,
        general: Table | None = None,
        context_window: Table | None = None,
        content_policy: Table | None = None,
        limit: int = 5,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        """`aliases`: further names of groups; one without a list of its own has that of its group."""
        self._aliases = aliases or {}
        self.config: Mapping[Kind, Table] = {
            "general": general or {},
            "context_window": context_window or {},
            "content_policy": content_policy or {},
        }
        self.limit = limit
        self._tables = self.config

    def lay(self, more: Mapping[Kind, Table]) -> None:
        """Put these lists in the place of those that were laid before. A group that the config has a list for keeps
        it."""
        self._tables = {kind: {**more.get(kind, {}), **table} for kind, table in self.config.items()}

    def of(self, kind: Kind, group: str) -> Sequence[Any] | None:
        """The list of this very group; None if it has none of its own."""
        return self._tables[kind].get(group)

    def helped(self, groups: Mapping[str, Sequence[Deployment]]) -> frozenset[str]:
        """The ids of deployments whose group has somewhere else to go."""
        return frozenset(
            d.id for name, rows in groups.items() if any(f.model != name for f in self.after(None, name)) for d in rows
        )

    @staticmethod
    def allow(error: GatewayError) -> bool:
        """Whether a call may go on elsewhere after this error at all."""
        return not isinstance(error, (GuardrailBlockedError, UnsupportedParamsError, UnsupportedCapabilityError))

    def after(
        self, error: GatewayError | None, group: str, from_client: Sequence[Any] | None = None
    ) -> Iterator[Fallback]:
        """Where to go on after this error (None for any that says nothing of the request), in order.

        The client's own list comes first. A context-window or content-policy error uses its special list where one
        is configured; a group that this list leaves out has no fallback then. What a guardrail refused stays refused.
        """
        if error is not None and not self.allow(error):
            return
        for target in self._targets(error, group, from_client)[: self.limit]:
            if isinstance(target, str):
                yield Fallback(target)
            elif isinstance(target, dict) and isinstance(target.get("model"), str):
                yield Fallback(target["model"], {k: v for k, v in target.items() if k != "model"})

    def _targets(self, error: GatewayError | None, group: str, from_client: Sequence[Any] | None) -> Sequence[Any]:
        if from_client:
            return from_client
        tables = self._tables
        if isinstance(error, ContextWindowExceededError) and tables["context_window"]:
            return self._lookup(tables["context_window"], group)
        if isinstance(error, ContentPolicyViolationError) and tables["content_policy"]:
            return self._lookup(tables["content_policy"], group)
        return self._lookup(tables["general"], group)

    def _lookup(self, table: Table, group: str) -> Sequence[str]:
        found = table.get(group)
        if found is None and group in self._aliases:
            found = table.get(self._aliases[group])
        if found is None and "/" in group:
            found = table.get(group.partition("/")[2])
        return found if found is not None else table.get(DEFAULT, ())
