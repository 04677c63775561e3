"""The guardrail: what findings mask, what they block, and how the masked comes back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from tianji_core.api.guardrail import Block, Guardrail, Payload, Stage, Verdict
from tianji_core.transport.json_service import JsonService
from tianji_guardrail_presidio.analyzer import Analyzer, Finding
from tianji_guardrail_presidio.recognizers import recognizers
from tianji_guardrail_presidio.service import Service
from tianji_guardrail_presidio.settings import PresidioSettings

_NUMBERS = "numbers"


class Presidio(Guardrail):
    """Looks at every text of requests and answers, and of records at `logging_only`.

    With `output_parse_pii` what is masked in a request gets numbers (`<PERSON_1>`), which the answer is searched for.
    """

    stages: frozenset[Stage] = frozenset({"pre_call", "during_call", "post_call", "logging_only"})

    def __init__(self, settings: PresidioSettings) -> None:
        """Raises ValueError for an address, a model, recognizers or entities that cannot be used."""
        self._settings = settings
        self._analyzer = _local(settings) if settings.presidio_local else _remote(settings)
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
            numbers = None
            if stage == "pre_call" and self._settings.output_parse_pii and any(found):
                numbers = payload.memory.get(_NUMBERS) or _Numbers(texts)
                payload.memory[_NUMBERS] = numbers
            texts = [_masked(text, each, numbers) for text, each in zip(texts, found, strict=True)]
        if stage == "post_call" and payload.memory:
            texts = [payload.memory[_NUMBERS].restored(text) for text in texts]
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
        # A language that a client names is looked at as well: in place of the config's it would switch recognizers off.
        named = payload.options.get("language")
        languages = [settings.presidio_language]
        if isinstance(named, str) and named not in languages:
            languages.append(named)
        by_language = [await self._analyzer.find(texts, language, wanted) for language in languages]
        return [
            _apart(filter(self._counts, (each for found in by_language for each in found.get(text, ()))))
            for text in texts
        ]

    def _counts(self, finding: Finding) -> bool:
        thresholds = self._settings.presidio_score_thresholds
        least = thresholds.get(finding.entity, thresholds.get("ALL", 0.0))
        return finding.entity not in self._denied and finding.score >= least

    def _action(self, entity: str) -> str:
        return self._settings.pii_entities_config.get(entity, "MASK")

    async def aclose(self) -> None:
        await self._analyzer.aclose()


def _remote(settings: PresidioSettings) -> Analyzer:
    """A service. Raises ValueError for an address that cannot be used."""
    service = JsonService(settings.analyzer, timeout=settings.request_timeout)
    return Analyzer(Service(service, _further(settings)), settings.presidio_analyze_chunk_size_bytes)


def _local(settings: PresidioSettings) -> Analyzer:
    """The engine in this process, ready to work. Raises ValueError, also for entities that it would never find."""
    from tianji_guardrail_presidio.local import LocalEngine  # an extra

    engine = LocalEngine(settings.presidio_language, settings.presidio_spacy_model, _further(settings))
    unknown = sorted(settings.pii_entities_config.keys() - engine.entities[settings.presidio_language])
    if unknown:
        raise ValueError(f"nothing finds {', '.join(unknown)}; what has no form of its own needs presidio_spacy_model")
    return Analyzer(engine, settings.presidio_analyze_chunk_size_bytes)


def _further(settings: PresidioSettings) -> Callable[[str], list[dict[str, Any]]]:
    """What is looked for beside what Presidio finds by itself, by the language of a text."""
    of_file = settings.recognizers_of_file()
    return lambda language: [*of_file, *(recognizers(language) if settings.presidio_more_recognizers else ())]


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


class _Numbers:
    """What was masked in a request, by the tag that stands for it."""

    def __init__(self, texts: list[str]) -> None:
        """`texts` are the request's: a tag that somebody wrote into them stands for nothing."""
        self.found: dict[str, str] = {}
        self._tags: dict[tuple[str, str], str] = {}
        self._counts: Counter[str] = Counter()
        self._written = frozenset(tag for text in texts for tag in _TAG.findall(text))

    def tag(self, entity: str, found: str) -> str:
        """The tag for something that was found; the same for the same."""
        tag = self._tags.get((entity, found))
        if tag is None:
            while tag is None or tag in self._written:
                self._counts[entity] += 1
                tag = f"<{entity}_{self._counts[entity]}>"
            self._tags[(entity, found)] = tag
            self.found[tag] = found
        return tag

    def restored(self, text: str) -> str:
        """A text with what was masked in place of its tags; what comes back is not looked at again."""
        return _TAG.sub(lambda match: self.found.get(match[0], match[0]), text)


_TAG = re.compile(r"<[A-Z][A-Z0-9_]{0,60}>")


def _masked(text: str, findings: list[Finding], numbers: _Numbers | None) -> str:
    """The text with `<ENTITY>` in place of findings, or with a number to each."""
    out, at = [], 0
    for each in findings:
        found = text[each.start : each.end]
        tag = f"<{each.entity}>" if numbers is None else numbers.tag(each.entity, found)
        out += [text[at : each.start], tag]
        at = each.end
    out.append(text[at:])
    return "".join(out)
