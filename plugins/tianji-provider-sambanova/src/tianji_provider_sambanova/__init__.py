"""The provider `sambanova`: OpenAI's API (https://docs.sambanova.ai/docs/en/api-reference/overview)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tianji_core import hookimpl
from tianji_core.api.provider import ProviderSettings
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.openai_compat.params import LOW_TO_HIGH, OPENAI_ONLY, OPENAI_ONLY_AUDIO
from tianji_core.openai_compat.reasoning import PLAIN_MODELS, THINK_MODELS

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register


class SambaNova(OpenAICompatible):
    """SambaNova: content as one text, reasoning under another name or, of older models, in the text."""

    name = "sambanova"
    default_base = "https://api.sambanova.ai/v1"
    api_key_env = ("SAMBANOVA_API_KEY",)
    api_base_env = ("SAMBANOVA_API_BASE", "SAMBANOVA_BASE_URL")
    system_name = "system"
    unsupported_params = OPENAI_ONLY | {"frequency_penalty", "presence_penalty"}
    lacking: ClassVar = {
        "completions": frozenset({"best_of", "echo", "suffix"}),
        "embeddings": frozenset({"dimensions"}),
        "transcriptions": OPENAI_ONLY_AUDIO | {"temperature", "timestamp_granularities"},
        "translations": frozenset({"temperature"}),
    }
    ignored_params = frozenset({"user"})
    renamed_params: ClassVar = {"max_completion_tokens": "max_tokens"}
    renamed_values: ClassVar = {"reasoning_effort": LOW_TO_HIGH}
    plain_models = PLAIN_MODELS
    think_models = THINK_MODELS
    reasoning_back = "reasoning"
    text_as_string = True
    reasoning_name = "reasoning"
    patch_markers = (b'"reasoning"',)
    capabilities = OpenAICompatible.capabilities.having(operations=("completions", "transcriptions", "translations"))


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("sambanova", SambaNova, ProviderSettings)
