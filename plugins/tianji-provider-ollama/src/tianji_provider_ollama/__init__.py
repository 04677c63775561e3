"""The providers `ollama` (prompts, completions, embeddings) and `ollama_chat` (messages): Ollama by its own API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_core.api.provider import ProviderSettings
from tianji_provider_ollama.provider import Ollama, OllamaChat

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

__all__ = ["Ollama", "OllamaChat"]


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("ollama", Ollama, ProviderSettings)
    register("ollama_chat", OllamaChat, ProviderSettings)
