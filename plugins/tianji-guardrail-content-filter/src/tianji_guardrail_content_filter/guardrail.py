"""The guardrail: what hits block, what they mask."""

from __future__ import annotations

import asyncio
from collections import Counter

from tianji_core.api.guardrail import ALLOW, Block, Guardrail, Payload, Stage, Verdict
from tianji_guardrail_content_filter.filter import Filter, Hit, masked
from tianji_guardrail_content_filter.rules import rules
from tianji_guardrail_content_filter.settings import ContentFilterSettings

_LARGE = 50_000
"""Characters from which on the search runs in a thread, so that other calls are not held up."""


class ContentFilter(Guardrail):
    """Looks at every text of a request, of an answer at `post_call`, of a record at `logging_only`."""

    stages: frozenset[Stage] = frozenset({"pre_call", "during_call", "post_call", "logging_only"})

    def __init__(self, settings: ContentFilterSettings) -> None:
        """Raises ValueError for a file that cannot be used, and for a filter of nothing."""
        self._filter = Filter(rules(settings))

    def glance(self, text: bytes) -> bool:
        """Whether nothing is found in any of the lines."""
        return self._filter.finds_nothing(text)

    async def check(self, stage: Stage, payload: Payload) -> Verdict:
        """Allow, Rewrite with tags in place of what is masked, or Block naming the pattern, category or listed word."""
        places = payload.places()
        texts = [place.text for place in places]
        blocks = stage == "during_call"  # what has been sent cannot be masked
        if sum(map(len, texts)) < _LARGE:
            found = self._hits(texts, blocks)
        else:
            found = await asyncio.to_thread(self._hits, texts, blocks)
        if not any(found):
            return ALLOW
        blocking = [hit for hits in found for hit in hits if blocks or hit.tag is None]
        if blocking:
            first = min(blocking, key=lambda hit: hit.rank).found
            return Block(first.message, dict(first.detail))
        counts = Counter(hit.found.name for hits in found for hit in hits)
        return payload.rewritten(places, [masked(t, hits) for t, hits in zip(texts, found, strict=True)], counts)

    def _hits(self, texts: list[str], only_blocks: bool) -> list[list[Hit]]:
        """The hits in each text."""
        return [self._filter.hits(text, only_blocks) for text in texts]
