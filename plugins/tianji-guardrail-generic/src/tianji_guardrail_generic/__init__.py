"""The guardrail `generic_guardrail_api`: any HTTP service of that shape judges what is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_guardrail_generic.guardrail import GenericGuardrail
from tianji_guardrail_generic.settings import GenericSettings

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

NAME = "generic_guardrail_api"
__all__ = ["NAME", "GenericGuardrail", "GenericSettings"]


@hookimpl
def tianji_register_guardrails(register: Register) -> None:
    register(NAME, GenericGuardrail, settings=GenericSettings)
