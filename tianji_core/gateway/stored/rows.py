"""Which rows of the store a gateway was compiled with, and which the store has since."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from tianji_core.config import Loaded
from tianji_core.gateway.stored import guardrails, models

if TYPE_CHECKING:
    from tianji_core.store.rules import Family, Kept, Rule


class Rows(NamedTuple):
    """The rows of the store, by the family of their rules."""

    models: tuple[Rule, ...] = ()
    guardrails: tuple[Rule, ...] = ()

    def beside(self, loaded: Loaded) -> Loaded:
        """A config with these rows after its own."""
        return guardrails.with_stored(models.with_stored(loaded, self.models), self.guardrails)


class StoredRows:
    """What one gateway knows of the rows of the store."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self.compiled = Rows()
        """Those that the gateway was compiled with."""
        self.newer: Rows | None = None
        """Those that the store has now, if they are others: another gateway has to take this one's place."""
        self._on_newer: Callable[[], None] | None = None

    def follow(self, on_newer: Callable[[], None]) -> None:
        """Have this called whenever the store's rows are others than the gateway's; at once, if they are already."""
        self._on_newer = on_newer
        if self.newer is not None:
            on_newer()

    @property
    def latest(self) -> Rows:
        """Those that the store had when it was last looked at."""
        return self.compiled if self.newer is None else self.newer

    def takers(self) -> Mapping[Family, Callable[[Kept], None]]:
        """What is told of the store's rules, by family."""
        found: dict[Family, Callable[[Kept], None]] = {
            "guardrails": lambda kept: self._take(self.latest._replace(guardrails=kept.rules))
        }
        if models.is_on(self._loaded):
            found["models"] = lambda kept: self._take(self.latest._replace(models=kept.rules))
        return found

    def _take(self, rows: Rows) -> None:
        self.newer = None if rows == self.compiled else rows
        if self.newer is not None and self._on_newer is not None:
            self._on_newer()
