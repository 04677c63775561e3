"""From a call record to one line of JSON in the shape that log sinks know, whatever the record holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import orjson

from tianji_core.api.callback import CallRecord
from tianji_core.api.standard_payload import standard_payload

_FOREIGN = ("messages", "response", "model_parameters", "metadata")
"""Members whose content others made: without them a payload can always be written down."""


def standard_json(record: CallRecord) -> bytes:
    """The standard payload as one line of JSON in UTF-8; never raises.

    A payload that cannot be written (nested too deeply) loses content and metadata rather than the whole event.
    """
    payload = standard_payload(record)
    try:
        return any_json(payload)
    except (TypeError, ValueError, RecursionError):
        return any_json({**payload, **dict.fromkeys(_FOREIGN)})


def any_json(value: Any) -> bytes:
    """Anything as one line of JSON in UTF-8. What JSON cannot say is replaced: sets become lists, other objects their
    type's name, NaN and infinities null. Raises TypeError, ValueError or RecursionError for what is nested too deeply.
    """
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:  # lone surrogates, integers beyond 64 bits, nesting beyond 254: the slow writer takes more
        return json.dumps(value, default=_plain, separators=(",", ":"), allow_nan=False).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, AbstractSet | tuple):
        return list(value)
    return f"<{type(value).__name__}>"
