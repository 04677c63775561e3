"""Asking a moderation model, and what its answer means."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from tianji_core.api.guardrail import ALLOW, Asking, Block, Guardrail, Payload, Stage, Verdict
from tianji_core.api.provider import Body
from tianji_core.transport.json_service import JsonService, ServiceError
from tianji_guardrail_openai_moderation.settings import OpenAIModerationSettings

REASON = "Violated OpenAI moderation policy"
MOST_TEXTS = 32
"""Texts in one request."""
MOST_CHARACTERS = 20_000
"""Of one text; a longer one is asked about in parts, which overlap."""
OVERLAP = 200
MOST_AT_ONCE = 4
"""Requests of one check that are under way together."""


class OpenAIModeration(Guardrail):
    """Blocks what the model flags, or what reaches a threshold of the config.

    Texts are sent in batches, pictures one by one, as OpenAI's API has it: https://platform.openai.com/docs/guides/moderation
    """

    stages: frozenset[Stage] = frozenset({"pre_call", "during_call", "post_call", "logging_only"})

    def __init__(self, settings: OpenAIModerationSettings) -> None:
        self._settings = settings
        self._takes_pictures = settings.model.startswith("omni")
        self._gateway: Asking | None = None
        self._service: JsonService | None = None
        if settings.model_name is None:
            self._service = JsonService(
                settings.base, {"authorization": f"Bearer {settings.key}"}, timeout=settings.request_timeout
            )

    def connect(self, gateway: Asking) -> None:
        self._gateway = gateway

    async def check(self, stage: Stage, payload: Payload) -> Verdict:
        """Raises Unreachable, ServiceError and, where a model of the gateway is asked, GatewayError."""
        inputs = list(self._inputs(payload))
        limit = asyncio.Semaphore(MOST_AT_ONCE)

        async def judged(given: Any, count: int) -> list[Any]:
            async with limit:
                return _results(await self._ask(payload, given), count)

        answers = await asyncio.gather(*(judged(given, count) for given, count in inputs))
        violated: dict[str, float] = {}
        for result in (each for answer in answers for each in answer):
            for category, score in self._violated(result):
                violated[category] = max(score, violated.get(category, 0.0))
        if not violated:
            return ALLOW
        found = {"violated_categories": sorted(violated), "category_scores": violated}
        return Block(REASON, {"error": REASON, "moderation_result": found})

    def _inputs(self, payload: Payload) -> Iterator[tuple[Any, int]]:
        """What is asked, and the number of results that each has."""
        texts = list(dict.fromkeys(part for text in payload.texts() for part in _parts(text) if part.strip()))
        for start in range(0, len(texts), MOST_TEXTS):
            batch = texts[start : start + MOST_TEXTS]
            yield batch, len(batch)
        if self._takes_pictures and payload.response is None:
            for url in dict.fromkeys(payload.images()):
                yield [{"type": "image_url", "image_url": {"url": url}}], 1

    async def _ask(self, payload: Payload, given: Any) -> Any:
        settings = self._settings
        if self._service is not None:
            return await self._service.post("/moderations", {"model": settings.model, "input": given})
        if self._gateway is None:
            raise ServiceError("there is no gateway to ask")
        body: Body = {"model": settings.model_name, "input": given}
        return await self._gateway.ask(payload.call, "moderations", body)

    def _violated(self, result: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
        scores, categories = result["category_scores"], result["categories"]
        thresholds = self._settings.category_thresholds
        if thresholds:
            yield from ((name, scores[name]) for name in thresholds if scores.get(name, 0.0) >= thresholds[name])
        elif result["flagged"]:
            flagged = [name for name, is_so in categories.items() if is_so]
            yield from ((name, float(scores.get(name) or 0.0)) for name in flagged or ["flagged"])

    async def aclose(self) -> None:
        if self._service is not None:
            await self._service.aclose()


def _parts(text: str) -> Iterator[str]:
    """A text, or its parts if it is too long."""
    step = MOST_CHARACTERS - OVERLAP
    for start in range(0, max(1, len(text) - OVERLAP), step):
        yield text[start : start + MOST_CHARACTERS]


def _results(answer: Any, count: int) -> list[Any]:
    """The results of an answer. Raises ServiceError for one that does not judge all that was asked."""
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list) or len(results) != count or not all(map(_is_whole, results)):
        raise ServiceError("an answer without all results")
    return results


def _is_whole(result: Any) -> bool:
    return (
        isinstance(result, dict)
        and isinstance(result.get("flagged"), bool)
        and isinstance(result.get("categories"), dict)
        and isinstance(result.get("category_scores"), dict)
        and all(isinstance(score, (int, float)) for score in result["category_scores"].values() if score is not None)
    )
