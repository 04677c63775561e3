"""Tianji provider: Anthropic (Claude by its own Messages API)."""

from __future__ import annotations

from tianji_core.hookspecs import Register, hookimpl
from tianji_provider_anthropic.provider import AnthropicProvider, AnthropicSettings

__all__ = ["AnthropicProvider", "AnthropicSettings"]


@hookimpl
def tianji_register_providers(register: Register) -> None:
    """The provider `anthropic`."""
    register("anthropic", AnthropicProvider, AnthropicSettings)
