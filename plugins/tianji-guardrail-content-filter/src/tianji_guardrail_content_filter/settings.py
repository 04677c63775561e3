"""What the config says to the filter."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tianji_core.api.guardrail import GuardrailSettings
from tianji_guardrail_content_filter.categories import CATEGORIES, ORDER, Severity
from tianji_guardrail_content_filter.expressions import compiled
from tianji_guardrail_content_filter.prebuilt import PREBUILT

Action = Literal["BLOCK", "MASK"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Pattern(_Part):
    """One of `patterns`."""

    pattern_type: Literal["prebuilt", "regex"]
    pattern_name: str | None = None
    name: str | None = None
    pattern: str | None = None
    action: Action = "BLOCK"

    @model_validator(mode="after")
    def _can_be_used(self) -> Pattern:
        if self.pattern_type == "prebuilt" and self.pattern_name not in PREBUILT:
            raise ValueError(f"there is no such prebuilt pattern; there are: {', '.join(PREBUILT)}")
        if self.pattern_type == "regex" and not self.pattern:
            raise ValueError("a regex needs a pattern")
        compiled(self.expression)
        return self

    @property
    def expression(self) -> str:
        return PREBUILT[str(self.pattern_name)] if self.pattern_type == "prebuilt" else str(self.pattern)

    @property
    def label(self) -> str:
        return self.pattern_name or self.name or "custom"


class Word(_Part):
    """One of `blocked_words`."""

    keyword: str = Field(min_length=1)
    action: Action = "BLOCK"
    description: str | None = None


class Category(_Part):
    """One of `categories`."""

    category: str
    enabled: bool = True
    action: Action = "BLOCK"
    severity_threshold: Severity = "medium"

    @field_validator("category")
    @classmethod
    def _exists(cls, name: str) -> str:
        if name not in CATEGORIES:
            raise ValueError(f"there is no such category; there are: {', '.join(CATEGORIES)}")
        return name

    def phrases(self) -> list[str]:
        """Its phrases from the threshold on."""
        least = ORDER[self.severity_threshold]
        return [
            text for severity, texts in CATEGORIES[self.category].items() if ORDER[severity] >= least for text in texts
        ]


class ContentFilterSettings(GuardrailSettings):
    """The keys of the guardrail's `litellm_params`."""

    patterns: list[Pattern] = Field(default_factory=list, description="Expressions, prebuilt ones or RE2 of your own")
    blocked_words: list[Word] = Field(default_factory=list, description="Words and phrases, as whole words in any case")
    blocked_words_file: str | None = Field(None, description="A YAML file with more of them: `blocked_words: [...]`")
    categories: list[Category] = Field(default_factory=list, description="Categories of content")
    severity_threshold: Severity | None = Field(None, description="For categories that do not say their own")
    pattern_redaction_format: str = Field(
        "[{pattern_name}_REDACTED]", description="What stands for what a pattern has hit"
    )
    keyword_redaction_tag: str = Field("[KEYWORD_REDACTED]", description="What stands for words that were hit")

    @model_validator(mode="before")
    @classmethod
    def _thresholds(cls, values: Any) -> Any:
        least = values.get("severity_threshold") if isinstance(values, dict) else None
        if least is None or not isinstance(values.get("categories"), list):
            return values
        listed = [
            {"severity_threshold": least, **each} if isinstance(each, dict) else each for each in values["categories"]
        ]
        return {**values, "categories": listed}

    def words(self) -> list[Word]:
        """Those of the config and of the file. Raises ValueError for a file that is none of words."""
        if self.blocked_words_file is None:
            return self.blocked_words
        try:
            loaded = yaml.safe_load(Path(self.blocked_words_file).read_text())
            listed: Any = loaded.get("blocked_words") if isinstance(loaded, dict) else loaded
            more = [Word(keyword=each) if isinstance(each, str) else Word.model_validate(each) for each in listed]
        except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
            raise ValueError(f"blocked_words_file cannot be used: {type(error).__name__}") from None
        return [*self.blocked_words, *more]
