"""The provider `xai`: OpenAI's API, images, and a speech API of its own (https://docs.x.ai/docs/api-reference)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tianji_core import hookimpl
from tianji_core.api.provider import Body, ModelRequest, ProviderSettings
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.openai_compat.messages import FOREIGN
from tianji_core.openai_compat.params import LOW_TO_HIGH, OPENAI_ONLY, OPENAI_ONLY_AUDIO, OPENAI_ONLY_IMAGES
from tianji_core.openai_compat.usage import add_reasoning_by_sum

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

REASONING = r"grok-(3-mini|[4-9]|\d\d|code)(?!.*non-reasoning)"
TICKS = 1e10
"""Of `cost_in_usd_ticks` for a dollar."""


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
        body = request.body
        if request.operation == "chat":
            body["messages"] = [_without_name(message) for message in body["messages"]]
        elif request.operation == "speech":  # there is one model, without a name
            del body["model"]
            body.setdefault("language", "auto")
            codec = body.pop("response_format", None)
            if codec:
                body["output_format"] = {"codec": codec}

    def patch_response(self, body: Body) -> None:
        usage = body.get("usage")
        add_reasoning_by_sum(usage)
        ticks = usage.get("cost_in_usd_ticks") if isinstance(usage, dict) else None
        if isinstance(usage, dict) and isinstance(ticks, int | float):
            usage["cost"] = ticks / TICKS

    def patch_chunk(self, chunk: Body) -> None:
        self.patch_response(chunk)
        super().patch_chunk(chunk)


def _without_name(message: Any) -> Any:
    """Only users may have names."""
    if not isinstance(message, dict) or "name" not in message or message.get("role") == "user":
        return message
    return {key: value for key, value in message.items() if key != "name"}


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("xai", XAI, ProviderSettings)
