"""The guardrail `presidio`: personal data that Microsoft Presidio finds is masked, or refuses the call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_guardrail_presidio.guardrail import Presidio
from tianji_guardrail_presidio.settings import PresidioSettings

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

NAME = "presidio"
__all__ = ["NAME", "Presidio", "PresidioSettings"]


@hookimpl
def tianji_register_guardrails(register: Register) -> None:
    register(NAME, Presidio, settings=PresidioSettings)
