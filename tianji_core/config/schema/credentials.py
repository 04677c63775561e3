"""`credential_list`: keys and addresses by name, for several rows of model_list."""

from __future__ import annotations

from typing import Any

from tianji_core.config.schema.base import Block, key
from tianji_core.config.schema.types import AnyMap, Text


class Credential(Block):
    """One credential, taken by `litellm_params.litellm_credential_name`."""

    credential_name: Text = key(..., "Its name.", usage="B")
    credential_values: AnyMap = key({}, "api_key, api_base, or any other key of litellm_params.", usage="B")
    credential_info: AnyMap = key({}, "custom_llm_provider, description.", usage="B")

    def values(self) -> dict[str, Any]:
        """What it gives to a deployment; null means not given."""
        return {name: value for name, value in self.credential_values.items() if value is not None}
