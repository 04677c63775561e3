"""Usage in answers that are passed through: of chat in both versions, of embeddings, and of rerank.

Source: Cohere's API reference: `usage` of v2 chat and of its `message-end`, `meta` of all others, which v1 tells in
`response` of its `stream-end`.
"""

from __future__ import annotations

from tianji_core.api.provider import Body
from tianji_core.translate.meters import NativeCounts
from tianji_core.translate.rerank import rerank_usage
from tianji_core.translate.shapes import as_object
from tianji_provider_cohere.response import chat_usage


class CohereCounts(NativeCounts):
    """Cohere's own counts, and those of its API in OpenAI's format."""

    markers = (*NativeCounts.markers, b'"meta"', b'"message-end"', b'"stream-end"')

    def take(self, value: Body) -> None:
        usage = as_object(value.get("delta")).get("usage") or value.get("usage")
        meta = as_object(value.get("response")).get("meta") or value.get("meta")
        found = None
        if isinstance(usage, dict) and not usage.keys().isdisjoint(("tokens", "billed_units")):
            found = chat_usage(usage)
        elif isinstance(meta, dict):
            found = chat_usage(meta) or rerank_usage({"meta": meta})
        if found is None:
            super().take(value)
        else:
            self.usage = found
