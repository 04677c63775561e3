"""The guardrail `json_schema`: answers fit a schema, are repaired, or are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_guardrail_json_schema.guardrail import JsonSchema
from tianji_guardrail_json_schema.settings import JsonSchemaSettings

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

NAME = "json_schema"
__all__ = ["NAME", "JsonSchema", "JsonSchemaSettings"]


@hookimpl
def tianji_register_guardrails(register: Register) -> None:
    register(NAME, JsonSchema, settings=JsonSchemaSettings)
