"""The guardrail `litellm_content_filter`: patterns, words and categories, with no service to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_guardrail_content_filter.guardrail import ContentFilter
from tianji_guardrail_content_filter.settings import ContentFilterSettings

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

NAMES = ("litellm_content_filter", "content_filter")
__all__ = ["NAMES", "ContentFilter", "ContentFilterSettings"]


@hookimpl
def tianji_register_guardrails(register: Register) -> None:
    for name in NAMES:
        register(name, ContentFilter, settings=ContentFilterSettings)
