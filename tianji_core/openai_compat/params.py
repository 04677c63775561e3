"""Parameters as a vendor takes them: other names, other values, and what its answers cannot be asked for."""

from __future__ import annotations

from collections.abc import Mapping

from tianji_core.api.errors import UnsupportedParamsError
from tianji_core.api.provider import Body, Capabilities, Feature

OPENAI_ONLY = frozenset(
    {
        "audio",
        "function_call",
        "functions",
        "modalities",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "verbosity",
        "web_search_options",
    }
)
"""Parameters of chat that hardly any vendor but OpenAI has."""

OPENAI_ONLY_AUDIO = frozenset({"chunking_strategy", "include", "known_speaker_names", "known_speaker_references"})
"""The same of transcriptions."""

OPENAI_ONLY_IMAGES = frozenset(
    {"background", "moderation", "output_compression", "partial_images", "quality", "style", "user"}
)
"""The same of images."""

COHERE_ONLY_RERANK = frozenset({"max_chunks_per_doc", "max_tokens_per_doc", "rank_fields"})
"""Parameters of rerank that hardly any vendor but Cohere has."""

LOW_TO_HIGH = {"minimal": "low", "xhigh": "high", "max": "high"}
"""Values of `reasoning_effort` for vendors that know low, medium and high."""

_FORMATS: dict[str, Feature] = {"json_object": "json_object", "json_schema": "json_schema"}


def rename_params(body: Body, names: Mapping[str, str], values: Mapping[str, Mapping[str, str]]) -> None:
    """Give parameters, and values that are plain words, the vendor's names in place."""
    for name, words in values.items():
        value = body.get(name)
        if isinstance(value, str) and value in words:
            body[name] = words[value]
    for name, theirs in names.items():
        if name in body:
            body[theirs] = body.pop(name)


def check_format(body: Body, capabilities: Capabilities, provider: str, *, drop: bool) -> None:
    """See to it that an answer's format is one that the vendor has.

    Raises UnsupportedParamsError, unless it is to be dropped: then a schema becomes plain JSON where there is that,
    and otherwise goes.
    """
    wanted = body.get("response_format")
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    feature = _FORMATS.get(kind) if isinstance(kind, str) else None
    if feature is None or feature in capabilities.features:
        return
    if not drop:
        raise UnsupportedParamsError(
            f"Provider {provider!r} has no response_format of the type {kind}. To leave it out set "
            "`drop_params: true` in litellm_settings or litellm_params.",
            param="response_format",
            provider=provider,
        )
    if "json_object" in capabilities.features:
        body["response_format"] = {"type": "json_object"}
    else:
        del body["response_format"]
