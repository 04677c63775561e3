"""The provider `together_ai`: OpenAI's API for open models (https://docs.together.ai/reference)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tianji_core import hookimpl
from tianji_core.api.provider import Body, ModelRequest, ProviderSettings
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.openai_compat.params import (
    COHERE_ONLY_RERANK,
    LOW_TO_HIGH,
    OPENAI_ONLY,
    OPENAI_ONLY_AUDIO,
    OPENAI_ONLY_IMAGES,
)
from tianji_core.openai_compat.reasoning import PLAIN_MODELS, THINK_MODELS
from tianji_core.translate.sizes import sides_of
from tianji_provider_together_ai.logprobs import ask_logprobs, level_logprobs

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register


class TogetherAI(OpenAICompatible):
    """Together AI: log probabilities are a number, sizes of images are two, and reasoning has another name."""

    name = "together_ai"
    default_base = "https://api.together.ai/v1"
    api_key_env = ("TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHERAI_API_KEY", "TOGETHER_AI_TOKEN")
    api_base_env = ("TOGETHER_AI_API_BASE", "TOGETHER_BASE_URL")
    unsupported_params = OPENAI_ONLY - {"service_tier"}
    lacking: ClassVar = {
        "completions": frozenset({"best_of", "suffix"}),
        "embeddings": frozenset({"dimensions"}),
        "images": OPENAI_ONLY_IMAGES - {"user"},
        "rerank": COHERE_ONLY_RERANK - {"rank_fields"},
        "speech": frozenset({"instructions", "speed", "stream_format"}),
        "transcriptions": OPENAI_ONLY_AUDIO,
    }
    ignored_params = frozenset({"user"})
    renamed_params: ClassVar = {"max_completion_tokens": "max_tokens"}
    renamed_values: ClassVar = {
        "reasoning_effort": LOW_TO_HIGH,
        "response_format": {"b64_json": "base64", "pcm": "raw"},
    }
    system_name = "system"
    reasoning_name = "reasoning"
    plain_models = PLAIN_MODELS
    think_models = THINK_MODELS
    finish_reasons: ClassVar = {"eos": "stop", "eos_token": "stop"}
    patch_markers = (b'"reasoning"', b'"eos', b'"logprobs":-', b'"logprobs": -', b'"logprobs":0', b'"logprobs": 0')
    capabilities = OpenAICompatible.capabilities.having(
        "prompt_caching",
        operations=("completions", "rerank", "images", "speech", "transcriptions", "translations"),
    )

    def adjust_body(self, request: ModelRequest) -> None:
        body = request.body
        if request.operation == "chat":
            ask_logprobs(body)
            if body.get("reasoning_effort") == "none":
                del body["reasoning_effort"]
                body.setdefault("reasoning", {"enabled": False})
        elif request.operation == "images" and (sides := sides_of(body.pop("size", None))):
            body["width"], body["height"] = sides

    def patch_response(self, body: Body) -> None:
        super().patch_response(body)
        level_logprobs(body)

    def patch_chunk(self, chunk: Body) -> None:
        super().patch_chunk(chunk)
        level_logprobs(chunk)


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("together_ai", TogetherAI, ProviderSettings)
