"""Under which names a price table may have a model: vendors, regions and people write them in several ways."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tianji_core.accounting.prices.table import Price

_VENDOR = {
    "ai21_chat": "ai21",
    "azure_text": "azure",
    "codestral": "mistral",
    "cohere_chat": "cohere",
    "ollama_chat": "ollama",
    "text-completion-codestral": "mistral",
    "text-completion-openai": "openai",
    "vertex_ai_beta": "vertex_ai",
    "vllm": "hosted_vllm",
}
"""Names that a provider has beside the one that price tables use."""

_FAMILY = {
    "ai21": ("ai21",),
    "anthropic": ("anthropic",),
    "azure": ("azure", "azure_text"),
    "bedrock": ("bedrock", "bedrock_converse"),
    "cohere": ("cohere", "cohere_chat"),
    "gemini": ("gemini",),
    "jina_ai": ("jina_ai",),
    "mistral": ("mistral", "codestral", "text-completion-codestral"),
    "openai": ("openai", "text-completion-openai"),
    "vertex_ai": ("vertex_ai",),
    "voyage": ("voyage",),
}
"""Whose a model without a vendor in its name is: `litellm_provider` of the table, or what that begins with."""

_BEDROCK_ROUTE = re.compile(r"^(converse|converse_like|invoke|bedrock)/")
_BEDROCK_PROFILE = re.compile(r"^(us|eu|apac|ap|au|jp|ca|sa|global|us-gov)\.(?=[a-z0-9-]+\.)")
_FINE_TUNED = re.compile(r"^(ft:[^:]+):")
_AT_VERSION = re.compile(r"@[\w.-]+$")


def names_of(provider: str, model: str, region: str | None = None) -> Iterator[str]:
    """Names to look a model up by, the most exact first; `provider` is the name of a provider, `model` its vendor's."""
    vendor = _VENDOR.get(provider, provider)
    if vendor == "bedrock":
        yield from _bedrock_names(model, region)
        return
    yield f"{vendor}/{model}"
    yield model
    if (tuned := _FINE_TUNED.match(model)) is not None:
        yield tuned[1]
    if vendor == "vertex_ai":
        plain = model.rpartition("/")[2]  # publishers/anthropic/models/NAME
        plain = _AT_VERSION.sub("", plain)
        if plain != model:
            yield f"vertex_ai/{plain}"
            yield plain
    if vendor == "fireworks_ai" and "/" not in model:
        yield f"fireworks_ai/accounts/fireworks/models/{model}"
    if vendor == "gemini" and model.startswith("models/"):
        yield f"gemini/{model.removeprefix('models/')}"
    if model != model.lower():
        yield f"{vendor}/{model.lower()}"


def _bedrock_names(model: str, region: str | None) -> Iterator[str]:
    model = _BEDROCK_ROUTE.sub("", model)
    plain = _BEDROCK_PROFILE.sub("", model)
    for name in dict.fromkeys((model, plain)):
        if region:
            yield f"bedrock/{region}/{name}"
        yield name
        yield f"bedrock/{name}"


def is_of(provider: str, name: str, price: Price) -> bool:
    """Whether what a table says under a name is about this provider's model, not about another's of the same name."""
    vendor = _VENDOR.get(provider, provider)
    if name.startswith(f"{vendor}/"):
        return True
    whose = str(price.get("litellm_provider") or "")
    family = _FAMILY.get(vendor, (vendor,))
    return whose in family or (vendor in ("vertex_ai", "fireworks_ai") and whose.startswith(vendor))
