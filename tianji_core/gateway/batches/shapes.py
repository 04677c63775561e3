"""Batches as OpenAI shows them, what a request for one has to look like, and how one is written down.

https://platform.openai.com/docs/api-reference/batch
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from tianji_core.api.call import Principal
from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body
from tianji_core.gateway.batches import KIND
from tianji_core.gateway.batches.calls import ENDPOINTS
from tianji_core.store.objects import StoredObject, new_id

MAX_METADATA, MAX_METADATA_KEY, MAX_METADATA_VALUE = 16, 64, 512
MAX_WINDOW = 14 * 24 * 3600
"""Seconds; OpenAI's own is 24 hours."""
_WINDOW = re.compile(r"([1-9][0-9]{0,6})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_TIMES = (
    "in_progress_at",
    "expires_at",
    "finalizing_at",
    "completed_at",
    "failed_at",
    "expired_at",
    "cancelling_at",
    "cancelled_at",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request for a batch asks. `window` and `output_life` are in seconds."""

    input_file_id: str
    endpoint: str
    completion_window: str
    window: int
    metadata: dict[str, str] | None
    output_life: int | None
    provider: str | None


def read_request(body: Any, provider: str | None) -> Asked:
    """A request for a batch; `provider` is what its path or header names. Raises BadRequestError."""
    if not isinstance(body, dict):
        raise BadRequestError("The request body must be a JSON object.", param="request_body")
    named = {name: _text(body, name) for name in ("input_file_id", "endpoint", "completion_window")}
    if named["endpoint"] not in ENDPOINTS:
        supported = ", ".join(f"'{endpoint}'" for endpoint in ENDPOINTS)
        raise BadRequestError(
            f"Invalid value: '{named['endpoint'][:200]}'. Supported values are: {supported}.", param="endpoint"
        )
    found = _WINDOW.fullmatch(named["completion_window"])
    window = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 0 < window <= MAX_WINDOW:
        raise BadRequestError(
            "completion_window must be a time such as '24h', of at most 14 days.", param="completion_window"
        )
    return Asked(
        **named,
        window=window,
        metadata=_metadata(body.get("metadata")),
        output_life=_life(body.get("output_expires_after")),
        provider=provider or (_text(body, "custom_llm_provider") if body.get("custom_llm_provider") else None),
    )


def _text(body: Body, name: str) -> str:
    value = body.get(name)
    if value is None or value == "":
        raise BadRequestError(f"Missing required parameter: '{name}'.", param=name)
    if not isinstance(value, str):
        raise BadRequestError(f"Invalid type for '{name}': expected a string.", param=name)
    return value


def _metadata(value: Any) -> dict[str, str] | None:
    if value is None:
        return None
    fits = (
        isinstance(value, dict)
        and len(value) <= MAX_METADATA
        and all(isinstance(v, str) and len(v) <= MAX_METADATA_VALUE for v in value.values())
        and all(len(k) <= MAX_METADATA_KEY for k in value)
    )
    if not fits:
        raise BadRequestError(
            f"metadata must be an object of at most {MAX_METADATA} texts, with names of at most {MAX_METADATA_KEY} and "
            f"values of at most {MAX_METADATA_VALUE} characters.",
            param="metadata",
        )
    return dict(value)


def _life(value: Any) -> int | None:
    """The seconds that output files live."""
    if value is None:
        return None
    seconds = value.get("seconds") if isinstance(value, dict) and value.get("anchor") == "created_at" else None
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 3600 <= seconds <= 2_592_000:
        raise BadRequestError(
            "output_expires_after needs the anchor 'created_at' and seconds from 3600 to 2592000.",
            param="output_expires_after",
        )
    return seconds


def new_batch(asked: Asked, principal: Principal, prefix: str = "batch_") -> StoredObject:
    """A batch that nobody has looked at yet."""
    now = time.time()
    return StoredObject(
        new_id(prefix),
        KIND,
        principal.owner,
        {
            "endpoint": asked.endpoint,
            "input_file_id": asked.input_file_id,
            "completion_window": asked.completion_window,
            "metadata": asked.metadata,
            "output_life": asked.output_life,
            "provider": asked.provider,
            "principal": _written(principal),
            "expires_at": now + asked.window,
            "counts": {"total": 0, "completed": 0, "failed": 0},
            "pieces": 0,
        },
        created_at=now,
        status="validating",
    )


def batch_object(stored: StoredObject) -> Body:
    """The batch object of OpenAI's API."""
    data = stored.data
    errors = data.get("errors")
    times = {name: int(data[name]) if data.get(name) is not None else None for name in _TIMES}
    shown: Body = {
        "id": stored.id,
        "object": "batch",
        "endpoint": data["endpoint"],
        "errors": None if errors is None else {"object": "list", "data": errors},
        "input_file_id": data["input_file_id"],
        "completion_window": data["completion_window"],
        "status": stored.status,
        "output_file_id": data.get("output_file_id"),
        "error_file_id": data.get("error_file_id"),
        "created_at": int(stored.created_at),
        **times,
        "request_counts": _counts(stored),
        "metadata": data["metadata"],
    }
    if data.get("usage") is not None:
        shown["usage"] = _usage(data["usage"])
    return shown


def _counts(stored: StoredObject) -> Body:
    """How many lines are done; while a vendor does them, as it says."""
    counts: dict[str, int] = stored.data["counts"]
    there = (stored.data.get("native") or {}).get("counts")
    if there is None or stored.status not in ("in_progress", "cancelling"):
        return counts
    return {name: number + there.get(name, 0) for name, number in counts.items()}


def _usage(usage: Mapping[str, int]) -> Body:
    """Usage as batches tell it, in the words of the Responses API."""
    prompt, answer = usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": usage.get("cached_tokens", 0)},
        "output_tokens": answer,
        "output_tokens_details": {"reasoning_tokens": usage.get("reasoning_tokens", 0)},
        "total_tokens": prompt + answer,
    }


def _written(principal: Principal) -> Body:
    """A principal as JSON, to be kept with what is done for him later."""
    values = asdict(principal)
    values["metadata"] = dict(principal.metadata)
    written: Body = orjson.loads(orjson.dumps(values, default=_plain, option=orjson.OPT_NON_STR_KEYS))
    return written


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset | set) else str(value)


def principal_of(stored: StoredObject) -> Principal:
    """Whose the batch is, with the rights he had when he made it."""
    kept = stored.data["principal"]
    return Principal(**{**kept, "roles": frozenset(kept["roles"]), "models": frozenset(kept["models"])})
