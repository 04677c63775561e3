"""The guardrail: from what the scanner found to a verdict."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from pydantic import Field, field_validator

from tianji_core.api.guardrail import ALLOW, Block, Guardrail, GuardrailSettings, Payload, Stage, Verdict
from tianji_core.api.provider import Body
from tianji_guardrail_prompt_injection.fold import fold
from tianji_guardrail_prompt_injection.places import foreign_texts
from tianji_guardrail_prompt_injection.scan import Finding, Scanner

REASON = "Rejected message. This is a prompt injection attack."
_THRESHOLDS = {"low": 3, "medium": 2, "high": 1}
_LARGE = 50_000
"""Characters from which on the scan runs in a thread, so that other calls are not held up."""


class PromptInjectionSettings(GuardrailSettings):
    """The keys of the guardrail's `litellm_params`."""

    sensitivity: Literal["low", "medium", "high"] = Field("medium", description="How sure it must be to block")
    threshold: int | None = Field(None, ge=1, le=12, description="The same as a number: 3 low, 2 medium, 1 high")
    block_phrases: list[str] = Field(default_factory=list, description="Further texts that block")
    allow_phrases: list[str] = Field(default_factory=list, description="Texts that are overlooked")
    skip_roles: list[str] = Field(
        default=["system", "developer", "assistant"], description="Roles whose messages are not looked at"
    )

    @field_validator("block_phrases")
    @classmethod
    def _has_words(cls, phrases: list[str]) -> list[str]:
        if not all(fold(phrase).strip() for phrase in phrases):
            raise ValueError("a phrase to block needs at least one word")
        return phrases

    @field_validator("allow_phrases")
    @classmethod
    def _is_text(cls, phrases: list[str]) -> list[str]:
        if not all(phrase.strip() for phrase in phrases):
            raise ValueError("a phrase to allow must not be empty")
        return phrases


class PromptInjection(Guardrail):
    """Blocks requests in which a user, a tool or a file tries to take over from the application's instructions."""

    stages: frozenset[Stage] = frozenset({"pre_call", "during_call"})

    def __init__(self, settings: PromptInjectionSettings) -> None:
        self._scanner = Scanner(settings.block_phrases, settings.allow_phrases)
        self._skip = frozenset(settings.skip_roles)
        self._threshold = settings.threshold or _THRESHOLDS[settings.sensitivity]

    async def check(self, stage: Stage, payload: Payload) -> Verdict:
        """Allow, or Block with the rule and the place (not the text) in its detail. The answer is not looked at."""
        texts = list(foreign_texts(payload.request, self._skip))
        if sum(len(text) for _, text in texts) < _LARGE:
            return self._judge(texts)
        return await asyncio.to_thread(self._judge, texts)

    def judge_text(self, text: str) -> Verdict:
        """The verdict on a single text."""
        return self._judge([("text", text)])

    def _judge(self, texts: list[tuple[str, str]]) -> Verdict:
        for place, text in texts:
            found = self._scanner.scan(text)
            if found and sum(finding.weight for finding in found) >= self._threshold:
                return Block(REASON, _detail(place, found))
        return ALLOW


def _detail(place: str, found: list[Finding]) -> Body:
    detail: dict[str, Any] = {"rule": found[0].rule, "rules": [finding.rule for finding in found], "place": place}
    if found[0].coding:
        detail["coding"] = found[0].coding
    return detail
