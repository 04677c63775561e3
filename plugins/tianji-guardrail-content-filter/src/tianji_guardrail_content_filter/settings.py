"""What the config says to the filter."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tianji_core.api.guardrail import GuardrailSettings
from tianji_core.api.settings import LocalFile
from tianji_guardrail_content_filter.categories import CATEGORIES, Severity
from tianji_guardrail_content_filter.category_file import read_yaml, told
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
        if compiled(self.expression).search(b"") is not None:
            raise ValueError("this expression finds something in an empty text, so it would in every text")
        return self

    @property
    def expression(self) -> str:
        return PREBUILT[str(self.pattern_name)] if self.pattern_type == "prebuilt" else str(self.pattern)

    @property
    def label(self) -> str:
        return self.pattern_name or self.name or "custom"


class Word(_Part):
    """One of `blocked_words`."""

    keyword: str = Field(min_length=1, pattern=r"\S")
    action: Action = "BLOCK"
    description: str | None = None


class Category(_Part):
    """One of `categories`."""

    category: str = Field(min_length=1)
    enabled: bool = True
    action: Action | None = None
    """None: that of the file, else BLOCK."""
    severity_threshold: Severity | None = None
    category_file: LocalFile | None = None

    @model_validator(mode="after")
    def _exists(self) -> Category:
        if self.category_file is None and self.category not in CATEGORIES:
            raise ValueError(
                f"there is no such category; there are: {', '.join(CATEGORIES)}. Others need a category_file"
            )
        return self


class ContentFilterSettings(GuardrailSettings):
    """The keys of the guardrail's `litellm_params`."""

    patterns: list[Pattern] = Field(default_factory=list, description="Expressions, prebuilt ones or RE2 of your own")
    blocked_words: list[Word] = Field(default_factory=list, description="Words and phrases, as whole words in any case")
    blocked_words_file: LocalFile | None = Field(None, description="A YAML file of more: `blocked_words: [...]`")
    categories: list[Category] = Field(default_factory=list, description="Categories of content")
    severity_threshold: Severity = Field("medium", description="For categories that do not say their own")
    pattern_redaction_format: str = Field(
        "[{pattern_name}_REDACTED]", description="What stands for what a pattern has hit"
    )
    keyword_redaction_tag: str = Field("[KEYWORD_REDACTED]", description="What stands for words that were hit")

    def words(self) -> list[Word]:
        """Those of the config and of the file. Raises ValueError for a file that is none of words."""
        if self.blocked_words_file is None:
            return self.blocked_words
        loaded = read_yaml(self.blocked_words_file, "blocked_words_file")
        listed: Any = loaded.get("blocked_words") if isinstance(loaded, dict) else loaded
        if not isinstance(listed, list):
            raise ValueError("blocked_words_file has no list of words")
        try:
            more = [Word.model_validate({"keyword": each} if isinstance(each, str) else each) for each in listed]
        except ValidationError as error:
            raise ValueError(f"blocked_words_file has something that is no word: {told(error)}") from None
        return [*self.blocked_words, *more]
