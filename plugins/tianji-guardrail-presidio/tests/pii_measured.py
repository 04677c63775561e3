"""The guardrail as it is measured, and what it finds in texts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from pii_documents import Document, Span
from pii_made_up import KINDS

from tianji_core.api.guardrail import Payload
from tianji_core.testing.standard import SampleCall
from tianji_guardrail_presidio import Presidio, PresidioSettings

SETTINGS = {
    "pii_entities_config": {entity: "MASK" for entity, _ in KINDS.values()},
    "presidio_score_thresholds": {"ALL": 0.4, "PHONE_NUMBER": 0.5, "URL": 0.6, "US_DRIVER_LICENSE": 0.7},
}
"""What the README advises."""

_MARKED = re.compile(r"\[\[([A-Z_]+):(.*?)\]\]")


def made(**settings):
    """The guardrail; in this process, unless the settings name a service."""
    settings.setdefault("presidio_local", "presidio_analyzer_api_base" not in settings)
    return Presidio(PresidioSettings(guardrail="presidio", output_parse_pii=True, **settings))


def masked(guardrail: Presidio, texts: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    """Each text as it would reach the vendor, and what its tags stand for. Closes the guardrail."""

    async def one(text: str) -> tuple[str, dict[str, str]]:
        body = {"messages": [{"role": "user", "content": text}]}
        payload = Payload(SampleCall(body=body), body)
        verdict = await guardrail.check("pre_call", payload)
        new = getattr(verdict, "body", body)["messages"][0]["content"]
        return new, payload.memory["numbers"].found if payload.memory else {}

    async def main() -> list[tuple[str, dict[str, str]]]:
        try:
            return [await one(text) for text in texts]
        finally:
            await guardrail.aclose()

    return asyncio.run(main())


def names_of(identifier: str, found: dict[str, str]) -> set[str]:
    """The entities that all of an identifier was masked as."""
    return {tag.strip("<>").rpartition("_")[0] for tag, whole in found.items() if identifier in whole}


def marked(text: str) -> Document:
    """A document of a text with its identifiers in double brackets."""
    plain, spans, at = "", [], 0
    for mark in _MARKED.finditer(text):
        plain += text[at : mark.start()]
        spans.append(Span(len(plain), len(plain) + len(mark[2]), mark[1]))
        plain += mark[2]
        at = mark.end()
    return Document("held out", plain + text[at:], tuple(spans))
