"""Embeddings on Vertex AI: `:predict` for texts and for pictures, `:embedContent` from the second Gemini model on.

Source: Google's "Text embeddings API" and "Multimodal embeddings API" pages. Gemini's embedding models take one text
for each request; `follow_up` are the requests for the others.
"""

from __future__ import annotations

import re
from typing import Any

from tianji_core.api.errors import BadGatewayError, BadRequestError
from tianji_core.api.provider import Body
from tianji_core.translate.embeddings import embeddings_answer, texts_of
from tianji_core.translate.gemini.embeddings import embeddings_to_gemini, gemini_to_embeddings
from tianji_core.translate.gemini.operations import Asked
from tianji_core.translate.media import parse_data_uri
from tianji_core.translate.shapes import as_count, as_list, as_object, objects

BGE = "bge/"
"""Put before the number of an endpoint with a BGE model, as LiteLLM has it."""
_NEWER = re.compile(r"gemini-embedding-(?!001|exp)")
_OF_TEXTS = ("task_type", "title")
_RENAMED = {"input_type": "task_type"}
_PARAMETERS = {"auto_truncate": "autoTruncate", "output_dimensionality": "outputDimensionality"}
_NOT_PARAMETERS = frozenset({"dimensions", "encoding_format", "input", "model", "user", *_OF_TEXTS})
_VIDEOS = (".mp4", ".mov", ".mpeg", ".mpg", ".avi", ".wmv", ".flv", ".webm")


def ask(body: Body, model: str) -> Asked:
    """What is sent for the texts of a body, or for the first if the model takes no more. Raises BadRequestError."""
    body = {_RENAMED.get(name, name): value for name, value in body.items()}
    texts = texts_of(body.get("input"))
    if not texts:
        raise BadRequestError("input holds no text.", param="input")
    if takes_one(model):
        texts = texts[:1]
    if _NEWER.match(model):
        (request,) = embeddings_to_gemini({**body, "input": texts}, model)["requests"]
        return Asked("embedContent", {name: value for name, value in request.items() if name != "model"})
    multimodal = model.startswith("multimodalembedding")
    own = {name: body[name] for name in _OF_TEXTS if body.get(name) is not None}
    parameters: Body = {
        _PARAMETERS.get(name, name): value
        for name, value in body.items()
        if name not in _NOT_PARAMETERS and value is not None
    }
    if body.get("dimensions") is not None:
        parameters["dimension" if multimodal else "outputDimensionality"] = body["dimensions"]
    member = _member(model)
    instances = [_instance(text) if multimodal else {member: text, **own} for text in texts]
    return Asked("predict", {"instances": instances, "parameters": parameters})


def takes_one(model: str) -> bool:
    """Whether a model takes one text for each request."""
    return model.startswith("gemini-embedding")


def read(answer: dict[str, Any], body: Body, model: str) -> Body:
    """Any of these models' answers in OpenAI's form. Raises BadGatewayError if it holds no vectors."""
    if "predictions" not in answer:
        return gemini_to_embeddings(answer, body, model)
    predictions = as_list(answer.get("predictions"))
    counted = [as_object(as_object(as_object(each).get("embeddings")).get("statistics")) for each in predictions]
    tokens = sum(_tokens(each.get("token_count")) for each in counted)
    made = embeddings_answer(
        [_vector(each) for each in predictions] or None,
        model,
        encoding_format=body.get("encoding_format"),
        prompt_tokens=tokens or None,
    )
    characters = as_count(as_object(answer.get("metadata")).get("billableCharacterCount"))
    if characters and "usage" in made:
        made["usage"]["prompt_tokens_details"] = {"character_count": characters}
    return made


def merge(answers: list[Any]) -> Body:
    """Several answers to one text each as one answer to all of them. Raises BadGatewayError."""
    merged: Body = {}
    if all("predictions" in as_object(each) for each in answers):
        merged["predictions"] = [one for each in answers for one in as_list(each["predictions"])]
        merged["metadata"] = {"billableCharacterCount": sum(_characters(each) for each in answers)}
        return merged
    vectors = [as_object(as_object(each).get("embedding")) for each in answers]
    if not all(vectors):
        raise BadGatewayError("The provider's answer holds no embeddings.")
    counts = [as_object(as_object(each).get("usageMetadata")) for each in answers]
    tokens = sum(as_count(each.get("promptTokenCount")) for each in counts)
    return {"embeddings": vectors, "usageMetadata": {"promptTokenCount": tokens}}


def _instance(text: str) -> Body:
    """A text, picture or video for the multimodal model; files as data URIs or in Cloud Storage."""
    found = parse_data_uri(text) if text.startswith("data:") and ";base64," in text[:100] else None
    if found is not None:
        return {"image": {"bytesBase64Encoded": found.base64, "mimeType": found.content_type}}
    if text.startswith("gs://"):
        return {"video" if text.lower().endswith(_VIDEOS) else "image": {"gcsUri": text}}
    return {"text": text}


def _member(model: str) -> str:
    """What a text is called: Model Garden's containers for embeddings have words of their own."""
    return "prompt" if model.startswith(BGE) else "inputs" if model.isdigit() else "content"


def _vector(given: Any) -> Any:
    """A prediction's vector; of the multimodal model's, the one of what it was given. Containers answer bare ones."""
    if isinstance(given, list):
        return given[0] if len(given) == 1 and isinstance(given[0], list) else given
    prediction = as_object(given)
    values = as_object(prediction.get("embeddings")).get("values")
    videos = objects(prediction.get("videoEmbeddings"))
    of_video = videos[0].get("embedding") if videos else None
    return values or prediction.get("textEmbedding") or prediction.get("imageEmbedding") or of_video


def _characters(answer: Body) -> int:
    return as_count(as_object(answer.get("metadata")).get("billableCharacterCount"))


def _tokens(value: Any) -> int:
    """A count; some models write whole numbers as floats."""
    return int(value) if isinstance(value, float) and 0 < value < 1e12 else as_count(value)
