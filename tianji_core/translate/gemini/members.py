"""How members are called: in camelCase, as Google's documentation and its own libraries have it.

Google's servers take snake_case as well ("ProtoJSON format" in the documentation of Protocol Buffers), but many that
stand in for them do not. So whatever a caller writes in snake_case is brought to the documented names, and nothing is
said twice.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from tianji_core.translate.shapes import as_object

Members = dict[str, Any]

_UNDERSCORE = re.compile(r"(?<=[A-Za-z0-9])_([a-z0-9])")
_CAPITAL = re.compile(r"[A-Z]")
_MAX_DEPTH = 12
"""Objects nested deeper than this are left as they are; Google has none that deep."""
_OF_CALLERS = frozenset(
    {"args", "parameters", "parametersJsonSchema", "response", "responseJsonSchema", "responseSchema"}
)
"""Members with names in them that the caller has chosen: arguments, results and schemas."""
_CONFIG = frozenset(
    {
        "audioTimestamp",
        "candidateCount",
        "enableAffectiveDialog",
        "enableEnhancedCivicAnswers",
        "frequencyPenalty",
        "imageConfig",
        "maxOutputTokens",
        "mediaResolution",
        "presencePenalty",
        "responseJsonSchema",
        "responseLogprobs",
        "responseMimeType",
        "responseModalities",
        "responseSchema",
        "routingConfig",
        "speechConfig",
        "stopSequences",
        "thinkingConfig",
        "topK",
        "topP",
    }
)
_REQUEST = frozenset(
    {"cachedContent", "modelArmorConfig", "safetySettings", "serviceTier", "systemInstruction", "toolConfig"}
)
"""Members of a whole request that callers write in either spelling."""


def camel(name: str) -> str:
    """A name in camelCase; one that is in it already stays."""
    return _UNDERSCORE.sub(lambda found: found[1].upper(), name)


def _snake(name: str) -> str:
    return _CAPITAL.sub(lambda found: f"_{found[0].lower()}", name)


OWN = _CONFIG | {_snake(name) for name in _CONFIG}
"""Members of Google's own that callers write beside OpenAI's parameters; they belong into `generationConfig`."""
GIVEN = frozenset({"generationConfig", "generation_config"})


def documented(value: Any, depth: int = _MAX_DEPTH) -> Any:
    """A copy with documented names for all members. Of two spellings of one, the documented one counts."""
    if depth and isinstance(value, list):
        return [documented(each, depth - 1) for each in value]
    if not depth or not isinstance(value, dict):
        return value
    named: Members = {}
    for name, each in value.items():
        into = camel(name)
        if into == name or into not in value:
            named[into] = each if into in _OF_CALLERS else documented(each, depth - 1)
    return named


def spelled_twice(value: Any, depth: int = _MAX_DEPTH) -> str | None:
    """A member that some object in the value has in both spellings; None if there is none.

    What such an object means depends on who reads it.
    """
    if not depth:
        return None
    if isinstance(value, list):
        return next((name for each in value if (name := spelled_twice(each, depth - 1)) is not None), None)
    if not isinstance(value, dict):
        return None
    for name, each in value.items():
        into = camel(name)
        if into != name and into in value:
            return into
        if into not in _OF_CALLERS and (found := spelled_twice(each, depth - 1)) is not None:
            return found
    return None


def given_config(body: Members) -> Members:
    """The `generationConfig` that a caller wrote, as a new object; empty if there is none."""
    snake, named = (as_object(documented(body.get(name))) for name in ("generation_config", "generationConfig"))
    return {**snake, **named}


def own_config(body: Members) -> Members:
    """What a caller wrote beside OpenAI's parameters that belongs into `generationConfig`."""
    named: Members = documented({name: body[name] for name in body if name in OWN and body[name] is not None})
    return named


def passed_on(body: Members, translated: Collection[str]) -> Members:
    """The members of a body that go to Google as they came, but for the spelling of those that are known."""
    passed: Members = {}
    for name, value in body.items():
        if value is None or name in translated or name in OWN or name in GIVEN:
            continue
        known = camel(name) if camel(name) in _REQUEST else name
        if known == name or body.get(known) is None:
            passed[known] = value
    return passed
