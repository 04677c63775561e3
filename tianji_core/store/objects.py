"""What callers own: written down with its owner, found only by its owner."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa
from sqlalchemy import CursorResult, Row
from sqlalchemy.exc import IntegrityError

from tianji_core.store.pieces import cut, piece_table, pieces_of
from tianji_core.store.tables import ObjectRow
from tianji_core.store.whole import whole

if TYPE_CHECKING:
    from tianji_core.store.database import Opened

_table = ObjectRow.__table__  # type: ignore[attr-defined]  # which SQLModel makes
MAX_TRIES = 20
"""Changes of one object that may be lost to others before it is given up."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object. `data` is what its surface keeps of it, as JSON. Times are Unix seconds.

    `owner` says whose it is (`Principal.owner`), `deployment_id` and `vendor_id` where it really lives, if that is at
    a vendor. `status` is for surfaces that work on theirs in the background.
    """

    id: str
    kind: str
    owner: str
    data: dict[str, Any] = field(default_factory=dict)
    created_at: float = field(default_factory=time.time)
    expires_at: float | None = None
    status: str | None = None
    deployment_id: str | None = None
    vendor_id: str | None = None
    version: int = 0
    worker: str | None = None
    leased_until: float | None = None


class ConflictError(Exception):
    """Others changed the object again and again."""


def new_id(prefix: str) -> str:
    """An id that nobody can guess: `file-…`, `batch_…`; the prefix brings its own separator."""
    return prefix + secrets.token_hex(16)


class Objects:
    """The objects of all callers."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    @whole
    async def add(self, stored: StoredObject, content: bytes | None = None, *, outlived: Sequence[str] = ()) -> None:
        """Write down a new object, and its content with it. Raises StoreUnavailableError.

        The objects `outlived`, of the same owner and kind, are kept as long as this one, but for a thirtieth: so that
        not every one of many that need them writes them all anew.
        """
        async with self._opened.write() as connection:
            await connection.execute(_table.insert().values(**_values(stored)))
            if content is not None:
                await connection.execute(piece_table.insert(), cut(stored.id, content))
            if outlived and stored.expires_at is not None:
                mine = sa.and_(_table.c.kind == stored.kind, _table.c.owner == stored.owner)
                soon = stored.expires_at - (stored.expires_at - stored.created_at) / 30
                older = sa.and_(_table.c.id.in_(outlived), _table.c.expires_at < soon)
                await connection.execute(_table.update().where(mine, older).values(expires_at=stored.expires_at))

    @whole
    async def add_once(self, stored: StoredObject) -> bool:
        """Write down an object unless there is one of that id; whether there was none."""
        try:
            await self.add(stored)
        except IntegrityError:
            return False
        return True

    @whole
    async def get(self, kind: str, id: str, owner: str | None) -> StoredObject | None:
        """An object; None if there is none, if it has expired, or if it is somebody else's. `owner` None: anybody's."""
        if not _may_be_id(id):
            return None
        query = _table.select().where(_table.c.id == id, _table.c.kind == kind, _alive())
        if owner is not None:
            query = query.where(_table.c.owner == owner)
        async with self._opened.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _object(row)

    @whole
    async def get_all(self, kind: str, ids: Collection[str], owner: str | None) -> dict[str, StoredObject]:
        """Those of these objects that are there and the owner's, by id. `owner` None: whosever they are."""
        wanted = [id for id in ids if _may_be_id(id)]
        if not wanted:
            return {}
        query = _table.select().where(_table.c.id.in_(wanted), _table.c.kind == kind, _alive())
        if owner is not None:
            query = query.where(_table.c.owner == owner)
        async with self._opened.read() as connection:
            return {row.id: _object(row) for row in (await connection.execute(query)).all()}

    @whole
    async def list(
        self,
        kind: str,
        owner: str | None,
        *,
        after: str | None = None,
        before: str | None = None,
        limit: int = 20,
        order: Literal["asc", "desc"] = "desc",
        having: Mapping[str, str] | None = None,
    ) -> tuple[list[StoredObject], bool]:
        """Objects by age, the newest first, and whether there are more; `after` and `before` are ids not to be shown.

        An `after` that is not the owner's is like none at all. `having`: only those whose `data` says this.
        """
        place = sa.tuple_(_table.c.created_at, _table.c.id)
        query = _table.select().where(_table.c.kind == kind, _alive())
        if owner is not None:
            query = query.where(_table.c.owner == owner)
        for name, value in (having or {}).items():
            if not _may_be_id(value):
                return [], False
            query = query.where(_table.c.data[name].as_string() == value)
        async with self._opened.read() as connection:
            for cursor, later in ((after, order == "asc"), (before, order != "asc")):
                if cursor is None or not _may_be_id(cursor):
                    continue
                where = sa.select(_table.c.created_at).where(_table.c.id == cursor, _table.c.kind == kind)
                if owner is not None:
                    where = where.where(_table.c.owner == owner)
                created = (await connection.execute(where)).scalar_one_or_none()
                if created is not None:
                    there = sa.tuple_(sa.literal(created), sa.literal(cursor))
                    query = query.where(place > there if later else place < there)
            columns = (_table.c.created_at, _table.c.id)
            query = query.order_by(*(c.asc() if order == "asc" else c.desc() for c in columns)).limit(limit + 1)
            rows = (await connection.execute(query)).all()
        return [_object(row) for row in rows[:limit]], len(rows) > limit

    @whole
    async def change(
        self,
        stored: StoredObject,
        change: Callable[[StoredObject], StoredObject | None],
        content: bytes | None = None,
        piece: tuple[int, bytes] | None = None,
    ) -> StoredObject | None:
        """Give an object the state that `change` makes of its present one, whoever else changes it at the same time.

        `content`, if there is some, takes the place of what it had; a `piece` (its number and content) is added to it.
        Either is written with the change or not at all. Where `change` says None all stays as it is, and the object is
        returned. None if it is gone. `change` may be called more than once. Raises ConflictError, and what `change`
        raises.
        """
        for _ in range(MAX_TRIES):
            changed = change(stored)
            if changed is None:
                return stored
            values = _values(replace(changed, version=stored.version + 1))
            update = _table.update().where(_table.c.id == stored.id, _table.c.version == stored.version)
            async with self._opened.write() as connection:
                if await _count(connection.execute(update.values(**values))):
                    if content is not None:
                        await connection.execute(pieces_of(stored.id).delete)
                        await connection.execute(piece_table.insert(), cut(stored.id, content))
                    if piece is not None:
                        number, data = piece
                        await connection.execute(
                            piece_table.insert().values(object_id=stored.id, number=number, data=data)
                        )
                    return replace(changed, version=stored.version + 1)
            present = await self.get(stored.kind, stored.id, None)
            if present is None:
                return None
            stored = present
        raise ConflictError(f"{stored.kind} {stored.id} is changed too often")

    @whole
    async def remove(self, kind: str, id: str, owner: str | None) -> bool:
        """Forget an object and its content; whether there was one."""
        delete = _table.delete().where(_table.c.id == id, _table.c.kind == kind)
        if owner is not None:
            delete = delete.where(_table.c.owner == owner)
        async with self._opened.write() as connection:
            if not await _count(connection.execute(delete)):
                return False
            await connection.execute(pieces_of(id).delete)
        return True

    @whole
    async def sweep(self, now: float | None = None) -> int:
        """Forget what has expired, with its content; how many objects."""
        gone = _table.c.expires_at < (time.time() if now is None else now)
        async with self._opened.write() as connection:
            ids = sa.select(_table.c.id).where(gone)
            await connection.execute(piece_table.delete().where(piece_table.c.object_id.in_(ids)))
            return await _count(connection.execute(_table.delete().where(gone)))

    # -- work in the background ----------------------------------------------------------------------------------

    @whole
    async def claim(self, kind: str, statuses: Collection[str], worker: str, seconds: float) -> StoredObject | None:
        """The oldest object in one of these states that no worker holds, held for so long by `worker`.

        A worker that dies holds nothing for longer than that: `renew` while you work.
        """
        now = time.time()
        free = sa.or_(_table.c.leased_until.is_(None), _table.c.leased_until < now)
        waiting = sa.select(_table.c.id, _table.c.version).where(
            _table.c.kind == kind, _table.c.status.in_(statuses), free
        )
        while True:
            async with self._opened.write() as connection:
                found = (await connection.execute(waiting.order_by(_table.c.created_at).limit(1))).one_or_none()
                if found is None:
                    return None
                mine = {"worker": worker, "leased_until": now + seconds, "version": found.version + 1}
                held = _table.update().where(_table.c.id == found.id, _table.c.version == found.version).values(**mine)
                if await _count(connection.execute(held)):
                    row = (await connection.execute(_table.select().where(_table.c.id == found.id))).one()
                    return _object(row)

    @whole
    async def due(self, kind: str, statuses: Collection[str]) -> float | None:
        """When the next object in one of these states may be claimed, in Unix seconds; None if there is no such object.

        A time in the past if one waits already.
        """
        free_at = sa.func.min(sa.func.coalesce(_table.c.leased_until, 0.0))
        query = sa.select(free_at).where(_table.c.kind == kind, _table.c.status.in_(statuses))
        async with self._opened.read() as connection:
            found: float | None = (await connection.execute(query)).scalar_one()
        return found

    @whole
    async def renew(self, id: str, worker: str, seconds: float) -> bool:
        """Hold a claimed object for longer; False if it is no longer this worker's."""
        mine = sa.and_(_table.c.id == id, _table.c.worker == worker)
        async with self._opened.write() as connection:
            update = _table.update().where(mine).values(leased_until=time.time() + seconds)
            return bool(await _count(connection.execute(update)))

    @whole
    async def release(self, id: str, worker: str) -> None:
        """Let another worker have it."""
        mine = sa.and_(_table.c.id == id, _table.c.worker == worker)
        async with self._opened.write() as connection:
            await connection.execute(_table.update().where(mine).values(worker=None, leased_until=None))


def _may_be_id(text: str) -> bool:
    """Whether to ask a database for this: it may be a caller's, and PostgreSQL takes a NUL for an error."""
    return text.isascii() and text.isprintable()


def _alive() -> sa.ColumnElement[bool]:
    return sa.or_(_table.c.expires_at.is_(None), _table.c.expires_at > time.time())


_NAMES: Iterable[str] = tuple(StoredObject.__slots__)


def _values(stored: StoredObject) -> dict[str, Any]:
    return {name: getattr(stored, name) for name in _NAMES}


def _object(row: Row[Any]) -> StoredObject:
    return StoredObject(**{name: getattr(row, name) for name in _NAMES})


async def _count(execution: Any) -> int:
    result: CursorResult[Any] = await execution
    return result.rowcount
