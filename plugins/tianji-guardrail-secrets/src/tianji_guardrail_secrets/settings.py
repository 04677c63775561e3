"""What the config says to the guardrail."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tianji_core.api.guardrail import GuardrailSettings
from tianji_guardrail_secrets.entropy import LIMITS
from tianji_guardrail_secrets.rule import Rule
from tianji_guardrail_secrets.rules import chosen, known, standard


class Detector(BaseModel):
    """One of `plugins_used`, as detect-secrets writes it down."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="A detector or a kind")
    limit: float | None = Field(None, ge=0, le=8, description="Bits a character; for the two of high entropy")
    path: str | None = Field(None, description="Taken, not used: code from elsewhere is not run")

    @model_validator(mode="after")
    def _exists(self) -> Detector:
        if self.name not in known():
            like = get_close_matches(self.name, known(), cutoff=0.5)
            raise ValueError(f"there is no such detector{'; did you mean ' + ' or '.join(like) if like else ''}")
        if self.limit is not None and self.name not in LIMITS:
            raise ValueError(f"only {' and '.join(LIMITS)} have a limit")
        return self


class DetectSecretsConfig(BaseModel):
    """The part of a configuration of detect-secrets that says what to look for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plugins_used: list[Detector] | None = Field(None, min_length=1, description="Look for these only")


class HideSecretsSettings(GuardrailSettings):
    """The keys of the guardrail's `litellm_params`."""

    on_secret: Literal["mask", "block"] = Field("mask", description="What becomes of a credential, or of its call")
    detect_secrets_config: DetectSecretsConfig = Field(
        default_factory=lambda: DetectSecretsConfig(plugins_used=None),
        description="`{plugins_used: [{name: SlackDetector}]}` looks for these kinds only",
    )

    def rules(self) -> tuple[Rule, ...]:
        """What is looked for."""
        used = self.detect_secrets_config.plugins_used
        return standard() if used is None else chosen({each.name: each.limit for each in used})
