"""Sources of an answer as Google tells them: the way back from `translate.gemini.grounding`."""

from __future__ import annotations

from tianji_core.api.provider import Body
from tianji_core.translate.shapes import as_object, as_text


def grounding_metadata(annotations: list[Body], text: str) -> Body:
    """`groundingMetadata` for OpenAI's annotations of a text; empty if none of them names a source."""
    places: dict[str, int] = {}
    chunks: list[Body] = []
    supports: list[Body] = []
    for annotation in annotations:
        cited = as_object(annotation.get("url_citation")) or annotation
        url = as_text(cited.get("url"))
        if not url:
            continue
        if url not in places:
            places[url] = len(chunks)
            chunks.append({"web": {"uri": url, "title": as_text(cited.get("title"))}})
        start, end = cited.get("start_index"), cited.get("end_index")
        if isinstance(start, int) and isinstance(end, int) and 0 <= start < end:
            segment = {"startIndex": _bytes(text[:start]), "endIndex": _bytes(text[:end]), "text": text[start:end]}
            supports.append({"segment": segment, "groundingChunkIndices": [places[url]]})
    if not chunks:
        return {}
    found: Body = {"groundingChunks": chunks}
    if supports:
        found["groundingSupports"] = supports
    return {"groundingMetadata": found}


def _bytes(text: str) -> int:
    """The length in UTF-8, by which Google counts."""
    return len(text.encode("utf-8", "replace"))
