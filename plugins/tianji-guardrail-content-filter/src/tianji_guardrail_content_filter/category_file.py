"""Files of categories: lists of one's own, in the format that the reference's documentation describes.

https://docs.litellm.ai/docs/proxy/guardrails/litellm_content_filter#custom-category-files
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tianji_guardrail_content_filter.categories import Severity
from tianji_guardrail_content_filter.phrases import near


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Keyword(_Part):
    """One of `keywords`."""

    keyword: str = Field(min_length=1, pattern=r"\S")
    severity: Severity = "medium"


class Phrase(_Part):
    """One of `phrases`."""

    phrase: str = Field(min_length=1, pattern=r"\S")
    severity: Severity = "medium"
    match_type: Literal["exact", "fuzzy", "proximity"] = "exact"
    max_distance: int = Field(default=5, ge=0, le=20)

    @model_validator(mode="after")
    def _can_be_found(self) -> Phrase:
        if self.match_type == "proximity":
            near(self.phrase, self.max_distance)
        return self


class CategoryFile(_Part):
    """The whole of it."""

    category_name: str | None = None
    description: str | None = None
    default_action: Literal["BLOCK", "MASK"] = "BLOCK"
    keywords: tuple[Keyword, ...] = ()
    phrases: tuple[Phrase, ...] = ()
    exceptions: tuple[str, ...] = ()


def read_yaml(path: str, key: str) -> Any:
    """What a YAML file holds. Raises ValueError, with the name of the key and without the file's content."""
    try:
        return yaml.safe_load(Path(path).read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{key} cannot be read: {type(error).__name__}") from None


def read_category(path: str) -> CategoryFile:
    """A file of a category. Raises ValueError for one that is none, or that has no words."""
    try:
        found = CategoryFile.model_validate(read_yaml(path, "category_file"))
    except ValidationError as error:
        raise ValueError(f"category_file is not a category's: {told(error)}") from None
    if not found.keywords and not found.phrases:
        raise ValueError("category_file has neither keywords nor phrases")
    return found


def told(error: ValidationError) -> str:
    """Where it is wrong and how, without what stands there."""
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or 'all'}: {each['msg']}" for each in error.errors()[:3])
