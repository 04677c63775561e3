"""Answers that have begun: their first piece is here, so what could fail at once has not."""

from __future__ import annotations

from collections.abc import AsyncGenerator


class Begun:
    """An async iterator, to be closed whatever happens."""

    def __init__(self, first: bytes | None, rest: AsyncGenerator[bytes, None]) -> None:
        self._first = first
        self._rest = rest

    def __aiter__(self) -> Begun:
        return self

    async def __anext__(self) -> bytes:
        first, self._first = self._first, None
        return first if first is not None else await anext(self._rest)

    async def aclose(self) -> None:
        await self._rest.aclose()


async def begin(pieces: AsyncGenerator[bytes, None]) -> Begun:
    """Wait for the first piece. Raises whatever it raises."""
    return Begun(await anext(pieces, None), pieces)
