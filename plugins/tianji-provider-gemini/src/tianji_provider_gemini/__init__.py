"""Tianji provider: Gemini by Google AI Studio's API."""

from __future__ import annotations

from tianji_core.hookspecs import Register, hookimpl
from tianji_provider_gemini.provider import GeminiProvider, GeminiSettings

__all__ = ["GeminiProvider", "GeminiSettings"]


@hookimpl
def tianji_register_providers(register: Register) -> None:
    """The provider `gemini`."""
    register("gemini", GeminiProvider, GeminiSettings)
