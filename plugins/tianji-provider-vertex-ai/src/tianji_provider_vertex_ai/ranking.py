"""Rerank by Google's ranking API.

Source: "Rank and rerank documents" in the documentation of Vertex AI Search.
"""

from __future__ import annotations

from typing import Any

import orjson

from tianji_core.api.errors import BadGatewayError, UnsupportedCapabilityError
from tianji_core.api.http import UpstreamReply, UpstreamRequest
from tianji_core.api.provider import Body, ModelRequest, Operation, StreamDecoder
from tianji_core.translate.gemini.response import ReplyContext, read_answer
from tianji_core.translate.rerank import document_text, rerank_answer
from tianji_core.translate.shapes import as_list, as_text, objects
from tianji_provider_vertex_ai.places import Place
from tianji_provider_vertex_ai.publisher import JSON_HEADERS, NAME, Publisher

_TRANSLATED = frozenset({"documents", "max_chunks_per_doc", "model", "query", "return_documents", "top_n"})


class Ranking(Publisher):
    """`semantic-ranker-…`."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def supported_params(self, model: str, operation: Operation) -> frozenset[str]:
        return frozenset({"return_documents", "top_n"})

    def build(self, request: ModelRequest) -> UpstreamRequest:
        given = request.body
        body: Body = {
            "model": request.model,
            "query": given.get("query"),
            "records": [_record(index, document) for index, document in enumerate(as_list(given.get("documents")))],
            "ignoreRecordDetailsInResponse": True,
        }
        if given.get("top_n") is not None:
            body["topN"] = given["top_n"]
        body.update((name, value) for name, value in given.items() if name not in _TRANSLATED and value is not None)
        return UpstreamRequest("POST", self._place.ranking_url(), JSON_HEADERS.copy(), orjson.dumps(body))

    def parse(self, request: ModelRequest, reply: UpstreamReply) -> Body:
        answer = read_answer(reply.body, ReplyContext(request.model, NAME))
        records = answer.get("records")
        if not isinstance(records, list):
            raise BadGatewayError("The provider's answer holds no results.", provider=NAME)
        results = [{"index": _index(each), "relevance_score": each.get("score")} for each in objects(records)]
        documents = as_list(request.body.get("documents")) if request.body.get("return_documents") else None
        return rerank_answer({"results": results}, documents)

    def decoder(self, request: ModelRequest) -> StreamDecoder:
        raise UnsupportedCapabilityError("A rerank is not streamed.", provider=NAME)


def _record(index: int, document: Any) -> Body:
    """A document as a record; its number is its id, to know it again by."""
    record: Body = {"id": str(index), "content": document_text(document)}
    title = document.get("title") if isinstance(document, dict) else None
    return {**record, "title": title} if isinstance(title, str) else record


def _index(record: Body) -> Any:
    number = as_text(record.get("id"))
    return int(number) if number.isascii() and number.isdigit() else None
