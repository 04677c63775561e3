"""What policies go by: who calls, for which model, and what the call says of itself."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tianji_core.api.call import Principal

if TYPE_CHECKING:
    from tianji_core.routing import ModelTable


class Who(NamedTuple):
    """The names that a caller is known by."""

    keys: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()


NOBODY = Who()


@dataclass(frozen=True, slots=True)
class Facts:
    """One call as policies see it. `tags` and `metadata` are the caller's own, given by whoever made his key;
    `said_tags` and `said_metadata` are what the request says, which may be anything.

    `models` are the names of one model: as it was asked for, and the group that this leads to.
    """

    who: Who = NOBODY
    models: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    said_tags: tuple[str, ...] = ()
    said_metadata: Mapping[str, Any] = field(default_factory=dict)
    now: float = field(default_factory=time.time)

    def all_tags(self, said: bool) -> tuple[str, ...]:
        return self.tags + self.said_tags if said else self.tags


def who_is(principal: Principal) -> Who:
    """The names of a caller: a key's alias and hash, a team's alias and id."""
    keys = (principal.key_alias, principal.key_hash)
    teams = (principal.metadata.get("team_alias") if principal.metadata else None, principal.team_id)
    return Who(_texts(keys), _texts(teams))


def tags_of(principal: Principal) -> tuple[str, ...]:
    """The tags that a caller's key has."""
    found = principal.metadata.get("tags") if principal.metadata else None
    return _texts(found) if isinstance(found, (list, tuple)) else ()


def own_policies(principal: Principal) -> tuple[str, ...]:
    """The policies that a caller's key or team names itself."""
    found = principal.metadata.get("policies") if principal.metadata else None
    return _texts(found) if isinstance(found, (list, tuple)) else ()


def names_of(model: str, models: ModelTable) -> tuple[str, ...]:
    """A model's names: the one that is asked for, and its group's, so that an alias or an id is no way around."""
    target = models.resolve(model)
    return (model,) if target is None or target.group == model else (model, target.group)


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(value for value in values if isinstance(value, str) and value)
