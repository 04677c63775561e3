"""The guardrail `openai_moderation`: a moderation model judges what is said and asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_guardrail_openai_moderation.guardrail import OpenAIModeration
from tianji_guardrail_openai_moderation.settings import OpenAIModerationSettings

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

NAME = "openai_moderation"
__all__ = ["NAME", "OpenAIModeration", "OpenAIModerationSettings"]


@hookimpl
def tianji_register_guardrails(register: Register) -> None:
    register(NAME, OpenAIModeration, settings=OpenAIModerationSettings)
