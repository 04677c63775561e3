"""Presidio's engine in this process. Needs `presidio-analyzer`, the extra `local`."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, cast

from presidio_analyzer import AnalyzerEngine, EntityRecognizer, Pattern, PatternRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine, SpacyNlpEngine
from presidio_analyzer.predefined_recognizers import EmailRecognizer, SpacyRecognizer, UrlRecognizer
from tldextract import TLDExtract

from tianji_core.transport.json_service import ServiceError
from tianji_guardrail_presidio.analyzer import Finding

LANGUAGES = ("de", "en", "es", "fi", "fr", "it", "ko", "nl", "pl", "pt", "sv", "th", "tr")
"""What a request may name beside the language of the config."""
_THREADS = min(4, os.cpu_count() or 1)

logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)  # it warns of each recognizer in another language


class LocalEngine:
    """Presidio's recognizers in a few threads of their own, so that a long text holds up no other call."""

    def __init__(self, language: str, model: str | None, recognizers: Callable[[str], list[dict[str, Any]]]) -> None:
        """`language`: the config's; `model`: of spaCy, for that language; `recognizers`: further ones by language.

        Takes a second, or what the model takes. Raises ValueError for a model or recognizers that cannot be used.
        """
        self._engine = engine(language, model)
        self._further: dict[str, list[EntityRecognizer]] = {}
        self.entities: dict[str, frozenset[str]] = {}
        """All that can be found, by language."""
        for each in self._engine.supported_languages:
            read = map(_read, recognizers(each))
            further = self._further[each] = [found for found in read if found.supported_language == each]
            named = (entity for recognizer in further for entity in recognizer.supported_entities)
            self.entities[each] = frozenset((*self._engine.get_supported_entities(each), *named))
        self._threads: ThreadPoolExecutor | None = None

    async def analyze(self, text: str, language: str, entities: Sequence[str]) -> list[Finding]:
        """What the engine finds. Raises ServiceError for a language that it was not made for."""
        if language not in self.entities:
            raise ServiceError("a language that is not supported")
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="presidio")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._analyze, text, language, entities)

    def _analyze(self, text: str, language: str, entities: Sequence[str]) -> list[Finding]:
        asked = [entity for entity in entities if entity in self.entities[language]]
        if entities and not asked:
            return []
        found = self._engine.analyze(text, language, asked or None, ad_hoc_recognizers=self._further[language])
        return [Finding(each.start, each.end, each.entity_type, each.score) for each in found]

    async def aclose(self) -> None:
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)


@lru_cache(maxsize=4)
def engine(language: str, model: str | None) -> AnalyzerEngine:
    """The engine for a language and a model; guardrails that want the same share it. Raises ValueError."""
    languages = sorted({*LANGUAGES, language})
    spacy = None if model is None else _loaded(language, model)
    registry = RecognizerRegistry(supported_languages=languages)
    registry.load_predefined_recognizers(languages)
    registry.recognizers = list(_usable(registry.recognizers))
    if spacy is not None:
        registry.add_nlp_recognizer(spacy)
    return AnalyzerEngine(registry, _Words(languages, spacy), supported_languages=languages)


def _loaded(language: str, model: str) -> SpacyNlpEngine:
    spacy = SpacyNlpEngine([{"lang_code": language, "model_name": model}])
    try:
        spacy.load()
    except (OSError, ImportError, ValueError) as error:
        raise ValueError(f"the spaCy model {model} cannot be loaded: {type(error).__name__}") from None
    return spacy


def _read(recognizer: dict[str, Any]) -> EntityRecognizer:
    try:
        return PatternRecognizer.from_dict(recognizer)
    except Exception as error:  # whatever it trips over
        raise ValueError(f"a recognizer that Presidio cannot read: {error}") from None


def _usable(recognizers: Iterable[EntityRecognizer]) -> Iterator[EntityRecognizer]:
    """Presidio's own: without those that want a model, off the network, and none that a hostile text makes slow."""
    for each in recognizers:
        if isinstance(each, EmailRecognizer):
            yield _Emails(supported_language=each.supported_language)
        elif isinstance(each, UrlRecognizer):
            patterns = list(map(_from_the_start, UrlRecognizer.PATTERNS))
            yield UrlRecognizer(patterns, supported_language=each.supported_language)
        elif not isinstance(each, SpacyRecognizer):
            yield each


class _Emails(EmailRecognizer):
    """Presidio's, with the public suffixes that `tldextract` brings along: it would fetch newer ones at first use."""

    _suffixes = TLDExtract(cache_dir=None, suffix_list_urls=())

    def validate_result(self, pattern_text: str) -> bool:
        return bool(self._suffixes(pattern_text).fqdn)


def _from_the_start(pattern: Pattern) -> Pattern:
    """A pattern of addresses without a scheme that is tried where the name of a host begins, not at each sign of it:
    a text of 10,000 signs like `a.a.a.` took eight seconds."""
    if pattern.name != "Non schema URL":
        return pattern
    return Pattern(pattern.name, r"(?i)(?<![a-z0-9.\-])" + pattern.regex.removeprefix("(?i)"), pattern.score)


class _Words(NlpEngine):
    """Cuts texts into words, for recognizers to look for their context in; a model reads those of its language."""

    engine_name = "words"
    is_available = True

    def __init__(self, languages: list[str], model: SpacyNlpEngine | None) -> None:
        self._languages = languages
        self._model = model
        self._read_by_model = frozenset(model.get_supported_languages() if model is not None else ())

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        if self._model is not None and language in self._read_by_model:
            return self._model.process_text(text, language)
        words = [(word[0], word.start()) for word in re.finditer(r"\w+", text)]
        words.append(("", len(text)))  # what stands behind the last word has a place too
        tokens: Any = [word for word, _ in words]
        found = NlpArtifacts([], tokens, [start for _, start in words], list(map(str.lower, tokens)), self, language)
        # Presidio only asks what is in them, once for each word around each finding.
        found.keywords = cast("list[str]", frozenset(found.keywords))
        return found

    def load(self) -> None: ...

    def is_loaded(self) -> bool:
        return True

    def process_batch(
        self, texts: Iterable[str], language: str, batch_size: int = 1, n_process: int = 1, **_: Any
    ) -> Iterator[tuple[str, NlpArtifacts]]:
        return ((text, self.process_text(text, language)) for text in texts)

    def is_stopword(self, word: str, language: str) -> bool:
        return False

    def is_punct(self, word: str, language: str) -> bool:
        return not word

    def get_supported_entities(self) -> list[str]:
        return []

    def get_supported_languages(self) -> list[str]:
        return self._languages
