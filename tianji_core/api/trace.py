"""Where a call belongs in a distributed trace (W3C Trace Context, https://www.w3.org/TR/trace-context/).

The ids of the gateway's own spans follow from the call's id, so that nothing has to be decided, or remembered, while a
call is under way: whoever sends a request to a vendor and whoever writes the spans down later come to the same ones.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import NamedTuple

_HEADER = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


class Trace(NamedTuple):
    """The trace that a call is part of. Ids are numbers of 128 and 64 bits, as OpenTelemetry has them."""

    trace_id: int
    parent_id: int | None
    """The caller's span, if the request brought one."""
    sampled: bool
    """Whether the caller records the trace; a trace that begins here is recorded."""

    def header(self, span_id: int) -> str:
        """`traceparent` for a request that one of our spans makes."""
        return f"00-{self.trace_id:032x}-{span_id:016x}-{'01' if self.sampled else '00'}"


def trace_of(call_id: str, traceparent: str | None = None) -> Trace:
    """The trace of a call: the one that its request names, else one of its own. What is malformed names none."""
    found = _HEADER.fullmatch(traceparent) if traceparent else None
    if found is not None and found[1] != "ff" and (found[1] != "00" or found[5] is None):
        trace_id, parent_id = int(found[2], 16), int(found[3], 16)
        if trace_id and parent_id:
            return Trace(trace_id, parent_id, bool(int(found[4], 16) & 1))
    return Trace(_number(call_id, "trace", 16), None, True)


def span_of(call_id: str, attempt: int | None = None) -> int:
    """The id of the call's own span; or of the span of one of its attempts, counted from 0."""
    return _number(call_id, "call" if attempt is None else f"attempt {attempt}", 8)


def _number(call_id: str, what: str, size: int) -> int:
    """Some number that is not 0, the same for the same call."""
    digest = blake2b(call_id.encode("utf-8", "surrogatepass"), digest_size=size, person=what.encode()[:16])
    return int.from_bytes(digest.digest(), "big") or 1
