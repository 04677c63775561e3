"""Google's models by operation: what a request becomes, and what its answer becomes, for either host."""

from __future__ import annotations

from dataclasses import dataclass

from tianji_core.api.errors import UnsupportedCapabilityError
from tianji_core.api.http import UpstreamReply
from tianji_core.api.provider import Binary, Body, Capabilities, Feature, ModelRequest, Operation
from tianji_core.translate.gemini.embeddings import embeddings_to_gemini, gemini_to_embeddings
from tianji_core.translate.gemini.images import (
    gemini_to_images,
    imagen_to_images,
    images_to_gemini,
    images_to_imagen,
)
from tianji_core.translate.gemini.members import camel
from tianji_core.translate.gemini.models import traits
from tianji_core.translate.gemini.request import chat_to_gemini
from tianji_core.translate.gemini.response import ReplyContext, parse_answer, read_answer
from tianji_core.translate.gemini.speech import gemini_to_speech, speech_to_gemini

CAPABILITIES = Capabilities.of(
    "chat",
    "embeddings",
    "images",
    "image_edits",
    "speech",
    features=(
        "streaming",
        "tools",
        "parallel_tools",
        "tool_choice",
        "json_object",
        "json_schema",
        "images",
        "audio",
        "files",
        "reasoning",
        "prompt_caching",
        "logprobs",
        "seed",
        "n",
    ),
)
_CHAT = frozenset(
    {
        "audio",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "modalities",
        "n",
        "parallel_tool_calls",
        "response_format",
        "seed",
        "service_tier",
        "stop",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        "web_search_options",
    }
)
_PENALTIES = frozenset({"frequency_penalty", "presence_penalty"})
_PARAMS: dict[Operation, frozenset[str]] = {
    "embeddings": frozenset({"dimensions", "encoding_format", "user"}),
    "images": frozenset({"n", "response_format", "size", "user"}),
    "image_edits": frozenset({"n", "response_format", "size", "user"}),
    "speech": frozenset({"instructions", "response_format", "voice"}),
}


_COUNTED = frozenset({"contents", "generationConfig", "systemInstruction", "tools"})
"""Members of a request that Vertex AI counts."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What to send: the method in the address (behind the colon), its query, the body."""

    method: str
    body: Body
    query: str = ""


def supported_params(model: str, operation: Operation) -> frozenset[str]:
    """OpenAI's parameters that a model takes. `user` says nothing to Google and is left out."""
    if operation != "chat":
        return _PARAMS.get(operation, frozenset())
    known = traits(model)
    params = _CHAT | _PENALTIES if known.penalties else _CHAT
    return params | {"reasoning_effort"} if known.thinking != "none" else params


def features(model: str) -> frozenset[Feature]:
    """What the chat operation can do with a model."""
    return CAPABILITIES.features if traits(model).thinking != "none" else CAPABILITIES.features - {"reasoning"}


def is_imagen(model: str) -> bool:
    """Whether pictures of a model are asked for by `:predict`."""
    return not traits(model).makes_images


def ask(request: ModelRequest, *, modify: bool = False) -> Asked:
    """What a host is asked for a request. Raises BadRequestError or one of its kinds."""
    body, operation, model = request.body, request.operation, request.model
    if operation == "chat":
        made = chat_to_gemini(body, traits(model), modify=modify, drop=request.drop_params)
        if request.stream:
            return Asked("streamGenerateContent", made, "alt=sse")
        return Asked("generateContent", made)
    if operation == "embeddings":
        return Asked("batchEmbedContents", embeddings_to_gemini(body, model))
    if operation in ("images", "image_edits"):
        if not is_imagen(model):
            return Asked("generateContent", images_to_gemini(body, model, drop=request.drop_params))
        if operation == "images":
            return Asked("predict", images_to_imagen(body, model))
    if operation == "speech":
        return Asked("generateContent", speech_to_gemini(body))
    raise UnsupportedCapabilityError(f"Model {model!r} has no {operation}.")


def ask_native(request: ModelRequest) -> Asked:
    """What a host is asked for a body that is Google's already."""
    if request.stream:
        return Asked("streamGenerateContent", request.body, "alt=sse")
    return Asked("generateContent", request.body)


def ask_count(request: ModelRequest, *, wrapped: bool) -> Asked:
    """What a host is asked to count the prompt of a body that is Google's already.

    AI Studio takes the contents alone, or all of the request `wrapped` in a member; Vertex AI takes the parts of it
    that count beside one another.
    """
    body = request.body
    if not wrapped:
        return Asked("countTokens", {name: each for name, each in body.items() if camel(name) in _COUNTED})
    if not body.keys() - {"contents"}:
        return Asked("countTokens", body)
    model = request.model if "/" in request.model else f"models/{request.model}"
    return Asked("countTokens", {"generateContentRequest": {**body, "model": model}})


def answer(request: ModelRequest, reply: UpstreamReply, provider: str) -> Body | Binary:
    """A 2xx answer in OpenAI's shape. Raises GatewayError if it makes no sense, or tells of an error."""
    context = ReplyContext.of(request.body, request.model, provider)
    if request.operation == "chat":
        return parse_answer(reply.body, context)
    value = read_answer(reply.body, context)
    made: Body | Binary | None = None
    if request.operation == "embeddings":
        made = gemini_to_embeddings(value, request.body, request.model)
    elif request.operation == "speech":
        made = gemini_to_speech(value, request.body)
    elif request.operation in ("images", "image_edits"):
        made = imagen_to_images(value) if is_imagen(request.model) else gemini_to_images(value)
    if made is None:
        raise context.broken("The provider's answer holds nothing of what was asked for.")
    return made
