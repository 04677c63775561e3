"""DeepInfra's reranking: `{queries, documents}`, as many of one as of the other, becomes `{scores, input_tokens}`.

See the API page of any reranker, such as https://deepinfra.com/Qwen/Qwen3-Reranker-8B/api
"""

from __future__ import annotations

import orjson

from tianji_core.api.errors import BadGatewayError
from tianji_core.api.http import UpstreamReply
from tianji_core.api.provider import Body
from tianji_core.translate.rerank import document_text, rerank_meta, rerank_scores
from tianji_core.translate.urls import model_path

_OURS = frozenset({"model", "query", "documents", "top_n", "return_documents"})


def inference_url(base: str, model: str) -> str:
    """The address of a model, which lies beside that of OpenAI's API."""
    return f"{base.removesuffix('/openai')}/inference/{model_path(model)}"


def inference_body(body: Body) -> Body:
    """DeepInfra's request; what the answer is cut to and filled with stays here."""
    documents = [document_text(document) for document in body["documents"]]
    rest = {key: value for key, value in body.items() if key not in _OURS}
    return {"queries": [body["query"]] * len(documents), "documents": documents, **rest}


def read_scores(body: Body, reply: UpstreamReply) -> Body:
    """The answer in the normal form; `body` is that of the request. Raises BadGatewayError for what is none."""
    try:
        answer = orjson.loads(reply.body)
    except ValueError:
        answer = None
    scores = answer.get("scores") if isinstance(answer, dict) else None
    if not isinstance(scores, list):
        raise BadGatewayError("The provider's answer holds no scores.")
    documents = body["documents"] if body.get("return_documents") else None
    found = rerank_scores(scores, documents, body.get("top_n"), rerank_meta(answer))
    ident = answer.get("request_id")
    return {"id": ident, **found} if isinstance(ident, str) else found
