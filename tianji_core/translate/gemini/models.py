"""What differs between Google's models, told by family and version in the model's name.

Sources: Google's "Gemini models", "Thinking" (budgets and levels), "Thought signatures", "Structured output" and
"Gemma" pages. A name without a version (fine-tunes, `gemini-flash-latest`) is treated like Gemini 2.5, whose settings
newer models take too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Version = tuple[int, int]

_NAME = re.compile(r"gemini-(?:exp-|live-|robotics-er-)?(\d)(?!\d)(?:[.-](\d)(?!\d))?(?:-(pro|flash-lite|flash))?")


@dataclass(frozen=True, slots=True)
class Traits:
    """What a request to a model has to mind."""

    thinking: Literal["none", "budget", "level"] = "budget"
    """`budget`: `thinkingBudget` in tokens; `level`: `thinkingLevel`; never both in one request."""
    efforts: tuple[str, ...] = ("minimal", "low", "medium", "high")
    """The levels that the model knows, from least to most."""
    least_budget: int = 1
    """The smallest budget above 0 that the model takes."""
    can_rest: bool = True
    """Whether thinking can be switched off by a budget of 0."""
    json_schema: Literal["openapi", "native"] = "native"
    """How answers are held to a schema: `responseSchema` (OpenAPI's subset) or `responseJsonSchema`."""
    system: bool = True
    """Whether the model takes a system instruction."""
    penalties: bool = True
    """Whether `presence_penalty` and `frequency_penalty` are taken."""
    signs_calls: bool = False
    """Whether each step of the history has to show the signature of its first call."""
    call_ids: bool = False
    """Whether calls have ids, which their results have to repeat."""
    media_in_results: bool = False
    """Whether results of functions may hold images and files."""
    makes_images: bool = False
    speaks: bool = False


@lru_cache(maxsize=1024)
def traits(model: str) -> Traits:
    """The traits of a model."""
    name = model.lower().rpartition("/")[2]
    if name.startswith(("gemma", "learnlm")):
        return Traits(thinking="none", system=name.startswith("learnlm"))
    family, version = parse_name(name)
    images, speech = "-image" in name, "-tts" in name
    if version is None:
        return Traits(makes_images=images, speaks=speech)
    newer = version >= (3, 0)
    thinks = version >= (2, 5) or "thinking" in name
    if speech or (images and not newer):
        thinks = False
    return Traits(
        thinking="none" if not thinks else "level" if newer else "budget",
        efforts=_efforts(family, version),
        least_budget={"pro": 128, "flash-lite": 512}.get(family, 1),
        can_rest=family != "pro",
        json_schema="native" if version >= (2, 0) else "openapi",
        penalties=not newer,
        signs_calls=newer,
        call_ids=version >= (3, 5),
        media_in_results=newer,
        makes_images=images,
        speaks=speech,
    )


def parse_name(name: str) -> tuple[str, Version | None]:
    """Family (`pro`, `flash`, `flash-lite` or empty) and version of a model's name."""
    match = _NAME.search(name)
    if match is None:
        return "", None
    return match[3] or "", (int(match[1]), int(match[2] or 0))


def _efforts(family: str, version: Version) -> tuple[str, ...]:
    if family != "pro":
        return ("minimal", "low", "medium", "high")
    return ("low", "medium", "high") if version >= (3, 1) else ("low", "high")
