"""The callback `generic_api`: finished calls as JSON to a webhook of your own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_callback_generic_api.callback import GenericApi
from tianji_callback_generic_api.settings import GenericApiSettings
from tianji_core import hookimpl

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

NAME = "generic_api"
__all__ = ["NAME", "GenericApi", "GenericApiSettings"]


@hookimpl
def tianji_register_callbacks(register: Register) -> None:
    register(NAME, GenericApi, settings=GenericApiSettings)
