"""Presidio's analyzer as a service: https://microsoft.github.io/presidio/api-docs/api-docs.html"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tianji_core.transport.json_service import JsonService, ServiceError
from tianji_guardrail_presidio.analyzer import Finding


class Service:
    """One analyzer service."""

    def __init__(self, service: JsonService, recognizers: Callable[[str], list[dict[str, Any]]]) -> None:
        """`recognizers`: those that are sent along, by the language of the text."""
        self._service = service
        self._recognizers = recognizers

    async def analyze(self, text: str, language: str, entities: Sequence[str]) -> list[Finding]:
        """What the service finds. Raises Unreachable; ServiceError for an answer that makes no sense."""
        asked: dict[str, Any] = {"text": text, "language": language}
        if entities:
            asked["entities"] = list(entities)
        if recognizers := self._recognizers(language):
            asked["ad_hoc_recognizers"] = recognizers
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
