"""Server-sent events: every cut, every line end, comments, sizes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji_core.wire.sse import DONE, DONE_EVENT, Event, EventTooLarge, SSEDecoder, encode_event


def decode(*pieces, limit=1 << 24):
    decoder = SSEDecoder(limit)
    found = [event for piece in pieces for event in decoder.feed(piece)]
    return found + decoder.finish()


SAMPLES = [
    (b"data: a\n\n", [("", b"a")]),
    (b"data:a\n\n", [("", b"a")]),
    (b"data:  a\n\n", [("", b" a")]),
    (b"data\n\n", [("", b"")]),
    (b"data: \n\n", [("", b"")]),
    (b"data: a\ndata: b\n\n", [("", b"a\nb")]),
    (b"data: a\n\n\n\ndata: b\n\n", [("", b"a"), ("", b"b")]),
    (b"\n\ndata: a\n\n", [("", b"a")]),
    (b": comment\n\ndata: a\n\n", [("", b"a")]),
    (b": comment\ndata: a\n: more\n\n", [("", b"a")]),
    (b"event: error\ndata: a\n\n", [("error", b"a")]),
    (b"data: a\nevent:error\n\n", [("error", b"a")]),
    (b"event: only\n\ndata: a\n\n", [("", b"a")]),
    (b"id: 5\nretry: 10\ndata: a\n\n", [("", b"a")]),
    (b"unknown: x\ndata: a\n\n", [("", b"a")]),
    (b"data: a:b: c\n\n", [("", b"a:b: c")]),
    (b"data: a", [("", b"a")]),
    (b"data: a\n", [("", b"a")]),
    (b"", []),
    (b"\n\n\n", []),
    (b"nonsense", []),
    (b"data: [DONE]\n\n", [("", DONE)]),
    (b"event: \xff\xfe\ndata: \xff\n\n", [("��", b"\xff")]),
]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize(("data", "events"), SAMPLES)
def test_every_cut_and_line_end(data, events, end):
    data = data.replace(b"\n", end)
    wanted = [Event(*event) for event in events]
    if end != b"\n":
        wanted = [Event(e.event, e.data) for e in wanted]
    assert decode(data) == wanted
    assert decode(*(data[i : i + 1] for i in range(len(data)))) == wanted
    for cut in range(len(data) + 1):
        assert decode(data[:cut], data[cut:]) == wanted, cut
        assert decode(data[:cut], b"", data[cut:]) == wanted, cut


@given(
    st.lists(st.sampled_from([b"data: x", b"data", b": c", b"event: e", b"\n", b"\r\n", b"\r", b"\n\n", b"y"])),
    st.data(),
)
def test_cuts_do_not_matter(parts, data):
    whole = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert decode(*pieces) == decode(whole)


@given(st.binary(max_size=200))
def test_no_bytes_crash_it(data):
    assert isinstance(decode(data, data[::-1]), list)


def test_mixed_line_ends():
    assert decode(b"data: a\r\n\r\ndata: b\n\r\ndata: c\r\rdata: d\n\n") == [
        Event("", d) for d in (b"a", b"b", b"c", b"d")
    ]


def test_a_carriage_return_waits_for_its_line_feed():
    decoder = SSEDecoder()
    assert decoder.feed(b"data: a\r\n\r") == [Event("", b"a")]
    assert decoder.feed(b"\ndata: b\r\n\r\n") == [Event("", b"b")]
    assert decoder.finish() == []


def test_sizes():
    big = b"data: " + b"x" * 1000 + b"\n\n"
    assert len(decode(big, limit=2000)[0].data) == 1000
    decoder = SSEDecoder(100)
    with pytest.raises(EventTooLarge):
        decoder.feed(b"data: " + b"x" * 200)
    # Many small ones in one piece are no large one.
    assert len(decode(b"data: x\n\n" * 1000, limit=100)) == 1000
    decoder = SSEDecoder(100)
    for _ in range(10):
        assert decoder.feed(b"data: abc\n") == []
    with pytest.raises(EventTooLarge):
        decoder.feed(b"data: abc\n")
    # What completes an event may bring more than the limit along, as long as each event keeps to it.
    decoder = SSEDecoder(100)
    assert decoder.feed(b"data: a") == []
    assert len(decoder.feed(b"\n\n" + b"data: b\n\n" * 100)) == 101


def test_a_large_event_in_small_pieces_takes_no_quadratic_time():
    import time

    started = time.perf_counter()
    piece = b"x" * 1024
    found = decode(b"data: ", *([piece] * 4096), b"\n\n")
    assert len(found[0].data) == 4 * 1024 * 1024
    assert time.perf_counter() - started < 1


def test_encoding():
    assert encode_event(b"{}") == b"data: {}\n\n"
    assert encode_event(b"{}", "error") == b"event: error\ndata: {}\n\n"
    assert decode(encode_event(b"a", "e") + DONE_EVENT) == [Event("e", b"a"), Event("", DONE)]
