"""Asking the analyzer: https://microsoft.github.io/presidio/api-docs/api-docs.html"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from tianji_core.transport.json_service import JsonService, ServiceError

OVERLAP = 200
"""Characters that parts of a long text share: longer than anything looked for."""
MOST_AT_ONCE = 8


class Finding(NamedTuple):
    """Something personal, in characters (code points) of its text."""

    start: int
    end: int
    entity: str
    score: float


class Analyzer:
    """One analyzer service."""

    def __init__(self, service: JsonService, recognizers: list[Any], longest: int) -> None:
        self._service = service
        self._recognizers = recognizers
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
            found += [
                each._replace(start=each.start + start, end=each.end + start)
                for each in await self._ask(part, language, entities)
            ]
        return found

    async def _ask(self, text: str, language: str, entities: Sequence[str]) -> list[Finding]:
        asked: dict[str, Any] = {"text": text, "language": language}
        if entities:
            asked["entities"] = list(entities)
        if self._recognizers:
            asked["ad_hoc_recognizers"] = self._recognizers
        answer = await self._service.post("/analyze", asked)
        if not isinstance(answer, list):
            raise ServiceError("an answer that is no list")
        try:
            found = [Finding(int(e["start"]), int(e["end"]), str(e["entity_type"]), float(e["score"])) for e in answer]
        except (KeyError, TypeError, ValueError):
            raise ServiceError("a finding without its place") from None
        if not all(0 <= f.start < f.end <= len(text) for f in found):
            raise ServiceError("a finding outside of its text")
        return found

    async def aclose(self) -> None:
        await self._service.aclose()
