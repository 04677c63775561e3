"""What the config and the environment say about the service."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from tianji_core.api.guardrail import GuardrailSettings


class GenericSettings(GuardrailSettings):
    """The keys of the guardrail's `litellm_params`."""

    api_base: str | None = Field(None, description="Where the service is; else GENERIC_GUARDRAIL_API_BASE")
    api_key: str | None = Field(None, repr=False, description="Sent as x-api-key; else GENERIC_GUARDRAIL_API_KEY")
    path: str = Field("/beta/litellm_basic_guardrail_api", pattern="^/", description="Below api_base")
    headers: dict[str, str] = Field(default_factory=dict, repr=False, description="Further header fields")
    additional_provider_specific_params: dict[str, Any] = Field(
        default_factory=dict, description="Sent with every request; what a call gives the guardrail is added"
    )
    request_timeout: float = Field(10.0, gt=0, description="Seconds for one request to the service")

    @model_validator(mode="after")
    def _is_somewhere(self) -> GenericSettings:
        if not self.base:
            raise ValueError("needs api_base or GENERIC_GUARDRAIL_API_BASE")
        return self

    @property
    def base(self) -> str:
        return self.api_base or self.env("GENERIC_GUARDRAIL_API_BASE") or ""

    @property
    def fields(self) -> dict[str, str]:
        """The header fields of each request."""
        key = self.api_key or self.env("GENERIC_GUARDRAIL_API_KEY")
        return {**self.headers, **({"x-api-key": key} if key else {})}
