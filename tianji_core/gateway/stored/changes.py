"""How admins change rows of the store: each change is tried out before it is kept."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from tianji_core.api.errors import BadRequestError, ServiceUnavailableError
from tianji_core.config import ConfigError, Loaded
from tianji_core.config.report import Report
from tianji_core.gateway.stored.rows import Rows
from tianji_core.gateway.stored.sealing import seal_of
from tianji_core.store.rules import Family, Kept, Rule

if TYPE_CHECKING:
    from tianji_core.gateway.gateway import Gateway

Change = Callable[[Kept], tuple[Rule, ...]]


class RowChanges(ABC):
    """What admins do to the rows of one family."""

    family: ClassVar[Family]
    noun: ClassVar[str]

    def __init__(self, gateway: Gateway) -> None:
        """Raises ServiceUnavailableError where nothing can be sealed."""
        seal = seal_of(gateway.loaded)
        if seal is None:
            raise ServiceUnavailableError(f"A {self.noun} cannot be kept without a salt key or a master key.")
        self._gateway = gateway
        self._seal = seal

    @abstractmethod
    def _beside(self, loaded: Loaded, rules: tuple[Rule, ...]) -> Loaded:
        """A config with these rules in the place of the family's that it has. Raises BadRequestError."""

    def _look_at(self, tried: Gateway, name: str | None) -> None:
        """See whether what `name` says has come to something. Raises BadRequestError."""

    async def _change(self, change: Change, name: str | None = None) -> None:
        """Try a change out, and keep it. `name` is the row that it is about, unless it goes.

        Raises BadRequestError, StoreUnavailableError, and what `change` raises.
        """
        before = await self._gateway.following.kept(self.family)
        rules = change(before)
        await self._try_out(rules, name)

        def unchanged(kept: Kept) -> tuple[Rule, ...]:  # what was tried is what is kept: nothing may come between
            return rules if kept.rules == before.rules else change(kept)

        await self._gateway.following.change(self.family, unchanged)

    async def _try_out(self, rules: tuple[Rule, ...], name: str | None) -> None:
        """Raises BadRequestError with what is wrong, in the words of a config's check."""
        plain = replace(self._gateway.loaded, report=Report())

        def compiled() -> Gateway:
            found = self._beside(plain, rules)
            return type(self._gateway).from_config(found, registry=self._gateway.registry, stored=Rows())

        try:
            tried = await asyncio.to_thread(compiled)
        except ConfigError as error:
            told = "; ".join(problem.message for problem in error.report.problems)
            raise BadRequestError(f"The {self.noun} cannot work: {told}.", param="litellm_params") from None
        try:
            self._look_at(tried, name)
        finally:
            await tried.aclose()


def object_of(body: Any, member: str) -> dict[str, Any]:
    """A member that is an object, without what is null in it; empty where it is not given. Raises BadRequestError."""
    given = body.get(member)
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise BadRequestError(f"{member} must be an object.", param=member)
    return {name: value for name, value in given.items() if value is not None}
