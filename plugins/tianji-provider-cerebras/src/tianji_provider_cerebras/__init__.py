"""The provider `cerebras`: OpenAI's API (https://inference-docs.cerebras.ai/api-reference/chat-completions)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tianji_core import hookimpl
from tianji_core.api.provider import ProviderSettings
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.openai_compat.params import LOW_TO_HIGH, OPENAI_ONLY
from tianji_core.openai_compat.reasoning import PLAIN_MODELS

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register


class Cerebras(OpenAICompatible):
    """Cerebras: reasoning under another name both ways; bodies are strict, so what it lacks must not be sent."""

    name = "cerebras"
    default_base = "https://api.cerebras.ai/v1"
    api_key_env = ("CEREBRAS_API_KEY",)
    api_base_env = ("CEREBRAS_API_BASE", "CEREBRAS_BASE_URL")
    unsupported_params = (OPENAI_ONLY - {"prediction", "prompt_cache_key", "service_tier"}) | {
        "frequency_penalty",
        "logit_bias",
        "n",
        "presence_penalty",
    }
    renamed_params: ClassVar = {"max_completion_tokens": "max_tokens"}
    renamed_values: ClassVar = {"reasoning_effort": LOW_TO_HIGH}
    plain_models = PLAIN_MODELS
    reasoning_back = "reasoning"
    reasoning_name = "reasoning"
    patch_markers = (b'"reasoning"',)
    capabilities = OpenAICompatible.capabilities.lacking("n", operations=("embeddings",)).having(
        "prompt_caching", operations=("completions",)
    )


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("cerebras", Cerebras, ProviderSettings)
