"""Where a call belongs in a trace."""

from __future__ import annotations

import pytest

from tianji_core.api.trace import Trace, span_of, trace_of

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (f"00-{TRACE}-{PARENT}-01", True),
        (f"00-{TRACE}-{PARENT}-00", False),
        (f"00-{TRACE}-{PARENT}-03", True),
        (f"cc-{TRACE}-{PARENT}-01-what-comes-later", True),
    ],
)
def test_the_callers_trace(header, sampled):
    assert trace_of("id", header) == Trace(int(TRACE, 16), int(PARENT, 16), sampled)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "x",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE}-{PARENT}-01-more",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{PARENT}-01\n",
        f"00-{TRACE[:-1]}-{PARENT}-01",
    ],
)
def test_what_names_none_begins_one(header):
    found = trace_of("id", header)
    assert found == trace_of("id")
    assert found.parent_id is None
    assert found.sampled
    assert 0 < found.trace_id < 2**128


def test_ids_follow_from_the_calls():
    assert trace_of("a") == trace_of("a") != trace_of("b")
    ids = {span_of("a"), span_of("a", 0), span_of("a", 1), span_of("b"), span_of("b", 0)}
    assert len(ids) == 5
    assert all(0 < each < 2**64 for each in ids)
    assert trace_of("half a character \ud800").trace_id


def test_the_header_for_a_vendor():
    trace = trace_of("id", f"00-{TRACE}-{PARENT}-01")
    assert trace.header(255) == f"00-{TRACE}-00000000000000ff-01"
    assert trace_of("id", f"00-{TRACE}-{PARENT}-00").header(1).endswith("-00")
