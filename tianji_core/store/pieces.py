"""Content that is too large for a row, in pieces: written and read without ever being whole in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from tianji_core.store.tables import PieceRow
from tianji_core.store.whole import whole

if TYPE_CHECKING:
    from tianji_core.store.database import Opened

piece_table: sa.Table = PieceRow.__table__  # type: ignore[attr-defined]  # which SQLModel makes
PIECE = 1024 * 1024
"""Bytes of a piece."""


class _Statements(NamedTuple):
    select: sa.Select[tuple[int, bytes]]
    delete: sa.Delete


def pieces_of(object_id: str) -> _Statements:
    mine = piece_table.c.object_id == object_id
    return _Statements(
        sa.select(piece_table.c.number, piece_table.c.data).where(mine), piece_table.delete().where(mine)
    )


def cut(object_id: str, content: bytes) -> list[dict[str, Any]]:
    """The rows of a content that is in memory as a whole; one for an empty one."""
    starts = range(0, max(len(content), 1), PIECE)
    return [
        {"object_id": object_id, "number": number, "data": content[start : start + PIECE]}
        for number, start in enumerate(starts)
    ]


class Pieces:
    """The content of objects."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    async def write(self, object_id: str, parts: AsyncIterator[bytes]) -> int:
        """Write an object's content anew; gives its size in bytes. If that fails midway there is none."""
        size = number = 0
        await self.remove(object_id)
        waiting = bytearray()
        try:
            async for part in parts:
                size += len(part)
                waiting += part
                while len(waiting) >= PIECE:
                    await self._put(object_id, number, bytes(waiting[:PIECE]))
                    del waiting[:PIECE]
                    number += 1
            if waiting:
                await self._put(object_id, number, bytes(waiting))
        except BaseException:
            await self.remove(object_id)
            raise
        return size

    @whole
    async def append(self, object_id: str, number: int, data: bytes) -> None:
        """Write one piece, over the one of that number if there is one: work that is done twice leaves one piece."""
        mine = sa.and_(piece_table.c.object_id == object_id, piece_table.c.number == number)
        async with self._opened.write() as connection:
            await connection.execute(piece_table.delete().where(mine))
            await connection.execute(piece_table.insert().values(object_id=object_id, number=number, data=data))

    async def read(self, object_id: str) -> AsyncIterator[bytes]:
        """The content, piece by piece."""
        number = -1
        while (found := await self._after(object_id, number)) is not None:
            number = found.number
            yield found.data

    @whole
    async def _after(self, object_id: str, number: int) -> sa.Row[tuple[int, bytes]] | None:
        """The piece after that number."""
        following = pieces_of(object_id).select.where(piece_table.c.number > number)
        async with self._opened.read() as connection:
            return (await connection.execute(following.order_by(piece_table.c.number).limit(1))).one_or_none()

    @whole
    async def read_all(self, object_ids: Collection[str]) -> dict[str, bytes]:
        """The whole content of each of these objects that has some. For what is small enough to be in memory."""
        found: dict[str, list[bytes]] = {}
        columns = sa.select(piece_table.c.object_id, piece_table.c.data).where(piece_table.c.object_id.in_(object_ids))
        async with self._opened.read() as connection:
            for row in await connection.execute(columns.order_by(piece_table.c.object_id, piece_table.c.number)):
                found.setdefault(row.object_id, []).append(row.data)
        return {object_id: b"".join(parts) for object_id, parts in found.items()}

    @whole
    async def remove(self, object_id: str) -> None:
        """Forget the content."""
        async with self._opened.write() as connection:
            await connection.execute(pieces_of(object_id).delete)

    @whole
    async def _put(self, object_id: str, number: int, data: bytes) -> None:
        async with self._opened.write() as connection:
            await connection.execute(piece_table.insert().values(object_id=object_id, number=number, data=data))
