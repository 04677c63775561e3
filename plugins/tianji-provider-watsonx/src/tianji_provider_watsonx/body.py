"""Bodies of watsonx.ai, and what its answers lack of OpenAI's shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tianji_core.api.provider import Body, ModelRequest, Operation
from tianji_core.translate.rerank import document_text


def chat(request: ModelRequest, ids: Mapping[str, str]) -> Body:
    """OpenAI's body with the model under another name; how tools are chosen is told in two ways."""
    body = {key: value for key, value in request.body.items() if key not in ("model", "stream")}
    choice = body.get("tool_choice")
    if isinstance(choice, str):
        body["tool_choice_option"] = body.pop("tool_choice")
    return {**ids, **body}


def embeddings(request: ModelRequest, ids: Mapping[str, str]) -> Body:
    """`{inputs, parameters}`."""
    body = {key: value for key, value in request.body.items() if key not in ("model", "input")}
    given = request.body["input"]
    return {**ids, "inputs": given if isinstance(given, list) else [given], **body}


def rerank(request: ModelRequest, ids: Mapping[str, str]) -> Body:
    """`{query, inputs: [{text}], parameters: {return_options: {top_n}}}`."""
    ours = ("model", "query", "documents", "top_n", "return_documents", "parameters")
    body = {key: value for key, value in request.body.items() if key not in ours}
    inputs = [{"text": document_text(document)} for document in request.body["documents"]]
    top_n, parameters = request.body.get("top_n"), request.body.get("parameters")
    if top_n is not None:
        parameters = {"return_options": {"top_n": top_n}, **(parameters if isinstance(parameters, dict) else {})}
    told = {} if parameters is None else {"parameters": parameters}
    return {**ids, "query": request.body["query"], "inputs": inputs, **told, **body}


BUILD: dict[Operation, Callable[[ModelRequest, Mapping[str, str]], Body]] = {
    "chat": chat,
    "embeddings": embeddings,
    "rerank": rerank,
}


def complete(body: Body, kind: str) -> None:
    """Add what OpenAI's clients look for, in place."""
    body.setdefault("object", kind)
    if not isinstance(body.get("model"), str) and isinstance(body.get("model_id"), str):
        body["model"] = body["model_id"]


def read_embeddings(answer: Body, model: str) -> Body:
    """OpenAI's list of vectors."""
    vectors = [result["embedding"] for result in answer["results"]]
    count = answer.get("input_token_count")
    named = answer.get("model_id")
    body: Body = {
        "object": "list",
        "model": named if isinstance(named, str) else model,
        "data": [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)],
    }
    if type(count) is int:
        body["usage"] = {"prompt_tokens": count, "total_tokens": count}
    return body


def read_result(result: Any) -> Any:
    """A result of reranking; the text comes back as `input`, if it was asked for."""
    if not isinstance(result, dict) or not isinstance(result.get("input"), dict):
        return result
    return {**result, "document": result["input"]}
