"""The guardrail: credentials are masked, or refuse the call."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import lru_cache

from tianji_core.api.guardrail import ALLOW, Block, Guardrail, Payload, Stage, Verdict
from tianji_guardrail_secrets.rule import Rule
from tianji_guardrail_secrets.rules import standard
from tianji_guardrail_secrets.scanner import Scanner
from tianji_guardrail_secrets.settings import HideSecretsSettings

REASON = "The text holds a credential."
_LARGE = 50_000
"""Characters from which on the scan runs in a thread, so that other calls are not held up."""


class HideSecrets(Guardrail):
    """Looks at every text of a request, of an answer at `post_call`, of a record at `logging_only`."""

    stages: frozenset[Stage] = frozenset({"pre_call", "during_call", "post_call", "logging_only"})

    def __init__(self, settings: HideSecretsSettings) -> None:
        rules = settings.rules()
        self._scanner = _standard_scanner() if rules is standard() else _scanner(rules)
        self._blocks = settings.on_secret == "block"  # noqa: S105 - no secret

    def glance(self, text: bytes) -> bool:
        """Whether no line has a credential in it."""
        return self._scanner.finds_nothing(text)

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
        """Each text without credentials, and their kinds."""
        return [self._scanner.hide(text) for text in texts]


@lru_cache(1)
def _standard_scanner() -> Scanner:
    return Scanner(standard())


def _scanner(rules: tuple[Rule, ...]) -> Scanner:
    return Scanner(rules)
