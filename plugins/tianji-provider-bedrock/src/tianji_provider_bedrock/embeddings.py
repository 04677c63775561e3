"""Embeddings by `InvokeModel`: Titan, Cohere, Nova.

Sources: Bedrock User Guide, "Amazon Titan Text Embeddings", "Amazon Titan Multimodal Embeddings G1", "Cohere Embed",
"Amazon Nova Multimodal Embeddings". Titan and Nova take one input for each request.
"""

from __future__ import annotations

from typing import Any

import orjson

from tianji_core.api.errors import BadGatewayError, BadRequestError, UnsupportedCapabilityError
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.api.provider import Body
from tianji_core.translate.embeddings import embeddings_answer, texts_of
from tianji_core.translate.media import parse_data_uri
from tianji_core.translate.shapes import as_list, as_object

TOKENS = "x-amzn-bedrock-input-token-count"
"""The header field that counts the tokens of a request, where the answer does not."""
_OPENAI = frozenset({"dimensions", "encoding_format", "input", "model", "user"})


def supported_params(name: str) -> frozenset[str]:
    """OpenAI's parameters for embeddings that a model takes; vectors are packed here."""
    fixed = "titan-embed-text-v1" in name or "titan-embed-g1" in name or "cohere.embed-english" in name
    fixed = fixed or "cohere.embed-multilingual" in name
    return frozenset({"encoding_format", "user"}) | (frozenset() if fixed else {"dimensions"})


def inputs_of(body: Body) -> list[str]:
    """The texts, or images as data URIs. Raises BadRequestError for arrays of tokens, and if there is nothing."""
    texts = texts_of(body.get("input"))
    if not texts:
        raise BadRequestError("input holds nothing.", param="input")
    return texts


def takes_many(name: str) -> bool:
    """Whether one request may hold several inputs."""
    return name.startswith("cohere.")


def build_embeddings(body: Body, name: str, inputs: list[str]) -> Body:
    """The request for these inputs, of which there is one only unless the model `takes_many`."""
    own = {key: value for key, value in body.items() if key not in _OPENAI and value is not None}
    size = body.get("dimensions")
    if name.startswith("cohere."):
        return _cohere(own, size, inputs)
    if "nova" in name:
        return _nova(own, size, inputs[0])
    if not name.startswith("amazon.titan-embed"):
        raise UnsupportedCapabilityError("Bedrock's embeddings here are those of Titan, Cohere and Nova.")
    if "titan-embed-image" in name:
        image = parse_data_uri(inputs[0])
        content = {"inputText": inputs[0]} if image is None else {"inputImage": image.base64}
        return {**content, **({"embeddingConfig": {"outputEmbeddingLength": size}} if size else {}), **own}
    return {"inputText": inputs[0], **({"dimensions": size} if size else {}), **own}


def _cohere(own: Body, size: Any, inputs: list[str]) -> Body:
    images = bool(inputs) and all(parse_data_uri(each) is not None for each in inputs)
    content: Body = (
        {"images": inputs, "input_type": "image"} if images else {"texts": inputs, "input_type": "search_document"}
    )
    return {**content, **({"output_dimension": size} if size else {}), **own}


def _nova(own: Body, size: Any, given: str) -> Body:
    image = parse_data_uri(given)
    params: Body = {"embeddingPurpose": "GENERIC_INDEX", **({"embeddingDimension": size} if size else {})}
    if image is None:
        params["text"] = {"truncationMode": "END", "value": given}
    else:
        form = image.content_type.rpartition("/")[2]
        params["image"] = {"format": form, "source": {"bytes": image.base64}}
    params.update(as_object(own.pop("singleEmbeddingParams", None)))
    if "embeddingPurpose" in own:
        params["embeddingPurpose"] = own.pop("embeddingPurpose")
    return {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": params, **own}


def join_replies(replies: list[UpstreamReply]) -> UpstreamReply:
    """One reply that holds the answers to all the inputs, in their order, as an array, and the sum of the tokens."""
    body = b"[" + b",".join(reply.body for reply in replies) + b"]"
    counts = [count for reply in replies if (count := _told_tokens(reply)) is not None]
    fields = [field for field in replies[0].headers if field[0] != TOKENS]
    if len(counts) == len(replies):
        fields.append((TOKENS, str(sum(counts))))
    return UpstreamReply(replies[0].status, Headers(fields), body)


def _told_tokens(reply: UpstreamReply) -> int | None:
    told = reply.headers.get(TOKENS)
    return int(told) if told and told.isascii() and told.isdecimal() else None


def parse_embeddings(reply: UpstreamReply, body: Body, model: str) -> Body:
    """The answer in OpenAI's shape. Raises BadGatewayError if it makes no sense."""
    try:
        value = orjson.loads(reply.body)
    except ValueError:
        raise BadGatewayError("The provider's answer is not JSON.") from None
    answers = [as_object(each) for each in (value if isinstance(value, list) else [value])]
    vectors = [vector for answer in answers for vector in _vectors(answer)]
    counts = [count for answer in answers if type(count := answer.get("inputTextTokenCount")) is int]
    tokens = sum(counts) if len(counts) == len(answers) else _told_tokens(reply)
    return embeddings_answer(vectors or None, model, encoding_format=body.get("encoding_format"), prompt_tokens=tokens)


def _vectors(answer: dict[str, Any]) -> list[Any]:
    """The vectors of one answer: one, a list, or lists by the type of number or of input."""
    if "embedding" in answer:
        return [answer["embedding"]]
    found = answer.get("embeddings")
    if found is None and isinstance(answer.get("embeddingsByType"), dict):
        found = [next(iter(answer["embeddingsByType"].values()), None)]
    if isinstance(found, dict):
        found = next(iter(found.values()), None)
    return [each.get("embedding") if isinstance(each, dict) else each for each in as_list(found)]
