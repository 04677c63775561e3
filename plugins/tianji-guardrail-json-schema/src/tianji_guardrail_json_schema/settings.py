"""What the config says to the guardrail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from tianji_core.api.guardrail import GuardrailSettings
from tianji_core.api.settings import LocalFile
from tianji_guardrail_json_schema.schema import Schema


class JsonSchemaSettings(GuardrailSettings):
    """The keys of the guardrail's `litellm_params`."""

    json_schema: dict[str, Any] | None = Field(None, description="The schema (JSON Schema, draft 2020-12 by default)")
    schema_file: LocalFile | None = Field(None, description="A file that has it")
    from_request: bool = Field(False, description="Use the schema of the request's response_format, if it has one")
    on_invalid: Literal["block", "repair"] = Field("repair", description="What becomes of an answer that does not fit")
    repair_model: str | None = Field(None, description="A model of this gateway that is asked to put it right")
    max_repairs: int = Field(1, ge=1, le=3, description="How often it is asked")

    @model_validator(mode="after")
    def _has_a_schema(self) -> JsonSchemaSettings:
        given = self.schema_given()
        if given is None and not self.from_request:
            raise ValueError("needs json_schema, schema_file, or from_request: true")
        if given is not None:
            Schema(given)
        return self

    def schema_given(self) -> Any:
        """The config's schema, or None. Raises ValueError for a file that has none."""
        if self.schema_file is None:
            return self.json_schema
        try:
            return json.loads(Path(self.schema_file).read_text())
        except (OSError, ValueError) as error:
            raise ValueError(f"schema_file cannot be read: {type(error).__name__}") from None
