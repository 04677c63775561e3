"""The guardrail: credentials are masked, or refuse the call."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import cache
from typing import Any, Literal

from pydantic import Field, field_validator

from tianji_core.api.guardrail import ALLOW, Block, Guardrail, GuardrailSettings, Payload, Stage, Verdict
from tianji_guardrail_secrets.rules import rules
from tianji_guardrail_secrets.scanner import Scanner

REASON = "The text holds a credential."
_LARGE = 100_000
"""Characters from which on the scan runs in a thread."""


class HideSecretsSettings(GuardrailSettings):
    """The keys of the guardrail's `litellm_params`."""

    on_secret: Literal["mask", "block"] = Field("mask", description="What becomes of a credential, or of its call")
    detect_secrets_config: dict[str, Any] = Field(
        default_factory=dict, description="`{plugins_used: [{name: SlackDetector}]}` looks for these kinds only"
    )

    @field_validator("detect_secrets_config")
    @classmethod
    def _names_kinds(cls, config: dict[str, Any]) -> dict[str, Any]:
        _wanted(config)
        return config


class HideSecrets(Guardrail):
    """Looks at every text of a request, of an answer at `post_call`, of a record at `logging_only`."""

    stages: frozenset[Stage] = frozenset({"pre_call", "during_call", "post_call", "logging_only"})

    def __init__(self, settings: HideSecretsSettings) -> None:
        self._scanner = _scanner(_wanted(settings.detect_secrets_config))
        self._blocks = settings.on_secret == "block"  # noqa: S105 - no secret

    async def check(self, stage: Stage, payload: Payload) -> Verdict:
        """Allow, Rewrite with `[REDACTED]` in place of credentials, or Block with their kinds."""
        places = payload.places()
        texts = [place.text for place in places]
        if sum(map(len, texts)) < _LARGE:
            found = self._hide(texts)
        else:
            found = await asyncio.to_thread(self._hide, texts)
        kinds = Counter(kind for _, each in found for kind in each)
        if not kinds:
            return ALLOW
        if self._blocks or stage == "during_call":  # what has been sent cannot be masked
            return Block(REASON, {"kinds": sorted(kinds)})
        return payload.rewritten(places, [text for text, _ in found], kinds)

    def _hide(self, texts: list[str]) -> list[tuple[str, list[str]]]:
        return [self._scanner.hide(text) for text in texts]


@cache
def _scanner(wanted: frozenset[str] | None) -> Scanner:
    return Scanner(rules(wanted))


def _wanted(config: dict[str, Any]) -> frozenset[str] | None:
    """The kinds that a configuration of detect-secrets names; None if it names none. Raises ValueError."""
    used = config.get("plugins_used")
    if used is None:
        return None
    if not isinstance(used, list) or not all(isinstance(each, dict) and "name" in each for each in used):
        raise ValueError("plugins_used is a list of objects that have a name")
    names = frozenset(str(each["name"]) for each in used)
    known = frozenset(rule.name for rule in rules())
    if not names & known:
        raise ValueError(f"none of these kinds is known; there are: {', '.join(sorted(known))}")
    return names & known
