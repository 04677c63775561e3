"""Which other groups are asked once a group has failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tianji_core.api.errors import (
    ContentPolicyViolationError,
    ContextWindowExceededError,
    GatewayError,
    GuardrailBlockedError,
    UnsupportedCapabilityError,
    UnsupportedParamsError,
)
from tianji_core.api.provider import Body

Table = Mapping[str, Sequence[str]]
DEFAULT = "*"


@dataclass(frozen=True, slots=True)
class Fallback:
    """One fallback: a group's name, and what the client wants changed in the body for it."""

    model: str
    overrides: Body = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fallbacks:
    """The fallback lists of the config, by group; the key `*` stands for every group without a list of its own."""

    general: Table = field(default_factory=dict)
    context_window: Table = field(default_factory=dict)
    content_policy: Table = field(default_factory=dict)
    limit: int = 5

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
        if isinstance(error, ContextWindowExceededError) and self.context_window:
            return _lookup(self.context_window, group)
        if isinstance(error, ContentPolicyViolationError) and self.content_policy:
            return _lookup(self.content_policy, group)
        return _lookup(self.general, group)


def _lookup(table: Table, group: str) -> Sequence[str]:
    found = table.get(group)
    if found is None and "/" in group:
        found = table.get(group.partition("/")[2])
    return found if found is not None else table.get(DEFAULT, ())
