"""Texts to findings: equal ones are looked at once, long ones in parts that overlap."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple, Protocol

OVERLAP = 200
"""Characters that parts of a long text share: longer than anything looked for."""
MOST_AT_ONCE = 8
_AROUND = " \t\r\n\"'`"
"""What some of Presidio's patterns take along at either end; masked with the rest it would break JSON and prose."""


class Finding(NamedTuple):
    """Something personal, in characters (code points) of its text."""

    start: int
    end: int
    entity: str
    score: float


class Engine(Protocol):
    """What finds: Presidio's service, or its engine in this process."""

    async def analyze(self, text: str, language: str, entities: Sequence[str]) -> list[Finding]:
        """What is in a text: these entities, or all if none is named. Raises Unreachable, ServiceError."""

    async def aclose(self) -> None:
        """Give back what was opened."""


class Analyzer:
    """One engine, asked about many texts."""

    def __init__(self, engine: Engine, longest: int) -> None:
        """`longest`: characters of a text that the engine is given at once, more than OVERLAP."""
        self._engine = engine
        self._longest = longest

    async def find(self, texts: Sequence[str], language: str, entities: Sequence[str]) -> dict[str, list[Finding]]:
        """What is in each text. Raises Unreachable, ServiceError."""
        limit = asyncio.Semaphore(MOST_AT_ONCE)
        distinct = [text for text in dict.fromkeys(texts) if text.strip()]

        async def one(text: str) -> list[Finding]:
            async with limit:
                return await self._find(text, language, entities)

        found = await asyncio.gather(*map(one, distinct))
        return dict(zip(distinct, found, strict=True))

    async def _find(self, text: str, language: str, entities: Sequence[str]) -> list[Finding]:
        step = self._longest - OVERLAP
        found: list[Finding] = []
        for start in range(0, max(1, len(text) - OVERLAP), step):
            part = text[start : start + self._longest]
            for each in await self._engine.analyze(part, language, entities):
                first, last = _inner(part, each)
                if first < last:
                    found.append(each._replace(start=first + start, end=last + start))
        return found

    async def aclose(self) -> None:
        await self._engine.aclose()


def _inner(text: str, found: Finding) -> tuple[int, int]:
    """Where a finding begins and ends without what stands around it."""
    inner = text[found.start : found.end]
    return found.end - len(inner.lstrip(_AROUND)), found.start + len(inner.rstrip(_AROUND))
