"""What the config and the environment say about Presidio."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from tianji_core.api.guardrail import GuardrailSettings
from tianji_core.api.settings import LocalFile

Where = Literal["input", "output", "both"]


class PresidioSettings(GuardrailSettings):
    """The keys of the guardrail's `litellm_params`."""

    presidio_analyzer_api_base: str | None = Field(None, description="The analyzer; else PRESIDIO_ANALYZER_API_BASE")
    presidio_local: bool = Field(
        False, description="Presidio's engine in this process instead; needs tianji-guardrail-presidio[local]"
    )
    presidio_spacy_model: LocalFile | None = Field(
        None, description="A spaCy model, by its package or folder, that presidio_local finds names and places with"
    )
    presidio_anonymizer_api_base: str | None = Field(
        None, description="Taken and left alone: the gateway masks by itself what the analyzer finds"
    )
    pii_entities_config: dict[str, Literal["MASK", "BLOCK"]] = Field(
        default_factory=dict, description="What becomes of which entities; without it all are masked"
    )
    presidio_score_thresholds: dict[str, float] = Field(
        default_factory=dict, description="Scores (0 to 1) from which a finding counts, by entity or for ALL"
    )
    presidio_entities_deny_list: list[str] = Field(default_factory=list, description="Entities that do not count")
    presidio_language: str = Field("en", description="Language of the texts")
    presidio_filter_scope: Where = Field("both", description="Whether requests, answers or both are looked at")
    presidio_run_on: Where | None = Field(None, description="The same")
    output_parse_pii: bool = Field(False, description="Put what was masked in the request back into the answer")
    presidio_ad_hoc_recognizers: LocalFile | None = Field(None, description="A JSON file of further recognizers")
    presidio_more_recognizers: bool = Field(True, description="Recognizers of this package for what Presidio misses")
    presidio_analyze_chunk_size_bytes: int = Field(
        10_000, ge=1000, description="Longest text that is analyzed in one go, in characters; longer ones are cut"
    )
    """The time that Presidio takes grows with the square of what it finds in a text."""
    request_timeout: float = Field(10.0, gt=0, description="Seconds for one request to an analyzer service")

    @field_validator("presidio_score_thresholds")
    @classmethod
    def _are_scores(cls, thresholds: dict[str, float]) -> dict[str, float]:
        if not all(0 <= score <= 1 for score in thresholds.values()):
            raise ValueError("a threshold is between 0 and 1")
        return thresholds

    @model_validator(mode="after")
    def _is_somewhere(self) -> PresidioSettings:
        if self.presidio_local:
            self._can_be_local()
        elif self.presidio_spacy_model is not None:
            raise ValueError("presidio_spacy_model needs presidio_local: true; a service has its own models")
        elif not self.analyzer:
            raise ValueError("needs presidio_analyzer_api_base, PRESIDIO_ANALYZER_API_BASE or presidio_local: true")
        self.recognizers_of_file()
        return self

    def _can_be_local(self) -> None:
        if self.presidio_analyzer_api_base is not None:
            raise ValueError("presidio_local and presidio_analyzer_api_base exclude each other")
        if find_spec("presidio_analyzer") is None:
            raise ValueError("presidio_local needs presidio-analyzer: pip install tianji-guardrail-presidio[local]")
        model = self.presidio_spacy_model
        # spaCy would download it.
        if model is not None and not (Path(model).is_dir() or (model.isidentifier() and find_spec(model))):
            raise ValueError(f"presidio_spacy_model: {model} is neither installed nor a folder")

    @property
    def analyzer(self) -> str:
        return self.presidio_analyzer_api_base or self.env("PRESIDIO_ANALYZER_API_BASE") or ""

    @property
    def scope(self) -> Where:
        return self.presidio_run_on or self.presidio_filter_scope

    def recognizers_of_file(self) -> list[dict[str, Any]]:
        """The recognizers of the file. Raises ValueError for one that holds none."""
        if self.presidio_ad_hoc_recognizers is None:
            return []
        try:
            found = json.loads(Path(self.presidio_ad_hoc_recognizers).read_text())
        except (OSError, ValueError) as error:
            raise ValueError(f"presidio_ad_hoc_recognizers cannot be read: {type(error).__name__}") from None
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise ValueError("presidio_ad_hoc_recognizers has to be a list of recognizers")
        return found
