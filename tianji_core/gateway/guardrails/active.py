"""One guardrail of the config: when it runs, for which calls, and what happens when it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Literal

from tianji_core.api.guardrail import Asking, Guardrail, Payload, Stage, Text, Verdict

CHECK_DEADLINE = 30.0
"""Seconds a guardrail may take unless the config says otherwise; one that takes longer counts as unreachable."""

StreamMode = Literal["buffer", "window", "end"]
"""How a stream is judged: nothing goes out before all was seen · it goes out in parts, each judged with what is next to
it · it goes out as it comes, and its end waits for the verdict."""

Scope = Literal["both", "streaming", "non_streaming"]


@dataclass(frozen=True, slots=True)
class Window:
    """How streams are judged in parts; in characters."""

    size: int = 256
    """So much new text is judged at once, …"""
    overlap: int = 128
    """… and so much of it is held until what follows is known."""


@dataclass(frozen=True, slots=True)
class ActiveGuardrail:
    """A guardrail with all that the config says of it beside its own settings."""

    name: str
    guardrail: Guardrail
    stages: frozenset[Stage]
    default_on: bool = False
    plugin: str = ""
    """The name of the plugin, or the dotted path of a class."""
    tagged: Mapping[str, frozenset[Stage]] = field(default_factory=dict)
    """Stages by tag of the request; `stages` are then for requests with none of these tags."""
    timeout: float = CHECK_DEADLINE
    open_if_unreachable: bool = False
    open_if_failing: bool = False
    streaming: StreamMode = "buffer"
    window: Window = Window()
    scope: Scope = "both"
    """Which answers are judged."""
    wants: Callable[[list[Text]], list[Text]] | None = None
    """Which texts it may see; None for all."""
    template: str | None = None
    """What the caller reads of a block, with `{reason}` in it; None for the reason alone."""

    always_needed: bool = field(init=False, default=False)
    """Whether it never says that it has nothing to do, so that it need not be asked."""
    glance: Callable[[bytes], bool] | None = field(init=False, default=None)
    """Its quick look, if it has one and may see all texts."""

    def __post_init__(self) -> None:
        kind = type(self.guardrail)
        object.__setattr__(self, "always_needed", kind.needs is Guardrail.needs)
        if kind.glance is not Guardrail.glance and self.always_needed and self.wants is None:
            object.__setattr__(self, "glance", self.guardrail.glance)

    @property
    def all_stages(self) -> frozenset[Stage]:
        return self.stages.union(*self.tagged.values())

    def stages_for(self, tags: frozenset[str]) -> frozenset[Stage]:
        """When it runs for requests with these tags."""
        found = [stages for tag, stages in self.tagged.items() if tag in tags]
        return frozenset[Stage]().union(*found) if found else self.stages

    def judges(self, stream: bool) -> bool:
        """Whether it looks at such answers."""
        return self.scope == "both" or (self.scope == "streaming") == stream


class Balanced(Guardrail):
    """Guardrails of one name that do the same: each check goes to the next of them."""

    def __init__(self, members: Sequence[Guardrail]) -> None:
        self._members = tuple(members)
        self._turn = count()
        self.stages = members[0].stages

    def runs_at(self, asked: frozenset[Stage]) -> frozenset[Stage]:
        return self._members[0].runs_at(asked)

    def needs(self, stage: Stage, payload: Payload) -> bool:
        return self._members[0].needs(stage, payload)

    def connect(self, gateway: Asking) -> None:
        for member in self._members:
            member.connect(gateway)

    async def check(self, stage: Stage, payload: Payload) -> Verdict:
        return await self._members[next(self._turn) % len(self._members)].check(stage, payload)

    async def aclose(self) -> None:
        for member in self._members:
            await member.aclose()


def balanced(guardrails: Sequence[ActiveGuardrail]) -> list[ActiveGuardrail]:
    """The same guardrails, those together that share name, plugin and stages: they take turns, as in the reference."""
    groups: dict[object, list[ActiveGuardrail]] = {}
    for each in guardrails:
        key = (each.name, each.plugin, each.stages, tuple(sorted(each.tagged.items())))
        groups.setdefault(key, []).append(each)
    return [
        group[0] if len(group) == 1 else replace(group[0], guardrail=Balanced([each.guardrail for each in group]))
        for group in groups.values()
    ]
