"""The guardrail `prompt_injection`: refuses well-known prompt injections, by heuristics alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_guardrail_prompt_injection.guardrail import REASON, PromptInjection, PromptInjectionSettings

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

NAME = "prompt_injection"
__all__ = ["NAME", "REASON", "PromptInjection", "PromptInjectionSettings"]


@hookimpl
def tianji_register_guardrails(register: Register) -> None:
    register(NAME, PromptInjection, settings=PromptInjectionSettings)
