"""The provider `xai`: OpenAI's API, images, and a speech API of its own (https://docs.x.ai/docs/api-reference)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tianji_core import hookimpl
from tianji_core.api.provider import Body, ModelRequest, ProviderSettings
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.openai_compat.messages import FOREIGN
from tianji_core.openai_compat.params import LOW_TO_HIGH, OPENAI_ONLY, OPENAI_ONLY_AUDIO, OPENAI_ONLY_IMAGES
from tianji_provider_xai.answers import level_usage
from tianji_provider_xai.request import say_in_its_words, without_names

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

REASONING = r"grok-(3-mini|[4-9]|\d\d|code)(?!.*non-reasoning)"


class XAI(OpenAICompatible):
    """xAI: reasoning is counted beside the completion, and reasoning models refuse some parameters."""

    name = "xai"
    default_base = "https://api.x.ai/v1"
    api_key_env = ("XAI_API_KEY",)
    api_base_env = ("XAI_API_BASE",)
    unsupported_params = OPENAI_ONLY
    lacking: ClassVar = {
        "images": (OPENAI_ONLY_IMAGES - {"user"}) | {"output_format", "size"},
        "speech": frozenset({"instructions", "stream_format"}),
        "transcriptions": OPENAI_ONLY_AUDIO | {"prompt", "response_format", "temperature", "timestamp_granularities"},
    }
    models_lacking: ClassVar = {REASONING: frozenset({"frequency_penalty", "presence_penalty", "stop"})}
    paths: ClassVar = {"speech": "/tts", "transcriptions": "/stt"}
    system_name = "system"
    finish_reasons: ClassVar = {"": ""}
    renamed_params: ClassVar = {"max_completion_tokens": "max_tokens", "input": "text", "voice": "voice_id"}
    renamed_values: ClassVar = {"reasoning_effort": LOW_TO_HIGH}
    plain_models = r"grok-(2|3(?!-mini)|4(?!\.)|code|beta|vision)"
    foreign = FOREIGN | {"strict"}
    patch_markers = (b'"reasoning_tokens"', b'"cost_in_usd_ticks"', b'"finish_reason":""', b'"finish_reason": ""')
    capabilities = OpenAICompatible.capabilities.lacking(operations=("embeddings",)).having(
        "prompt_caching", operations=("images", "speech", "transcriptions")
    )

    def adjust_body(self, request: ModelRequest) -> None:
        if request.operation == "chat":
            request.body["messages"] = without_names(request.body["messages"])
        elif request.operation == "speech":
            say_in_its_words(request.body)

    def patch_response(self, body: Body) -> None:
        level_usage(body)

    def patch_chunk(self, chunk: Body) -> None:
        level_usage(chunk)
        super().patch_chunk(chunk)


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("xai", XAI, ProviderSettings)
