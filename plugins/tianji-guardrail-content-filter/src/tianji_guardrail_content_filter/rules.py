"""From what the config says to what is looked for: categories before patterns before words, as the reference has it."""

from __future__ import annotations

from collections.abc import Iterator

from tianji_guardrail_content_filter.categories import CATEGORIES, ORDER
from tianji_guardrail_content_filter.category_file import CategoryFile, Keyword, Phrase, read_category
from tianji_guardrail_content_filter.filter import Found, Rule
from tianji_guardrail_content_filter.phrases import fuzzy, near, plain, whole
from tianji_guardrail_content_filter.prebuilt import CHECKS
from tianji_guardrail_content_filter.settings import Category, ContentFilterSettings, Word


def rules(settings: ContentFilterSettings) -> list[Rule]:
    """All of them. Raises ValueError for files that cannot be used, and if there is nothing to look for."""
    tag = settings.keyword_redaction_tag
    found = [
        rule
        for each in settings.categories
        if each.enabled
        for rule in _of_category(each, each.severity_threshold or settings.severity_threshold, tag)
    ]
    found += _of_patterns(settings)
    found += _of_words(settings.words(), tag)
    if not found:
        raise ValueError("it has no patterns, no blocked_words and no categories to look for")
    return found


def _of_patterns(settings: ContentFilterSettings) -> Iterator[Rule]:
    for pattern in settings.patterns:
        name = pattern.label
        message = f"Content blocked: {name} pattern detected"
        tag = settings.pattern_redaction_format.replace("{pattern_name}", name.upper())
        yield Rule(
            pattern.expression,
            tag if pattern.action == "MASK" else None,
            Found(name, message, {"error": message, "pattern": name}),
            check=CHECKS.get(name) if pattern.pattern_type == "prebuilt" else None,
        )


def _of_words(words: list[Word], tag: str) -> Iterator[Rule]:
    for action in ("BLOCK", "MASK"):
        listed = {plain(word.keyword): _word(word.keyword, word.description) for word in words if word.action == action}
        texts = [word.keyword for word in words if word.action == action]
        for expression in whole(texts):
            yield Rule(expression, tag if action == "MASK" else None, _word("keyword", None), listed)


def _word(keyword: str, description: str | None) -> Found:
    message = f"Content blocked: keyword '{keyword}' detected"
    detail = {"error": message, "keyword": keyword}
    return Found("keyword", message, {**detail, "description": description} if description else detail)


def _of_category(category: Category, threshold: str, tag: str) -> Iterator[Rule]:
    file = read_category(category.category_file) if category.category_file else _built_in(category.category)
    name, kept = category.category, tag if (category.action or file.default_action) == "MASK" else None
    exceptions = "|".join(whole(file.exceptions, inflected=True)).replace("?P<hit>", "").replace("?P<listed>", "")
    found: dict[str, Found] = {}
    for word in file.keywords:
        found[plain(word.keyword)] = _listed(name, "keyword", word.keyword, word.severity)
    for phrase in file.phrases:
        found[plain(phrase.phrase)] = _listed(name, "phrase", phrase.phrase, phrase.severity)
    severe = [w.keyword for w in file.keywords if ORDER[w.severity] >= ORDER[threshold]]
    phrases = [p for p in file.phrases if ORDER[p.severity] >= ORDER[threshold]]
    severe += [phrase.phrase for phrase in phrases if phrase.match_type == "exact"]
    message = f"Content blocked: {name} category detected"
    unlisted = Found(name, message, {"error": message, "category": name})
    for expression in whole(severe, inflected=True):
        yield Rule(expression, kept, unlisted, found, exceptions=exceptions or None)
    for phrase in phrases:
        if phrase.match_type != "exact":
            by_type = fuzzy(phrase.phrase) if phrase.match_type == "fuzzy" else near(phrase.phrase, phrase.max_distance)
            yield Rule(by_type, kept, found[plain(phrase.phrase)], exceptions=exceptions or None)


def _listed(category: str, kind: str, text: str, severity: str) -> Found:
    message = f"Content blocked: {category} category {kind} '{text}' detected (severity: {severity})"
    return Found(category, message, {"error": message, "category": category, kind: text, "severity": severity})


def _built_in(name: str) -> CategoryFile:
    pairs = [(text, severity) for severity, texts in CATEGORIES[name].items() for text in texts]
    return CategoryFile(
        keywords=tuple(Keyword(keyword=text, severity=severity) for text, severity in pairs if " " not in text),
        phrases=tuple(Phrase(phrase=text, severity=severity) for text, severity in pairs if " " in text),
    )
