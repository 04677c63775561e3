"""Models that speak OpenAI's format on Vertex AI: open models as a service, Mistral and AI21, endpoints of one's own.

Source: Google's "Model as a service", "Mistral AI models" and "Self-deployed models" pages.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tianji_core.api.errors import UnsupportedCapabilityError
from tianji_core.api.http import UpstreamReply, UpstreamRequest
from tianji_core.api.provider import (
    Binary,
    Body,
    ModelRequest,
    Operation,
    ProviderSettings,
    StreamDecoder,
)
from tianji_core.openai_compat import OpenAICompatible
from tianji_provider_vertex_ai.places import Place, model_name
from tianji_provider_vertex_ai.publisher import NAME, Publisher

PUBLISHERS = {"codestral": "mistralai", "jamba": "ai21", "mistral": "mistralai"}
"""Models that are asked by `rawPredict`, by the beginning of their names."""
_OWN_ENDPOINT = "openai/"
"""Put before the number of an endpoint of one's own, as LiteLLM has it."""
_ROUTES: dict[Operation, str] = {"chat": "chat/completions", "embeddings": "embeddings"}
FEATURES = OpenAICompatible.capabilities.features


@dataclass(frozen=True, slots=True)
class Target:
    """Where a model is asked: the path inside the project, and the name in the body."""

    path: str
    model: str
    raw: bool = False
    """Whether it is asked by `rawPredict`."""


def publisher_of(model: str) -> str | None:
    """The publisher of a model that is asked by `rawPredict`, None for any other."""
    return next((name for start, name in PUBLISHERS.items() if model.startswith(start)), None)


def target_of(model: str, operation: Operation) -> Target:
    """Where a model is asked for something. Raises UnsupportedCapabilityError."""
    publisher, route = publisher_of(model), _ROUTES.get(operation)
    if route is None or (publisher is not None and operation != "chat"):
        raise UnsupportedCapabilityError(f"Model {model!r} has no {operation}.", provider=NAME)
    if publisher is not None:
        # The version behind the `@` is for the path.
        return Target(f"publishers/{publisher}/models/{model_name(model)}", model.partition("@")[0], raw=True)
    number = model.removeprefix(_OWN_ENDPOINT)
    if number.isdigit():
        return Target(f"endpoints/{number}/{route}", number)
    return Target(f"endpoints/openapi/{route}", model)


class Format(OpenAICompatible):
    """OpenAI's format; the addresses and the credential come from elsewhere."""

    name = NAME
    key_required = False
    unsupported_params = frozenset(
        {
            "audio",
            "modalities",
            "prediction",
            "prompt_cache_key",
            "prompt_cache_retention",
            "safety_identifier",
            "service_tier",
            "store",
            "verbosity",
            "web_search_options",
        }
    )

    def system_role(self, model: str) -> str | None:
        return "system"


class Partners(Publisher):
    """Llama, DeepSeek, Qwen, gpt-oss, Mistral and others."""

    def __init__(self, place: Place, settings: ProviderSettings) -> None:
        self._place = place
        self._format = Format(settings.model_copy(update={"api_base": place.root, "api_key": None}))

    def supported_params(self, model: str, operation: Operation) -> frozenset[str]:
        return (self._format.supported_params(model, operation) or frozenset()) if operation in _ROUTES else frozenset()

    def build(self, request: ModelRequest) -> UpstreamRequest:
        target = target_of(request.model, request.operation)
        request.body["model"] = target.model
        request.body.pop("metadata", None)
        method = ("streamRawPredict" if request.stream else "rawPredict") if target.raw else ""
        version = "v1beta1" if "/ai21/" in target.path else "v1"
        built = self._format.build_request(request)
        return replace(built, url=self._place.url(target.path, method, version=version))

    def parse(self, request: ModelRequest, reply: UpstreamReply) -> Body | Binary:
        return self._format.parse_response(request, reply)

    def decoder(self, request: ModelRequest) -> StreamDecoder:
        return self._format.stream_decoder(request)
