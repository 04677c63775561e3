"""What is known of a model, for listings: from its provider's declarations and from what the row says itself.

The names are the reference's. Prices and limits come from the price table, under the row's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tianji_core.accounting.prices import Pricing
from tianji_core.api.provider import Feature, Operation, Provider
from tianji_core.config.schema.prices import is_amount, is_price_key
from tianji_core.routing import Deployment
from tianji_core.wire.openai import PARAMS

MODES: dict[Operation, str] = {
    "chat": "chat",
    "completions": "completion",
    "embeddings": "embedding",
    "rerank": "rerank",
    "moderations": "moderation",
    "images": "image_generation",
    "image_edits": "image_edit",
    "image_variations": "image_generation",
    "speech": "audio_speech",
    "transcriptions": "audio_transcription",
    "translations": "audio_transcription",
    "realtime": "realtime",
}
"""The reference's word for what a model is for."""

_BY_NAME: tuple[tuple[str, Operation], ...] = (
    ("realtime", "realtime"),
    ("embed", "embeddings"),
    ("rerank", "rerank"),
    ("moderation", "moderations"),
    ("whisper", "transcriptions"),
    ("transcribe", "transcriptions"),
    ("tts", "speech"),
    ("dall-e", "images"),
    ("gpt-image", "images"),
    ("imagen", "images"),
)
"""Parts of names that say what a model is for, where its provider does several things."""

_SUPPORTS: dict[str, tuple[Feature, str | None]] = {
    "supports_function_calling": ("tools", "tools"),
    "supports_parallel_function_calling": ("parallel_tools", "tools"),
    "supports_tool_choice": ("tool_choice", "tool_choice"),
    "supports_response_schema": ("json_schema", "response_format"),
    "supports_vision": ("images", None),
    "supports_audio_input": ("audio", None),
    "supports_pdf_input": ("files", None),
    "supports_prompt_caching": ("prompt_caching", None),
    "supports_reasoning": ("reasoning", "reasoning_effort"),
}
"""The feature that a provider declares, and the parameter without which the model does not have it after all."""


def operation_of(provider: Provider, model: str) -> Operation:
    """What a model is for, going by its provider's operations and its name."""
    operations = provider.capabilities.operations
    name = model.lower()
    for part, operation in _BY_NAME:
        if part in name and operation in operations:
            return operation
    first: tuple[Operation, ...] = ("chat", "completions")
    return next((each for each in (*first, *MODES) if each in operations), "chat")


def supported_params(provider: Provider, model: str, operation: Operation) -> list[str]:
    """The OpenAI parameters that a model takes, by name."""
    supported = provider.supported_params(model, operation)
    found = set(PARAMS[operation] if supported is None else supported & PARAMS[operation])
    if operation in ("chat", "completions") and "streaming" in provider.capabilities.features:
        found.add("stream")
    return sorted(found)


def model_facts(deployment: Deployment, model: str | None = None) -> dict[str, Any]:
    """What is known of a deployment's model: mode, parameters, what it supports (true, or null for no or unknown).

    What the row's `model_info` says wins.
    """
    model = deployment.model if model is None else model
    provider, info = deployment.provider, deployment.info
    operation = operation_of(provider, model)
    priced = price_facts(deployment, model)
    params = supported_params(provider, model, operation)
    facts: dict[str, Any] = {
        "key": model,
        "litellm_provider": deployment.provider_name,
        "mode": MODES[operation],
        "max_tokens": info.get("max_output_tokens"),
        "max_input_tokens": None,
        "max_output_tokens": None,
        "tpm": deployment.tpm,
        "rpm": deployment.rpm,
        "supported_openai_params": params,
        "supports_system_messages": True if operation == "chat" else None,
    }
    features = provider.features(model) if operation == "chat" else frozenset()
    for name, (feature, param) in _SUPPORTS.items():
        facts[name] = True if feature in features and (param is None or param in params) else None
    return {**facts, **priced, **_numbered(info)}


def price_facts(deployment: Deployment, model: str) -> dict[str, Any]:
    """What the price table, a plugin or the row says of a model: its prices, its limits, what it is for.

    Without a price table's entry, empty; otherwise the prices of tokens are there, null where there are none.
    """
    pricing: Pricing | None = deployment.pricing
    listed = pricing.listed(model) if pricing is not None else None
    if listed is None:
        return {}
    found = dict.fromkeys(_PRICES_SHOWN)
    found.update((name, value) for name, value in listed.items() if name not in _NOT_SHOWN)
    found.setdefault("max_tokens", listed.get("max_output_tokens"))
    found["pricing_overrides"] = sorted(pricing.overrides) if pricing is not None else []
    return found


_PRICES_SHOWN = (
    "input_cost_per_token",
    "output_cost_per_token",
    "cache_read_input_token_cost",
    "cache_creation_input_token_cost",
)
_NOT_SHOWN = frozenset({"litellm_provider", "web_search_billing_unit", "deprecation_date", "fedramp_uplift_multiplier"})


def _numbered(info: Mapping[str, Any]) -> dict[str, Any]:
    """The row's own words; prices that YAML took for text are numbers."""
    return {
        name: float(value) if isinstance(value, str) and is_price_key(name) and is_amount(value) else value
        for name, value in info.items()
    }


def group_facts(group: str, deployments: Iterable[Deployment]) -> dict[str, Any]:
    """What is known of a model group: what any of its deployments can do, the sums of their limits."""
    rows = [model_facts(deployment) for deployment in deployments]
    supports = {name: any(row.get(name) is True for row in rows) for name in _SUPPORTS}
    return {
        "model_group": group,
        "providers": list(dict.fromkeys(row["litellm_provider"] for row in rows)),
        "input_cost_per_token": _most(row.get("input_cost_per_token") for row in rows),
        "output_cost_per_token": _most(row.get("output_cost_per_token") for row in rows),
        "max_input_tokens": _most(row.get("max_input_tokens") for row in rows),
        "max_output_tokens": _most(row.get("max_output_tokens") for row in rows),
        "mode": next((row["mode"] for row in rows if row.get("mode")), None),
        "tpm": _sum(row.get("tpm") for row in rows),
        "rpm": _sum(row.get("rpm") for row in rows),
        **supports,
        "supported_openai_params": sorted({param for row in rows for param in row["supported_openai_params"]}),
        "is_public_model_group": False,
    }


def _most(values: Iterable[Any]) -> Any:
    return max((v for v in values if isinstance(v, (int, float))), default=None)


def _sum(values: Iterable[Any]) -> int | None:
    numbers = [v for v in values if isinstance(v, int)]
    return sum(numbers) if numbers else None
