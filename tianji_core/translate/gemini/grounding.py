"""Sources of an answer: Google's `groundingMetadata` as OpenAI's `annotations`.

Source: Google's "Grounding with Google Search" page. A segment's indexes count bytes of UTF-8 within one part of the
answer, OpenAI's count characters of the whole text.
"""

from __future__ import annotations

from typing import Any

from tianji_core.translate.shapes import as_list, as_object, as_text, objects


def url_citations(metadata: Any, texts: list[str]) -> list[dict[str, Any]]:
    """The annotations; `texts` are the parts of the answer's text, in order."""
    metadata = as_object(metadata)
    chunks = as_list(metadata.get("groundingChunks"))
    found = []
    for support in objects(metadata.get("groundingSupports")):
        segment = as_object(support.get("segment"))
        start, end = _span(segment, texts)
        for index in as_list(support.get("groundingChunkIndices")):
            source = _source(chunks[index]) if isinstance(index, int) and 0 <= index < len(chunks) else {}
            url = as_text(source.get("uri"))
            if url:
                place = {"start_index": start, "end_index": end, "url": url, "title": as_text(source.get("title"))}
                found.append({"type": "url_citation", "url_citation": place})
    return found


def searches(metadata: Any) -> int:
    """The web searches that an answer is grounded on, which are billed."""
    return len(as_list(as_object(metadata).get("webSearchQueries")))


def _source(chunk: Any) -> dict[str, Any]:
    chunk = as_object(chunk)
    kinds = (as_object(chunk.get(kind)) for kind in ("web", "retrievedContext", "maps"))
    return next((each for each in kinds if each), {})


def _span(segment: dict[str, Any], texts: list[str]) -> tuple[int, int]:
    """The segment's place in the whole text, in characters."""
    index = segment.get("partIndex")
    part = index if isinstance(index, int) and 0 <= index < len(texts) else 0
    before = sum(len(text) for text in texts[:part])
    data = texts[part].encode("utf-8", "replace") if texts else b""
    start, end = (_position(data, segment.get(name)) for name in ("startIndex", "endIndex"))
    return before + start, before + end


def _position(data: bytes, index: Any) -> int:
    at = index if isinstance(index, int) and index > 0 else 0
    return len(data[:at].decode("utf-8", "ignore"))
