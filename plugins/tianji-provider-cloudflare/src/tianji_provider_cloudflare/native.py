"""Rerank and images by Cloudflare's own API.

Source: the pages of the models, such as `@cf/baai/bge-reranker-base`, `@cf/black-forest-labs/flux-1-schnell` (an image
as base64) and `@cf/stabilityai/stable-diffusion-xl-base-1.0` (the image itself).
"""

from __future__ import annotations

import base64
from typing import Any

from tianji_core.api.errors import BadGatewayError, BadRequestError, UnsupportedParamsError
from tianji_core.api.provider import Body
from tianji_core.translate.rerank import document_text, rerank_answer
from tianji_core.translate.sizes import sides_of

_NOT_SENT = frozenset({"documents", "model", "response_format", "return_documents", "size", "top_n", "user"})


def ranking_body(body: Body) -> Body:
    """A request for a ranking."""
    top = {} if body.get("top_n") is None else {"top_k": body["top_n"]}
    return {**_own(body), "contexts": [{"text": document_text(each)} for each in body["documents"]], **top}


def ranking_answer(result: Any, asked: Body) -> Body:
    """`{"response": [{"id", "score"}]}` in the normal form; `id` is the document's place."""
    found = result.get("response") if isinstance(result, dict) else None
    if not isinstance(found, list):
        raise BadGatewayError("The provider's answer holds no results.")
    results = [{**each, "index": each.get("id")} if isinstance(each, dict) else each for each in found]
    return rerank_answer(results, asked.get("documents") if asked.get("return_documents") else None)


def image_body(body: Body, *, drop: bool) -> Body:
    """A request for an image. Raises UnsupportedParamsError, unless `drop`, for an address: there are none."""
    if body.get("response_format") == "url" and not drop:
        raise UnsupportedParamsError("Images come as b64_json from this provider.", param="response_format")
    sent = _own(body)
    if body.get("size") not in (None, "auto"):
        sides = sides_of(body["size"])
        if sides is None:
            raise BadRequestError("size is WIDTHxHEIGHT.", param="size")
        sent.update(zip(("width", "height"), sides, strict=True))
    return sent


def image_answer(found: Any) -> Body:
    """An image, of the bytes of one or of `{"image": base64}`."""
    image = found.get("image") if isinstance(found, dict) else None
    if isinstance(found, bytes):
        image = base64.b64encode(found).decode()
    if not isinstance(image, str) or not image:
        raise BadGatewayError("The provider's answer holds no image.")
    return {"created": 0, "data": [{"b64_json": image}]}


def _own(body: Body) -> Body:
    return {name: value for name, value in body.items() if name not in _NOT_SENT and value is not None}
