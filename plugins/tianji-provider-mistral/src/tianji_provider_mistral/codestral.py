"""Codestral at an address of its own: chat, and filling in the middle as completions."""

from __future__ import annotations

from tianji_core.api.provider import Body, Capabilities, Operation
from tianji_core.translate.completions import chat_chunk_to_completion, chat_to_completion
from tianji_provider_mistral.provider import Mistral


class Codestral(Mistral):
    """Mistral's chat by a key for Codestral only."""

    name = "codestral"
    default_base = "https://codestral.mistral.ai/v1"
    api_key_env = ("CODESTRAL_API_KEY",)
    api_base_env = ("CODESTRAL_API_BASE",)
    files_api = None
    capabilities = Mistral.capabilities.lacking(
        "images", "audio", "files", "reasoning", operations=("embeddings", "moderations", "transcriptions")
    )


class CodestralText(Codestral):
    """Fill in the middle: `prompt` before it, `suffix` after it. Answers have the form of chat."""

    name = "text-completion-codestral"
    route_name = "codestral"
    patch_markers = (b'"choices"',)
    capabilities = Capabilities.of("completions", features=("streaming",))

    def url(self, operation: Operation) -> str:
        return f"{self.api_base}/fim/completions"

    def supported_params(self, model: str, operation: Operation) -> frozenset[str] | None:
        return frozenset({"max_tokens", "seed", "stop", "suffix", "temperature", "top_p"})

    def patch_response(self, body: Body) -> None:
        super().patch_response(body)
        if _speaks(body, "message"):
            body.update(chat_to_completion(body))

    def patch_chunk(self, chunk: Body) -> None:
        super().patch_chunk(chunk)
        if _speaks(chunk, "delta"):
            chunk.update(chat_chunk_to_completion(chunk))


def _speaks(body: Body, member: str) -> bool:
    """Whether each choice has the form of chat."""
    return all(isinstance(c, dict) and isinstance(c.get(member), dict) for c in body.get("choices") or ())
