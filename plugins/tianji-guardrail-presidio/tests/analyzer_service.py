"""The REST API of Presidio's analyzer around the real engine: its pattern recognizers, which need no language model.

The package on PyPI has the engine without the server; this speaks what the server speaks.
"""

from __future__ import annotations

import logging
import re
from functools import cache
from typing import Any

from presidio_analyzer import AnalyzerEngine, PatternRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine

logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)


class Words(NlpEngine):
    """Cuts texts into words, and finds no entities of its own."""

    engine_name = "words"
    is_available = True

    def load(self) -> None: ...

    def is_loaded(self) -> bool:
        return True

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        words = re.findall(r"\w+", text)
        return NlpArtifacts([], _Tokens(), [], words, self, language)

    def process_batch(self, texts: Any, language: str, **named: Any) -> Any:
        return ((text, self.process_text(text, language)) for text in texts)

    def is_stopword(self, word: str, language: str) -> bool:
        return False

    def is_punct(self, word: str, language: str) -> bool:
        return False

    def get_supported_entities(self) -> list[str]:
        return []

    def get_supported_languages(self) -> list[str]:
        return ["en"]


class _Tokens(list[Any]):
    """No tokens: what recognizers would look around for context words."""


@cache
def engine() -> AnalyzerEngine:
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    return AnalyzerEngine(registry=registry, nlp_engine=Words(), supported_languages=["en"])


def says(body: Any) -> Any:
    """What the server answers to a request."""
    ad_hoc = [PatternRecognizer.from_dict(each) for each in body.get("ad_hoc_recognizers") or ()]
    found = engine().analyze(
        text=body["text"], language="en", entities=body.get("entities"), ad_hoc_recognizers=ad_hoc or None
    )
    kept = ("start", "end", "entity_type", "score")
    return [{name: value for name, value in each.to_dict().items() if name in kept} for each in found]
