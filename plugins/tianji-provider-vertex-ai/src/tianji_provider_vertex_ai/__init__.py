"""Tianji provider: Vertex AI."""

from __future__ import annotations

from tianji_core.hookspecs import Register, hookimpl
from tianji_provider_vertex_ai.provider import VertexBetaProvider, VertexProvider
from tianji_provider_vertex_ai.settings import VertexSettings

__all__ = ["VertexBetaProvider", "VertexProvider", "VertexSettings"]


@hookimpl
def tianji_register_providers(register: Register) -> None:
    """The provider `vertex_ai`, and the older name that LiteLLM has for its Gemini models."""
    register("vertex_ai", VertexProvider, VertexSettings)
    register("vertex_ai_beta", VertexBetaProvider, VertexSettings)
