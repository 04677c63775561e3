"""What admins set by the API and every call goes by: read whole, changed one at a time, followed by a number."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from tianji_core.store.tables import RevisionRow, RuleRow
from tianji_core.store.whole import whole

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tianji_core.store.database import Opened

Family = Literal["policies", "fallbacks", "models", "guardrails"]
"""Rules that are read and checked together."""

_rules = RuleRow.__table__  # type: ignore[attr-defined]  # which SQLModel makes
_revisions = RevisionRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `name` is its own within its kind. Times are Unix seconds, `…_by` is who did it."""

    kind: str
    name: str
    data: Mapping[str, Any]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_at: float = field(default_factory=time.time)
    updated_at: float = field(default_factory=time.time)
    created_by: str | None = None
    updated_by: str | None = None

    @property
    def history(self) -> dict[str, Any]:
        """When and by whom, as answers of the API tell it."""
        return {
            "created_at": datetime.fromtimestamp(self.created_at, UTC).isoformat(),
            "updated_at": datetime.fromtimestamp(self.updated_at, UTC).isoformat(),
            "created_by": self.created_by,
            "updated_by": self.updated_by,
        }


@dataclass(frozen=True, slots=True)
class Kept:
    """All rules of a family, the oldest first; `revision` counts their changes."""

    revision: int = 0
    rules: tuple[Rule, ...] = ()

    def of_kind(self, kind: str) -> list[Rule]:
        return [rule for rule in self.rules if rule.kind == kind]


class Rules:
    """The rules of all families."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    @whole
    async def revisions(self) -> dict[str, int]:
        """How often each family has been changed. Raises StoreUnavailableError."""
        async with self._opened.read() as connection:
            rows = (await connection.execute(sa.select(_revisions.c.family, _revisions.c.number))).all()
        return {row.family: row.number for row in rows}

    @whole
    async def read(self, family: Family) -> Kept:
        """The rules of a family. Raises StoreUnavailableError.

        They may be newer than the revision says, never older: so nobody misses a change.
        """
        async with self._opened.read() as connection:
            return await _read(connection, family)

    @whole
    async def change(self, family: Family, change: Callable[[Kept], tuple[Rule, ...]]) -> Kept:
        """Put what `change` makes of a family's rules in their place; nobody else changes them meanwhile.

        Where it raises, all stays as it is. Raises StoreUnavailableError, and what `change` raises.
        """
        async with self._opened.write() as connection:
            number = _revisions.c.family == family
            await connection.execute(sa.select(_revisions.c.number).where(number).with_for_update())
            before = await _read(connection, family)
            rules = change(before)
            old, new = {rule.id: rule for rule in before.rules}, {rule.id: rule for rule in rules}
            for id in old.keys() - new.keys():
                await connection.execute(_rules.delete().where(_rules.c.id == id))
            for id, rule in new.items():
                values = {name: getattr(rule, name) for name in Rule.__slots__} | {"family": family}
                if id not in old:
                    await connection.execute(_rules.insert().values(**values))
                elif rule != old[id]:
                    await connection.execute(_rules.update().where(_rules.c.id == id).values(**values))
            await connection.execute(_revisions.update().where(number).values(number=before.revision + 1))
        return Kept(before.revision + 1, rules)


async def _read(connection: AsyncConnection, family: Family) -> Kept:
    number = await connection.execute(sa.select(_revisions.c.number).where(_revisions.c.family == family))
    revision = number.scalar_one()
    query = _rules.select().where(_rules.c.family == family).order_by(_rules.c.created_at, _rules.c.id)
    rows = (await connection.execute(query)).all()
    return Kept(revision, tuple(Rule(**{name: getattr(row, name) for name in Rule.__slots__}) for row in rows))
