"""What a model's name says: how it is asked, where it runs, whose it is.

Sources: Bedrock User Guide, "Supported foundation models" (ids), "Supported Regions and models for inference profiles"
(geographic prefixes), "Prompt caching", "Structured outputs", "Reasoning"; the `Converse` API reference (ARNs). The
routes in front of a name (`converse/`, `invoke/`) are LiteLLM's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from tianji_core.translate.anthropic import models as claude_models
from tianji_core.translate.anthropic.models import Traits as ClaudeTraits

Route = Literal["converse", "invoke"]
Reasoning = Literal["none", "claude", "nova", "effort", "nested_effort"]

_ROUTES: dict[str, Route] = {"converse": "converse", "converse_like": "converse", "invoke": "invoke"}
_FAMILIES = {"deepseek_r1": "deepseek.r1", "llama": "meta.llama", "nova": "amazon.nova"}
"""Routes that say which family an ARN is of."""
_OTHER_APIS = frozenset({"agent", "agentcore", "async_invoke", "mantle", "openai"})
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+){1,3}-\d")
_COMMITMENT = re.compile(r"\d+-month-commitment")
_PLACE = re.compile(r"[a-z]{2,6}(?:-[a-z]{2,4})?")
"""A label in front of an id that says across which regions it runs: `us.`, `us-gov.`, `apac.`, `global.`."""
_VENDORS = frozenset(
    [
        "ai21",
        "amazon",
        "anthropic",
        "cohere",
        "deepseek",
        "google",
        "luma",
        "meta",
        "minimax",
        "mistral",
        "moonshot",
        "moonshotai",
        "nvidia",
        "openai",
        "qwen",
        "stability",
        "twelvelabs",
        "writer",
        "xai",
        "zai",
    ]
)
_NATIVE_SCHEMA = (
    "deepseek.v3",
    "google.gemma-3",
    "minimax.",
    "mistral.magistral",
    "mistral.ministral",
    "mistral.mistral-large-3",
    "mistral.voxtral",
    "moonshot",
    "nvidia.nemotron",
    "openai.gpt-oss",
    "qwen.qwen3",
)
"""Beginnings of names of models that can be held to a schema without a tool, beside Claude from 4.5 on."""


@dataclass(frozen=True, slots=True)
class Target:
    """A model as the config writes it, taken apart."""

    id: str
    """What the vendor's URL names: an id, a profile's id or an ARN."""
    name: str
    """Vendor and model, without the place in front; empty where an ARN does not tell."""
    region: str | None
    """The region, if the name says it."""
    route: Route
    api: str = ""
    """An API of AWS's beside the Bedrock runtime that the name asks for; there is none here."""
    settled: bool = False
    """Whether the name says the route; otherwise it is the usual one."""

    @property
    def foundation(self) -> str:
        """The model itself, without the regions across which a profile runs it."""
        return self.name or self.id


@dataclass(frozen=True, slots=True)
class Traits:
    """What a request to a model has to mind."""

    claude: ClaudeTraits | None
    """What differs between the Claude models, if it is one."""
    nova: int
    """The generation of Amazon's Nova; 0 for other models."""
    reasoning: Reasoning
    """How an effort of reasoning is asked for."""
    native_schema: bool
    """Whether an answer is held to a schema by `outputConfig`; otherwise a tool stands for the answer."""
    caches: bool
    """Whether cache points may be set."""
    long_caches: bool
    """Whether they may say how long."""
    serial_tools: bool
    """Whether a model can be told to call one tool at a time."""


@lru_cache(maxsize=1024)
def parse_model(model: str) -> Target:
    """The parts of a name such as `invoke/us-east-1/us.anthropic.claude-…` or `converse/arn:aws:bedrock:…`."""
    route: Route = "converse"
    region = family = None
    api = ""
    settled = False
    rest = model
    while "/" in rest and not rest.startswith("arn:"):
        head, _, tail = rest.partition("/")
        if head in _ROUTES:
            route, settled = _ROUTES[head], True
        elif head in _FAMILIES:
            family = _FAMILIES[head]
        elif head in _OTHER_APIS:
            api = head
        elif _REGION.fullmatch(head):
            region = head
        elif not _COMMITMENT.fullmatch(head):
            break
        rest = tail
    name = rest
    if rest.startswith("arn:"):
        parts = rest.split(":", 5)
        region = region or (parts[3] if len(parts) > 3 and _REGION.fullmatch(parts[3]) else None)
        kind, _, name = parts[5].partition("/") if len(parts) > 5 else ("", "", "")
        if kind not in ("foundation-model", "inference-profile"):
            name = ""
    return Target(rest, _base(name) or family or "", region, route, api, settled)


@lru_cache(maxsize=1024)
def traits(name: str) -> Traits:
    """The traits of a model by `Target.name`; an unknown one is taken to be able to do what most can."""
    nova = _nova(name)
    claude: ClaudeTraits | None = None
    version = claude_models.parse_name(name)[1] or (0, 0)
    if "claude" in name:
        found = claude_models.traits(name)
        # Bedrock has no beta of structured outputs: models from 4.5 on have the finished thing, others a tool.
        claude = replace(found, json_schema="native" if version >= (4, 5) else "tool")
    caches = _claude_caches(name, version) if claude else nova > 0 or not name
    return Traits(
        claude=claude,
        nova=nova,
        reasoning=_reasoning(name, claude, nova),
        native_schema=(claude is not None and claude.json_schema == "native") or name.startswith(_NATIVE_SCHEMA),
        caches=caches,
        long_caches=claude is not None and version >= (4, 5),
        serial_tools=claude is not None and version >= (4, 5),
    )


def _base(name: str) -> str:
    """The name without the place in front of it."""
    place, dot, rest = name.partition(".")
    if dot and place not in _VENDORS and "." in rest and _PLACE.fullmatch(place):
        return rest
    return name


def _nova(name: str) -> int:
    if "amazon.nova" not in name:
        return 0
    return 2 if "nova-2" in name or "nova-premier-v2" in name else 1


def _claude_caches(name: str, version: tuple[int, int]) -> bool:
    """Whether this Claude has prompt caching on Bedrock: 3.5 Haiku, the second 3.5 Sonnet, and all from 3.7 on."""
    if version == (0, 0):
        return True
    return version >= (3, 7) or (version == (3, 5) and ("haiku" in name or "-v2" in name))


def _reasoning(name: str, claude: ClaudeTraits | None, nova: int) -> Reasoning:
    if claude is not None:
        return "none" if claude.thinking == "none" else "claude"
    if nova >= 2:
        return "nova"
    if name.startswith(("openai.gpt-oss", "deepseek.v3")):
        return "effort"
    return "nested_effort" if name.startswith("openai.gpt-") else "none"
