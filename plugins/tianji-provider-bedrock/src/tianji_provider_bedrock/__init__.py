"""Tianji provider: Amazon Bedrock (Converse, and Claude by InvokeModel)."""

from __future__ import annotations

from tianji_core.hookspecs import Register, hookimpl
from tianji_provider_bedrock.provider import Bedrock, BedrockConverse
from tianji_provider_bedrock.settings import BedrockSettings

__all__ = ["Bedrock", "BedrockConverse", "BedrockSettings"]


@hookimpl
def tianji_register_providers(register: Register) -> None:
    """The provider `bedrock`, also by LiteLLM's other name for it."""
    register("bedrock", Bedrock, BedrockSettings)
    register("bedrock_converse", BedrockConverse, BedrockSettings)
