"""The provider `groq`: OpenAI's API with a few differences (https://console.groq.com/docs/openai)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_core.api.files import FilesAPI
from tianji_core.api.provider import Body, ProviderSettings
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.openai_compat.batches import OpenAIBatches
from tianji_core.openai_compat.reasoning import rename_reasoning

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register


class Groq(OpenAICompatible):
    """Groq: reasoning under another name, usage of a stream inside `x_groq`, prompt caching without markers."""

    name = "groq"
    default_base = "https://api.groq.com/openai/v1"
    api_key_env = ("GROQ_API_KEY",)
    api_base_env = ("GROQ_API_BASE",)
    system_name = "system"
    files_api = FilesAPI(frozenset({"batch"}))
    batch_api = OpenAIBatches(("/chat/completions",))
    unsupported_params = frozenset({"logit_bias", "logprobs", "n", "top_logprobs"})
    patch_markers = (b'"reasoning"', b'"x_groq"')
    capabilities = OpenAICompatible.capabilities.lacking("logprobs", "n").having(
        "prompt_caching", operations=("speech", "transcriptions", "translations")
    )

    def patch_response(self, body: Body) -> None:
        rename_reasoning(body, "message")

    def patch_chunk(self, chunk: Body) -> None:
        rename_reasoning(chunk, "delta")
        own = chunk.get("x_groq")
        if isinstance(own, dict):
            if own.get("usage") and not chunk.get("usage"):
                chunk["usage"] = own["usage"]
            if own.get("error"):  # why the stream was stopped early
                error = own["error"]
                chunk["error"] = error if isinstance(error, dict) else {"message": error, "type": "server_error"}


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("groq", Groq, ProviderSettings)
