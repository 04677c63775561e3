"""NVIDIA's reranking: `{model, query: {text}, passages: [{text}]}` becomes `{rankings: [{index, logit}], usage}`.

Hosted models have an address each (https://docs.api.nvidia.com/nim/reference, retrieval), containers have one for all
(https://docs.nvidia.com/nim/nemo-retriever/text-reranking/latest/using-reranking.html).
"""

from __future__ import annotations

from urllib.parse import urlsplit

import orjson

from tianji_core.api.errors import BadGatewayError
from tianji_core.api.http import UpstreamReply
from tianji_core.api.provider import Body, ModelRequest
from tianji_core.translate.rerank import document_text, rerank_answer
from tianji_core.translate.urls import model_path

HOSTED = "https://ai.api.nvidia.com/v1/retrieval"
CONTAINER = "ranking/"
"""What LiteLLM's configs write in front of a model that a container serves."""


def ranking_url(base: str, model: str) -> str:
    """Where a model reranks: a container at `base`, or NVIDIA's own host, where dots in names become underscores."""
    host = urlsplit(base).hostname or ""
    if host.endswith(".api.nvidia.com") and not model.startswith(CONTAINER):
        return f"{HOSTED}/{model_path(model.replace('.', '_'))}/reranking"
    if base.endswith(("/ranking", "/reranking")):
        return base
    return f"{base}/ranking" if base.endswith("/v1") else f"{base}/v1/ranking"


def ranking_body(request: ModelRequest) -> Body:
    """NVIDIA's request; what the answer is cut to and filled with (`top_n`, `return_documents`) stays here."""
    body = request.body
    query = body["query"]
    rest = {k: v for k, v in body.items() if k not in ("model", "query", "documents", "top_n", "return_documents")}
    return {
        "model": request.model.removeprefix(CONTAINER),
        "query": query if isinstance(query, dict) else {"text": query},
        "passages": [{"text": document_text(document)} for document in body["documents"]],
        **rest,
    }


def read_rankings(request: ModelRequest, reply: UpstreamReply) -> Body:
    """The answer in the normal form. Raises BadGatewayError for what is none."""
    try:
        answer = orjson.loads(reply.body)
    except ValueError:
        raise BadGatewayError("The provider's answer is not a JSON object.") from None
    body = request.body
    return rerank_answer(answer, body["documents"] if body.get("return_documents") else None, body.get("top_n"))
