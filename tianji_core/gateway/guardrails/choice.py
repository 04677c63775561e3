"""Which guardrails look at a call: those that are always on, and those that somebody has asked for.

Asked for by the request, its key (or team), the model, or a policy. Always-on ones are left out only where the key says
so: a request cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tianji_core.api.errors import BadRequestError
from tianji_core.api.guardrail import Stage
from tianji_core.gateway.call import Call
from tianji_core.gateway.guardrails.active import ActiveGuardrail

_NONE: frozenset[str] = frozenset()
_MOST = 4096
"""Combinations that are remembered."""

OfModel = Callable[[str], frozenset[str]]
"""The guardrails that the rows of a model name."""


class Selected:
    """The guardrails of a call, by stage, in the order of the config."""

    __slots__ = ("during", "logging", "post", "post_is_certain", "pre", "stages")

    def __init__(self, guardrails: Iterable[tuple[ActiveGuardrail, frozenset[Stage]]]) -> None:
        found = tuple(guardrails)
        self.pre = tuple(each for each, stages in found if "pre_call" in stages)
        self.during = tuple(each for each, stages in found if "during_call" in stages)
        self.post = tuple(each for each, stages in found if "post_call" in stages)
        self.post_is_certain = all(each.always_needed and each.scope == "both" for each in self.post)
        """Whether all of `post` look at every answer."""
        self.logging = tuple(each for each, stages in found if "logging_only" in stages)
        self.stages = frozenset[Stage]().union(*(stages for _, stages in found))

    def at(self, stage: Stage) -> tuple[ActiveGuardrail, ...]:
        by_stage = {
            "pre_call": self.pre, "during_call": self.during, "post_call": self.post, "logging_only": self.logging
        }  # fmt: skip
        return by_stage[stage]


class Choice:
    """Chooses among the guardrails of a gateway."""

    def __init__(self, guardrails: Sequence[ActiveGuardrail], of_model: OfModel | None = None) -> None:
        """`of_model` is None where no row names any."""
        self._all = tuple(guardrails)
        self._of_model = of_model
        self.rows_name_some = of_model is not None
        self.names = frozenset(each.name for each in guardrails)
        self._tags = frozenset(tag for each in guardrails for tag in each.tagged)
        self._memo: dict[object, Selected] = {}
        self._default = self._select(_NONE, _NONE, _NONE)

    def of(self, call: Call) -> Selected:
        """The guardrails of a call as things stand: a policy or a fallback may add some later."""
        names = call.options.guardrails
        metadata = call.principal.metadata
        if not (names or metadata or self._tags or self._of_model):
            return self._default
        off = _NONE
        if metadata:
            names |= of_key(metadata)
            off = self._switched_off(metadata)
        if self._of_model is not None:
            names |= self.of_rows(call.routed or call.model)
        tags = self._tags.intersection(call.tags) if self._tags else _NONE
        if not (names or off or tags):
            return self._default
        key = (names, off, tags)
        found = self._memo.get(key)
        if found is None:
            found = self._select(*key)
            if len(self._memo) < _MOST:
                self._memo[key] = found
        return found

    def of_rows(self, model: str) -> frozenset[str]:
        """The guardrails that the rows of a model name."""
        return _NONE if self._of_model is None else self._of_model(model)

    def check_names(self, call: Call) -> None:
        """Raises BadRequestError where a request, or its key, names a guardrail that does not exist."""
        names = call.options.guardrails
        if call.principal.metadata:
            names |= of_key(call.principal.metadata)
        if unknown := names - self.names:
            raise BadRequestError(f"There is no guardrail {sorted(unknown)[0]!r}.", param="guardrails")

    def _switched_off(self, metadata: Mapping[str, Any]) -> frozenset[str]:
        """The always-on guardrails that a key is let off."""
        if metadata.get("disable_global_guardrails") is True:
            return frozenset(each.name for each in self._all if each.default_on)
        return _texts(metadata.get("opted_out_global_guardrails")) & self.names

    def _select(self, names: frozenset[str], off: frozenset[str], tags: frozenset[str]) -> Selected:
        return Selected(
            (each, each.stages_for(tags))
            for each in self._all
            if each.name in names or (each.default_on and each.name not in off)
        )


def of_key(metadata: Mapping[str, Any]) -> frozenset[str]:
    """The guardrails that a key, or its team, asks for."""
    return _texts(metadata.get("guardrails"))


def _texts(value: Any) -> frozenset[str]:
    return frozenset(each for each in value if isinstance(each, str)) if isinstance(value, list) else _NONE
