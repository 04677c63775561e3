"""Rerank by the agent runtime.

Source: Agents for Amazon Bedrock Runtime API reference, `Rerank`. The model is named by its ARN.
"""

from __future__ import annotations

from typing import Any

import orjson

from tianji_core.api.errors import BadGatewayError
from tianji_core.api.provider import Body
from tianji_core.translate.rerank import rerank_answer
from tianji_core.translate.shapes import as_object, objects

_OPENAI = frozenset(
    {"documents", "max_chunks_per_doc", "max_tokens_per_doc", "model", "query", "return_documents", "top_n"}
)
PARAMS = frozenset({"return_documents", "top_n"})
"""Parameters of the normal form that Bedrock takes, or that are cared for here."""


def build_rerank(body: Body, arn: str) -> Body:
    """The request. What is not of the normal form goes to the model as it is."""
    model: Body = {"modelArn": arn}
    extra = {name: value for name, value in body.items() if name not in _OPENAI and value is not None}
    if extra:
        model["additionalModelRequestFields"] = extra
    config: Body = {"modelConfiguration": model}
    if body.get("top_n") is not None:
        config["numberOfResults"] = body["top_n"]
    return {
        "queries": [{"type": "TEXT", "textQuery": {"text": body.get("query")}}],
        "sources": [_source(document) for document in body.get("documents") or ()],
        "rerankingConfiguration": {
            "type": "BEDROCK_RERANKING_MODEL",
            "bedrockRerankingConfiguration": config,
        },
    }


def _source(document: Any) -> Body:
    if isinstance(document, str):
        inline: Body = {"type": "TEXT", "textDocument": {"text": document}}
    elif isinstance(document, dict) and document.keys() == {"text"}:
        inline = {"type": "TEXT", "textDocument": {"text": document["text"]}}
    else:
        inline = {"type": "JSON", "jsonDocument": document}
    return {"type": "INLINE", "inlineDocumentSource": inline}


def parse_rerank(data: bytes, body: Body) -> Body:
    """The answer in the normal form. Raises BadGatewayError if it makes no sense."""
    try:
        answer = as_object(orjson.loads(data))
    except ValueError:
        raise BadGatewayError("The provider's answer is not JSON.") from None
    if not isinstance(answer.get("results"), list):
        raise BadGatewayError("The provider's answer holds no results.")
    results = [{"index": each.get("index"), "score": each.get("relevanceScore")} for each in objects(answer["results"])]
    documents = body.get("documents") if body.get("return_documents") else None
    return {**rerank_answer({"results": results}, documents), "meta": {"billed_units": {"search_units": 1}}}
