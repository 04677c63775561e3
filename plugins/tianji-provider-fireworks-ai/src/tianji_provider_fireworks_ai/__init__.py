"""The provider `fireworks_ai`: OpenAI's API for open models (https://docs.fireworks.ai/api-reference)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tianji_core import hookimpl
from tianji_core.api.http import UpstreamReply
from tianji_core.api.provider import UPLOADS, Binary, Body, ModelRequest, Operation, ProviderSettings
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.openai_compat.params import COHERE_ONLY_RERANK, LOW_TO_HIGH, OPENAI_ONLY, OPENAI_ONLY_AUDIO
from tianji_core.openai_compat.provider import PATHS
from tianji_core.openai_compat.reasoning import PLAIN_MODELS, THINK_MODELS
from tianji_provider_fireworks_ai.tools import find_call

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register


class FireworksAI(OpenAICompatible):
    """Fireworks AI: long names of models, audio on hosts of its own."""

    name = "fireworks_ai"
    default_base = "https://api.fireworks.ai/inference/v1"
    api_key_env = ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY", "FIREWORKS_AI_TOKEN")
    api_base_env = ("FIREWORKS_API_BASE",)
    unsupported_params = OPENAI_ONLY - {"function_call", "functions", "prediction", "prompt_cache_key", "service_tier"}
    lacking: ClassVar = {
        "completions": frozenset({"best_of", "suffix"}),
        "embeddings": frozenset({"encoding_format", "user"}),
        "rerank": COHERE_ONLY_RERANK,
        "transcriptions": OPENAI_ONLY_AUDIO,
    }
    renamed_params: ClassVar = {"max_completion_tokens": "max_tokens"}
    renamed_values: ClassVar = {"reasoning_effort": LOW_TO_HIGH}
    system_name = "system"
    plain_models = PLAIN_MODELS
    think_models = THINK_MODELS
    forward_headers = frozenset({"x-session-affinity"})
    capabilities = OpenAICompatible.capabilities.having(
        "prompt_caching", operations=("completions", "rerank", "transcriptions", "translations")
    )

    def url(self, operation: Operation) -> str:
        if operation in UPLOADS and self.api_base == self.default_base:
            host = "audio-turbo" if "turbo" in self.settings.model else "audio-prod"
            return f"https://{host}.api.fireworks.ai/v1{PATHS[operation]}"
        return super().url(operation)

    def adjust_body(self, request: ModelRequest) -> None:
        if request.operation not in UPLOADS:
            request.body["model"] = full_name(request.model)

    def parse_response(self, request: ModelRequest, reply: UpstreamReply) -> Body | Binary:
        answer = super().parse_response(request, reply)
        tools = request.body.get("tools")
        if tools and isinstance(answer, dict):
            find_call(answer, tools)
        return answer


def full_name(model: str) -> str:
    """A short name as the vendor wants it; `#` names a deployment, and other names with a slash are whole.

    See https://docs.fireworks.ai/getting-started/concepts.
    """
    if model.startswith("routers/"):
        return f"accounts/fireworks/{model}"
    if "/" in model or "#" in model:
        return model
    return f"accounts/fireworks/{'routers' if model.endswith('-fast') else 'models'}/{model}"


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("fireworks_ai", FireworksAI, ProviderSettings)
