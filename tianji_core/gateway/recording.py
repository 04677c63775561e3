"""How a call that is over is written down, and who is told: what the config, the request and its key say."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from tianji_core.api.call import Principal
from tianji_core.api.callback import CallRecord
from tianji_core.api.errors import GatewayError
from tianji_core.gateway.call import Call
from tianji_core.gateway.records import make_record
from tianji_core.telemetry import CallbackDispatcher, OwnCallback

_REDACT = b"x-litellm-enable-message-redaction"
_REDACT_PLAIN = b"litellm-enable-message-redaction"
_SWITCH_OFF = b"x-litellm-disable-callbacks"
_NONE: frozenset[str] = frozenset()
_TRUE = frozenset({b"true", b"1", b"yes"})
_TYPES = {"success": (True, False), "failure": (False, True), "success_and_failure": (True, True)}
Mask = Callable[[Call, CallRecord], Coroutine[Any, Any, CallRecord]]
"""Makes of a call's record what callbacks may see."""
MOST_OWN = 8
"""Callbacks that one key may name."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What the config says of records."""

    content: bool = True
    """Whether prompts and answers are in them."""
    caller: bool = True
    """Whether the key and the user are."""
    may_switch_off: bool = True
    """Whether a request may name callbacks that are not to be told of it."""

    def keeps_answer(self, call: Call, callbacks: CallbackDispatcher) -> bool:
        """Whether somebody will want to see a streamed answer as a whole."""
        return self.content and (callbacks.wants_content or bool(own_callbacks(call.principal)))

    def write(
        self, call: Call, error: GatewayError | None, callbacks: CallbackDispatcher, mask: Mask | None = None
    ) -> None:
        """Tell the callbacks of a call that is over, once `mask` has made of its record what they may see."""
        principal = call.principal
        own = own_callbacks(principal) if principal.metadata else ()
        if not callbacks.active and not own:
            return
        headers = call.headers
        content = self.content
        if content and (_REDACT in headers or _REDACT_PLAIN in headers or principal.metadata):
            content = not _wants_redaction(headers, principal)
        record = make_record(
            call, error, content=content, caller=self.caller, header_prefixes=callbacks.header_prefixes
        )
        switched_off = self._switched_off(call)
        if mask is None or (record.request is None and record.response is None):
            callbacks.put(record, switched_off, own)
        else:
            callbacks.put_later(record, mask(call, record), switched_off, own)

    def _switched_off(self, call: Call) -> frozenset[str]:
        """The names of callbacks that are not told, in lower case."""
        metadata = call.principal.metadata
        named: list[str] = []
        if self.may_switch_off and (header := call.headers.get(_SWITCH_OFF)) is not None:
            named += header.decode("latin-1").split(",")
        if metadata and isinstance(disabled := metadata.get("litellm_disabled_callbacks"), list):
            named += (name for name in disabled if isinstance(name, str))
        return frozenset(name.strip().lower() for name in named) if named else _NONE


def _wants_redaction(headers: Mapping[bytes, bytes], principal: Principal) -> bool:
    return (
        headers.get(_REDACT, b"").lower() in _TRUE
        or headers.get(_REDACT_PLAIN, b"").lower() in _TRUE
        or principal.metadata.get("turn_off_message_logging") is True
    )


def own_callbacks(principal: Principal) -> tuple[OwnCallback, ...]:
    """The callbacks that a key, or its team, has of its own (`metadata.logging`). What is malformed names none."""
    listed = principal.metadata.get("logging") if principal.metadata else None
    if not isinstance(listed, list):
        return ()
    return tuple(found for each in listed[:MOST_OWN] if (found := _own(each)) is not None)


def _own(entry: Any) -> OwnCallback | None:
    if not isinstance(entry, Mapping) or not isinstance(name := entry.get("callback_name"), str):
        return None
    told = _TYPES.get(str(entry.get("callback_type") or "success_and_failure"))
    values = entry.get("callback_vars") or {}
    if told is None or not isinstance(values, Mapping):
        return None
    texts = tuple(sorted((str(key), str(value)) for key, value in values.items()))
    return OwnCallback(name, *told, texts)
