"""Rerank answers in the normal form, Cohere's v2: `{id, results: [{index, relevance_score, document?}], meta}`.

Vendors agree on little more than the idea, so everything that their answers differ in is levelled out here. Cohere's
reference: https://docs.cohere.com/reference/rerank
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from tianji_core.api.errors import BadGatewayError
from tianji_core.api.provider import Body

_LISTS = ("results", "data", "rankings")
_SCORES = ("relevance_score", "score", "logit")
_TOKENS = ("total_tokens", "prompt_tokens", "input_tokens")


def rerank_answer(answer: Any, documents: Sequence[Any] | None = None, top_n: int | None = None) -> Body:
    """The normal form of a vendor's answer, the most relevant document first. An `id` is kept, none is made up.

    `answer` is a list of results (TEI), or an object that holds one as `results` (Cohere, Jina, vLLM, watsonx), `data`
    (Voyage, Fireworks) or `rankings` (NVIDIA). `documents`, those of the request, are put in where the vendor returns
    none although it was asked to; `top_n` is for vendors that score all of them. Raises BadGatewayError.
    """
    found = answer if isinstance(answer, list) else None
    if isinstance(answer, dict):
        found = next((answer[name] for name in _LISTS if isinstance(answer.get(name), list)), None)
    if found is None:
        raise BadGatewayError("The provider's answer holds no results.")
    results = sorted((_result(item, documents) for item in found), key=lambda each: -each["relevance_score"])
    body: Body = {"results": results[:top_n] if top_n else results}
    if isinstance(answer, dict):
        if isinstance(answer.get("id"), str):
            body["id"] = answer["id"]
        meta = answer["meta"] if isinstance(answer.get("meta"), dict) else rerank_meta(answer.get("usage"))
        if meta:
            body["meta"] = meta
    return body


def rerank_scores(
    scores: Sequence[Any], documents: Sequence[Any] | None = None, top_n: int | None = None, meta: Body | None = None
) -> Body:
    """The normal form of an answer that is one score for each document, in their order (DeepInfra)."""
    results = [{"index": index, "score": score} for index, score in enumerate(scores)]
    return rerank_answer({"results": results, "meta": meta}, documents, top_n)


def rerank_meta(usage: Any) -> Body:
    """`meta` of a usage that counts tokens under any of their names; empty if it counts none."""
    counts = [usage.get(name) for name in _TOKENS] if isinstance(usage, dict) else []
    tokens = next((count for count in counts if type(count) is int), None)
    if tokens is None:
        return {}
    return {"billed_units": {"total_tokens": tokens}, "tokens": {"input_tokens": tokens}}


def rerank_usage(answer: Body) -> Body | None:
    """What an answer in the normal form says was used, in OpenAI's names, and `search_units`, Cohere's unit."""
    meta = answer.get("meta")
    billed = meta.get("billed_units") if isinstance(meta, dict) else None
    tokens = meta.get("tokens") if isinstance(meta, dict) else None
    usage: Body = {}
    for counted in (tokens, billed):
        for name in ("input_tokens", "total_tokens"):
            count = counted.get(name) if isinstance(counted, dict) else None
            if type(count) is int and not usage:
                usage = {"prompt_tokens": count, "completion_tokens": 0, "total_tokens": count}
    units = billed.get("search_units") if isinstance(billed, dict) else None
    if isinstance(units, int | float):
        usage["search_units"] = units
    return usage or None


def document_text(document: Any) -> str:
    """A document for vendors that take texts only: its `text`, or for any other object its JSON."""
    if isinstance(document, str):
        return document
    text = document.get("text") if isinstance(document, dict) else None
    return text if isinstance(text, str) else orjson.dumps(document).decode()


def _result(item: Any, documents: Sequence[Any] | None) -> Body:
    score = next((item[name] for name in _SCORES if item.get(name) is not None), None) if _is_result(item) else None
    if not isinstance(score, int | float):
        raise BadGatewayError("The provider's answer holds a result that makes no sense.")
    result: Body = {"index": item["index"], "relevance_score": score}
    document = item.get("document", item.get("text"))
    if document is None and documents is not None and 0 <= item["index"] < len(documents):
        document = documents[item["index"]]
    if document is not None:
        result["document"] = {"text": document} if isinstance(document, str) else document
    return result


def _is_result(item: Any) -> bool:
    return isinstance(item, dict) and type(item.get("index")) is int
