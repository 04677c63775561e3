"""Fallbacks of the store: laid beside those of the config, and changed by admins."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from tianji_core.api.errors import ConflictError
from tianji_core.gateway.router import Router
from tianji_core.routing import Fallbacks
from tianji_core.routing.fallbacks import KINDS, Kind

if TYPE_CHECKING:
    from tianji_core.gateway.following import Following
    from tianji_core.store.rules import Kept, Rule

_LIST = "fallback_models"


def taker(router: Router) -> Callable[[Kept], None]:
    """What puts stored fallbacks in force; whether a group has any also says when its last deployment rests."""
    fallbacks, cooldowns = router.fallbacks, router.stats.cooldowns

    def take(kept: Kept) -> None:
        fallbacks.lay({kind: {rule.name: rule.data[_LIST] for rule in kept.of_kind(kind)} for kind in KINDS})
        cooldowns.rules = replace(cooldowns.rules, with_fallback=fallbacks.helped(router.models.groups))

    return take


class Place(NamedTuple):
    """One list: of which group, for what."""

    model: str
    kind: Kind


class Changes:
    """Writes fallbacks. Raises ConflictError for a list of the config, StoreUnavailableError."""

    def __init__(self, fallbacks: Fallbacks, following: Following) -> None:
        self._fallbacks = fallbacks
        self._following = following

    async def put(self, place: Place, models: Sequence[str], by: str | None) -> bool:
        """Give a group this list; whether it had none."""
        from tianji_core.store.rules import Rule

        self._check(place)
        new = Rule(place.kind, place.model, {_LIST: list(models)}, created_by=by, updated_by=by)
        made = False

        def change(kept: Kept) -> tuple[Rule, ...]:
            nonlocal made
            old = _find(kept, place)
            made = old is None
            if old is None:
                return (*kept.rules, new)
            others = (rule for rule in kept.rules if rule is not old)
            return (*others, replace(old, data=new.data, updated_at=time.time(), updated_by=by))

        await self._following.change("fallbacks", change)
        return made

    async def remove(self, place: Place) -> bool:
        """Take a group's list away; whether it had one."""
        self._check(place)
        if _find(await self._following.kept("fallbacks"), place) is None:
            return False

        def change(kept: Kept) -> tuple[Rule, ...]:
            old = _find(kept, place)
            return tuple(rule for rule in kept.rules if rule is not old)

        await self._following.change("fallbacks", change)
        return True

    def _check(self, place: Place) -> None:
        if place.model in self._fallbacks.config[place.kind]:
            raise ConflictError(f"The {place.kind} fallbacks of {place.model!r} stand in the config.", param="model")


def _find(kept: Kept, place: Place) -> Rule | None:
    return next((rule for rule in kept.of_kind(place.kind) if rule.name == place.model), None)
