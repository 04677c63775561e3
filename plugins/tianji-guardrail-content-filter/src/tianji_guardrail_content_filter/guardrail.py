"""The guardrail: what hits block, what they mask."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from tianji_core.api.guardrail import ALLOW, Block, Guardrail, Payload, Stage, Verdict
from tianji_guardrail_content_filter.filter import Filter, Hit, Rule, masked, words
from tianji_guardrail_content_filter.prebuilt import CHECKS
from tianji_guardrail_content_filter.settings import ContentFilterSettings

_LARGE = 100_000
"""Characters from which on the search runs in a thread."""


class ContentFilter(Guardrail):
    """Looks at every text of a request, of an answer at `post_call`, of a record at `logging_only`."""

    stages: frozenset[Stage] = frozenset({"pre_call", "during_call", "post_call", "logging_only"})

    def __init__(self, settings: ContentFilterSettings) -> None:
        """Raises ValueError for a file of words that cannot be used, and for a filter of nothing."""
        self._descriptions = {word.keyword.lower(): word.description for word in settings.words()}
        self._filter = Filter(list(_rules(settings)))

    async def check(self, stage: Stage, payload: Payload) -> Verdict:
        """Allow, Rewrite with tags in place of what is masked, or Block naming the pattern, category or listed word."""
        places = payload.places()
        texts = [place.text for place in places]
        if sum(map(len, texts)) < _LARGE:
            found = [self._filter.hits(text) for text in texts]
        else:
            found = await asyncio.to_thread(lambda: [self._filter.hits(text) for text in texts])
        if not any(found):
            return ALLOW
        for text, hits in zip(texts, found, strict=True):
            for hit in hits:
                if hit.rule.tag is None or stage == "during_call":  # what has been sent cannot be masked
                    return self._block(text, hit)
        counts = Counter(hit.rule.name for hits in found for hit in hits)
        return payload.rewritten(places, [masked(t, hits) for t, hits in zip(texts, found, strict=True)], counts)

    def _block(self, text: str, hit: Hit) -> Verdict:
        rule = hit.rule
        detail: dict[str, Any]
        if rule.kind == "pattern":
            detail = {"error": f"Content blocked: {rule.name} pattern detected", "pattern": rule.name}
        elif rule.name != "keyword":
            detail = {"error": f"Content blocked: {rule.name} category detected", "category": rule.name}
        else:
            word = " ".join(
                text.encode("utf-8", "surrogatepass")[hit.start : hit.end].decode("utf-8", "replace").split()
            )
            known = word.lower() if word.lower() in self._descriptions else "keyword"
            detail = {"error": f"Content blocked: keyword '{known}' detected", "keyword": known}
            if self._descriptions.get(known):
                detail["description"] = self._descriptions[known]
        return Block(detail["error"], detail)


def _rules(settings: ContentFilterSettings) -> list[Rule]:
    found: list[Rule] = []
    for pattern in settings.patterns:
        tag = settings.pattern_redaction_format.replace("{pattern_name}", pattern.label.upper())
        check = CHECKS.get(pattern.label) if pattern.pattern_type == "prebuilt" else None
        kept = tag if pattern.action == "MASK" else None
        found.append(Rule(pattern.expression, pattern.label, "pattern", kept, check))
    listed = settings.words()
    tags: dict[str, str | None] = {"BLOCK": None, "MASK": settings.keyword_redaction_tag}
    for action, word_tag in tags.items():
        of_it = [word.keyword for word in listed if word.action == action]
        if of_it:
            found.append(words(of_it, "keyword", word_tag))
    enabled = (category for category in settings.categories if category.enabled)
    found.extend(words(category.phrases(), category.category, tags[category.action]) for category in enabled)
    if not found:
        raise ValueError("it has no patterns, no blocked_words and no categories")
    return found
