"""The guardrail: what findings mask, what they block, and how the masked comes back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tianji_core.api.guardrail import Block, Guardrail, Payload, Stage, Verdict
from tianji_core.transport.json_service import JsonService
from tianji_guardrail_presidio.analyzer import Analyzer, Finding
from tianji_guardrail_presidio.settings import PresidioSettings


class Presidio(Guardrail):
    """Looks at every text of requests and answers, and of records at `logging_only`.

    With `output_parse_pii` what is masked in a request gets numbers (`<PERSON_1>`), which the answer is searched for.
    """

    stages: frozenset[Stage] = frozenset({"pre_call", "during_call", "post_call", "logging_only"})

    def __init__(self, settings: PresidioSettings) -> None:
        """Raises ValueError for an address that cannot be used."""
        self._settings = settings
        service = JsonService(settings.analyzer or "http://127.0.0.1:9", timeout=settings.request_timeout)
        self._analyzer = Analyzer(service, settings.recognizers(), settings.presidio_analyze_chunk_size_bytes)
        self._asked: frozenset[Stage] = frozenset({settings.mode} if isinstance(settings.mode, str) else settings.mode)
        self._denied = frozenset(settings.presidio_entities_deny_list)

    def runs_at(self, asked: frozenset[Stage]) -> frozenset[Stage]:
        puts_back = self._settings.output_parse_pii and "pre_call" in asked
        return asked | {"post_call"} if puts_back else asked

    def needs(self, stage: Stage, payload: Payload) -> bool:
        if stage == "post_call":
            looks = "post_call" in self._asked and self._settings.scope != "input"
            return looks or bool(payload.memory)
        return stage == "logging_only" or self._settings.scope != "output"

    async def check(self, stage: Stage, payload: Payload) -> Verdict:
        """Raises Unreachable, ServiceError."""
        places = payload.places()
        texts = [place.text for place in places]
        counts: Counter[str] = Counter()
        if self._looks(stage):
            found = await self._found(texts, payload)
            blocked = sorted({f.entity for each in found for f in each if self._action(f.entity) == "BLOCK"})
            if blocked or (stage == "during_call" and any(found)):
                named = blocked or sorted({f.entity for each in found for f in each})
                reason = f"Blocked entity detected: {named[0]} by Guardrail: presidio. This entity is not allowed."
                return Block(reason, {"entities": named})
            counts.update(f.entity for each in found for f in each)
            numbers = payload.memory if stage == "pre_call" and self._settings.output_parse_pii else None
            texts = [_masked(text, each, numbers) for text, each in zip(texts, found, strict=True)]
        if stage == "post_call" and payload.memory:
            texts = [_restored(text, payload.memory) for text in texts]
        return payload.rewritten(places, texts, counts)

    def _looks(self, stage: Stage) -> bool:
        """Whether the analyzer is asked at this stage; otherwise what was masked is only put back."""
        if stage == "post_call":
            return "post_call" in self._asked and self._settings.scope != "input"
        return True

    async def _found(self, texts: list[str], payload: Payload) -> list[list[Finding]]:
        settings = self._settings
        wanted = list(settings.pii_entities_config)
        more = payload.options.get("entities")
        if wanted and isinstance(more, list):  # a client may ask for more, not for less
            wanted += [entity for entity in more if isinstance(entity, str) and entity not in wanted]
        language = payload.options.get("language")
        spoken = language if isinstance(language, str) else settings.presidio_language
        by_text = await self._analyzer.find(texts, spoken, wanted)
        return [_apart(filter(self._counts, by_text.get(text, ()))) for text in texts]

    def _counts(self, finding: Finding) -> bool:
        thresholds = self._settings.presidio_score_thresholds
        least = thresholds.get(finding.entity, thresholds.get("ALL", 0.0))
        return finding.entity not in self._denied and finding.score >= least

    def _action(self, entity: str) -> str:
        return self._settings.pii_entities_config.get(entity, "MASK")

    async def aclose(self) -> None:
        await self._analyzer.aclose()


def _apart(findings: Iterable[Finding]) -> list[Finding]:
    """Findings that do not overlap, in order. Of those that do, the surest counts, of equal ones the longest; what only
    the others cover is covered too."""
    kept: list[Finding] = []
    for each in sorted(findings, key=lambda f: (f.start, -f.score, f.start - f.end)):
        if kept and each.start < kept[-1].end:
            last = kept[-1]
            surest = each if (each.score, each.end - each.start) > (last.score, last.end - last.start) else last
            kept[-1] = Finding(last.start, max(last.end, each.end), surest.entity, surest.score)
        else:
            kept.append(each)
    return kept


def _masked(text: str, findings: list[Finding], numbers: dict[str, Any] | None) -> str:
    """The text with `<ENTITY>` in place of findings; with `numbers` equal ones get the same number, noted there."""
    out, at = [], 0
    for each in findings:
        found = text[each.start : each.end]
        tag = f"<{each.entity}>"
        if numbers is not None:
            tag = next((t for t, v in numbers.items() if v == found and t.startswith(f"<{each.entity}_")), "")
            if not tag:
                count = sum(t.startswith(f"<{each.entity}_") for t in numbers)
                tag = f"<{each.entity}_{count + 1}>"
                numbers[tag] = found
        out += [text[at : each.start], tag]
        at = each.end
    out.append(text[at:])
    return "".join(out)


def _restored(text: str, numbers: dict[str, Any]) -> str:
    for tag, found in numbers.items():
        if tag in text:
            text = text.replace(tag, found)
    return text
