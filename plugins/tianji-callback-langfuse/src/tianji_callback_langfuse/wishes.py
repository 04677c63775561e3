"""What a request says about its trace in Langfuse: members of its `metadata`, or header fields `langfuse_…`."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from tianji_core.api.callback import CallRecord

PREFIX = "langfuse_"
KNOWN = frozenset(
    {
        "existing_trace_id",
        "generation_id",
        "generation_name",
        "mask_input",
        "mask_output",
        "parent_observation_id",
        "prompt",
        "session_id",
        "tags",
        "trace_id",
        "trace_metadata",
        "trace_name",
        "trace_release",
        "trace_user_id",
        "trace_version",
        "update_trace_keys",
        "version",
    }
)
_TRUE = frozenset({"true", "1", "yes"})


def wishes_of(record: CallRecord) -> dict[str, Any]:
    """By their plain names; a header field wins over the metadata, as with LiteLLM."""
    metadata = record.metadata
    found = {name: metadata[name] for name in KNOWN if name in metadata}
    for name, value in metadata.items():
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) in KNOWN:
            found[name.removeprefix(PREFIX)] = value
    return found


def is_true(value: Any) -> bool:
    """Whether a flag is set, which header fields say as text."""
    return value is True or (isinstance(value, str) and value.lower() in _TRUE)


def words_of(value: Any) -> list[str]:
    """A list of texts, which header fields write with commas."""
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    return [str(word) for word in value] if isinstance(value, list) else []


def trace_id_of(text: str) -> str:
    """A trace's id as OTLP has them: 32 hex digits. Another text becomes one as in Langfuse's SDK, by its digest."""
    return text if _is_hex(text, 32) else sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def span_id_of(text: str) -> str:
    """The same for the id of an observation, of 16."""
    return text if _is_hex(text, 16) else sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def _is_hex(text: str, length: int) -> bool:
    return len(text) == length and not set(text) - set("0123456789abcdef") and set(text) != {"0"}


def text_of(value: Any) -> str | None:
    """A text that says something."""
    return value if isinstance(value, str) and value else None


def mapping_of(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
