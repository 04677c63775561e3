"""Embeddings: texts, pictures and both together (Cohere's "Embed API (v2)" reference)."""

from __future__ import annotations

from typing import Any

from tianji_core.api.errors import BadGatewayError, BadRequestError
from tianji_core.api.provider import Body
from tianji_provider_cohere.response import count


def embed_body(source: Body) -> Body:
    """The body of `/v2/embed`. Raises BadRequestError for input that it does not take."""
    left_out = ("input", "encoding_format", "dimensions", "user")
    body: Body = {name: value for name, value in source.items() if name not in left_out}
    given = source["input"]
    items = given if isinstance(given, list) else [given]
    if all(_is_picture(item) for item in items):
        body["images"] = items
        body.setdefault("input_type", "image")
    elif all(isinstance(item, str) and not _is_picture(item) for item in items):
        body["texts"] = items
    else:
        body["inputs"] = [{"content": _parts(item)} for item in items]
    body.setdefault("input_type", "search_document")  # asked for since version 3
    encoding = source.get("encoding_format")
    if encoding:
        body.setdefault("embedding_types", encoding if isinstance(encoding, list) else [encoding])
    if source.get("dimensions") is not None:
        body["output_dimension"] = source["dimensions"]
    return body


def _is_picture(item: Any) -> bool:
    return isinstance(item, str) and item[:11].lower() == "data:image/"


def _parts(item: Any) -> list[Body]:
    """The content of one input: a text, a picture, or parts as in a message."""
    if _is_picture(item):
        return [{"type": "image_url", "image_url": {"url": item}}]
    if isinstance(item, str):
        return [{"type": "text", "text": item}]
    content = item.get("content") if isinstance(item, dict) else None
    if isinstance(content, list):
        return content
    if isinstance(item, dict) and item.get("type") in ("text", "image_url"):
        return [item]
    raise BadRequestError("Cohere embeds texts, pictures as data URIs, and objects with a `content`.", param="input")


def embed_answer(answer: Body, model: str) -> Body:
    """OpenAI's list of vectors; asked for several types, it has those of each, told apart by `type`."""
    found = answer.get("embeddings")
    by_type = {"float": found} if isinstance(found, list) else found
    if not isinstance(by_type, dict):
        raise BadGatewayError("The provider's answer holds no embeddings.")
    by_type = {kind: vectors for kind, vectors in by_type.items() if isinstance(vectors, list)}
    data = [
        {"object": "embedding", "index": index, "embedding": vector, **({"type": kind} if len(by_type) > 1 else {})}
        for kind, vectors in by_type.items()
        for index, vector in enumerate(vectors)
    ]
    converted: Body = {"object": "list", "data": data, "model": model}
    usage = _usage(answer.get("meta"))
    return converted if usage is None else {**converted, "usage": usage}


def _usage(meta: Any) -> Body | None:
    billed = meta.get("billed_units") if isinstance(meta, dict) else None
    if not isinstance(billed, dict):
        return None
    texts, pictures = count(billed.get("input_tokens")), count(billed.get("image_tokens"))
    if texts is None and pictures is None:
        return None
    details = {"text_tokens": texts or 0, **({"image_tokens": pictures} if pictures is not None else {})}
    total = (texts or 0) + (pictures or 0)
    return {"prompt_tokens": total, "total_tokens": total, "prompt_tokens_details": details}
