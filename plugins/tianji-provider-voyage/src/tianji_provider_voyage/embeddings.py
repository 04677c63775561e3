"""Voyage's three kinds of embeddings: of texts, of texts and pictures, of chunks within their document.

https://docs.voyageai.com/reference/embeddings-api, /multimodal-embeddings-api, /contextualized-embeddings-api
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body


def path_of(model: str) -> str:
    """Where a model's embeddings are."""
    if "multimodal" in model:
        return "/multimodalembeddings"
    return "/contextualizedembeddings" if "context" in model else "/embeddings"


def adjust_embeddings(model: str, body: Body) -> None:
    """Turn OpenAI's body into Voyage's."""
    if body.get("encoding_format") == "float":  # what goes without saying there
        del body["encoding_format"]
    path = path_of(model)
    if path == "/embeddings":
        return
    given = body.pop("input")
    items = given if isinstance(given, list) else [given]
    if path == "/multimodalembeddings":
        body["inputs"] = [_multimodal(item) for item in items]
        if "encoding_format" in body:
            body["output_encoding"] = body.pop("encoding_format")
    else:
        body["inputs"] = items if items and all(isinstance(item, list) for item in items) else [items]


def _multimodal(item: Any) -> Body:
    """One input: a text, a picture as data URI, a content part, a list of parts, or Voyage's own form."""
    if isinstance(item, dict) and isinstance(item.get("content"), list):
        return {**item, "content": [_part(part) for part in item["content"]]}
    return {"content": [_part(part) for part in (item if isinstance(item, list) else [item])]}


def _part(part: Any) -> Body:
    if isinstance(part, str):
        return _picture(part) if part.startswith("data:image/") else {"type": "text", "text": part}
    if not isinstance(part, dict):
        raise BadRequestError("Inputs to embed are texts and pictures, not tokens.", param="input")
    picture = part.get("image_url") or part.get("image")
    if isinstance(picture, dict):
        picture = picture.get("url")
    if isinstance(picture, str):
        return _picture(picture)
    return {"type": "text", **part} if "type" not in part and "text" in part else part


def _picture(url: str) -> Body:
    if url.startswith("data:"):
        return {"type": "image_base64", "image_base64": url}
    return {"type": "image_url", "image_url": url}


def flatten(body: Body) -> None:
    """Chunks come in a list for each document; OpenAI's clients know one list, numbered through."""
    data = body.get("data")
    if not isinstance(data, list) or not all(isinstance(d, dict) and isinstance(d.get("data"), list) for d in data):
        return
    chunks = [chunk for document in data for chunk in document["data"] if isinstance(chunk, dict)]
    body["data"] = [{**chunk, "index": index} for index, chunk in enumerate(chunks)]
