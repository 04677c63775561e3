"""What the config and the environment say about moderation."""

from __future__ import annotations

from typing import Final

from pydantic import Field, field_validator, model_validator

from tianji_core.api.guardrail import GuardrailSettings

OPENAI: Final = "https://api.openai.com/v1"


class OpenAIModerationSettings(GuardrailSettings):
    """The keys of the guardrail's `litellm_params`."""

    model: str = Field("omni-moderation-latest", description="The moderation model")
    model_name: str | None = Field(
        None, description="A model of this gateway that is asked instead: one whose provider has /moderations"
    )
    api_key: str | None = Field(None, repr=False, description="Else OPENAI_API_KEY")
    api_base: str | None = Field(None, description="Else OPENAI_BASE_URL or OPENAI_API_BASE, else OpenAI's own address")
    category_thresholds: dict[str, float] = Field(
        default_factory=dict, description="Scores (0 to 1) from which a category blocks; without any, what is flagged"
    )
    request_timeout: float = Field(10.0, gt=0, description="Seconds for one request to the service")

    @field_validator("category_thresholds")
    @classmethod
    def _are_scores(cls, thresholds: dict[str, float]) -> dict[str, float]:
        if not all(0 <= score <= 1 for score in thresholds.values()):
            raise ValueError("a threshold is between 0 and 1")
        return thresholds

    @model_validator(mode="after")
    def _has_a_key(self) -> OpenAIModerationSettings:
        if self.model_name is None and not self.key:
            raise ValueError("needs api_key, OPENAI_API_KEY, or the model_name of a model of this gateway")
        return self

    @property
    def key(self) -> str | None:
        return self.api_key or self.env("OPENAI_API_KEY")

    @property
    def base(self) -> str:
        return self.api_base or self.env("OPENAI_BASE_URL", "OPENAI_API_BASE") or OPENAI
