"""`files_settings`, `finetune_settings`, `assistant_settings`: vendors that keep things for callers."""

from __future__ import annotations

from typing import Any

from tianji_core.config.schema.base import Block, key
from tianji_core.config.schema.types import AnyMap, SecretText, Text


class VendorRow(Block):
    """One vendor's account. Further keys are those of `litellm_params` that its provider knows."""

    unknown = "take"

    custom_llm_provider: Text = key(..., "The provider.", usage="C")
    api_base: Text | None = key(None, "Its address.", usage="C", default_text="the provider's")
    api_key: SecretText | None = key(None, "Its key.", usage="C", default_text="the provider's environment variable")
    api_version: Text | None = key(None, "Azure: a date, or v1.", usage="C")
    organization: Text | None = key(None, "Organization that the vendor bills.", usage="C")

    def params(self) -> dict[str, Any]:
        """The same as `litellm_params` of a row."""
        return self.model_dump(exclude_unset=True)


class AssistantSettings(Block):
    """The vendor behind assistants and threads."""

    custom_llm_provider: Text = key(..., "The provider.", usage="C")
    litellm_params: AnyMap = key({}, "api_base, api_key, or any other key of litellm_params.", usage="C")

    def params(self) -> dict[str, Any]:
        """The same as `litellm_params` of a row."""
        return {**self.litellm_params, "custom_llm_provider": self.custom_llm_provider}
