"""The callback `langfuse`, or `langfuse_otel`: each call as a generation in Langfuse (https://langfuse.com)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_callback_langfuse.callback import Langfuse
from tianji_callback_langfuse.settings import LangfuseSettings
from tianji_core import hookimpl

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

NAMES = ("langfuse", "langfuse_otel")
__all__ = ["NAMES", "Langfuse", "LangfuseSettings"]


@hookimpl
def tianji_register_callbacks(register: Register) -> None:
    for name in NAMES:
        register(name, Langfuse, settings=LangfuseSettings)
