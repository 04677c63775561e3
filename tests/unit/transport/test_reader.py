"""The reader alone, on bytes: every split and every cut of responses, and what hostile servers send."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianji_core.transport import (
    DEFAULT_LIMITS,
    LimitExceeded,
    Limits,
    ProtocolError,
    ResponseTruncated,
    TransportError,
)
from tianji_core.transport.reader import DONE, IN_BODY, ResponseReader
from tianji_core.transport.response import HttptoolsResponse

LENGTH = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx: y\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2;ext=1\r\nlo\r\n0\r\n\r\n"
TRAILERS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 1\r\ny: 2\r\n\r\n"
UNTIL_EOF = b"HTTP/1.1 200 OK\r\nx: y\r\n\r\nhello"
EARLY = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + LENGTH
SAMPLES = {"length": LENGTH, "chunked": CHUNKED, "trailers": TRAILERS, "until eof": UNTIL_EOF, "early": EARLY}


class Answer:
    """What became of a response."""

    def __init__(self, *feeds, eof=False, to_head=False, limits=DEFAULT_LIMITS):
        self.reader = ResponseReader(limits)
        self.response = HttptoolsResponse(None, None)
        self.reader.expect(self.response, to_head=to_head)
        self.error = None
        try:
            for data in feeds:
                self.reader.feed(data)
            if eof and self.reader.stage != DONE:
                self.reader.eof()
        except TransportError as error:
            self.error = error

    @property
    def whole(self):
        return self.error is None and self.reader.stage == DONE

    @property
    def body(self):
        return b"".join(self.response.pieces)

    @property
    def status(self):
        return self.response.status


@pytest.mark.parametrize("raw", SAMPLES.values(), ids=SAMPLES)
def test_every_split_gives_the_same_response(raw):
    for first in range(len(raw) + 1):
        for second in range(first, len(raw) + 1, 7):
            parts = [part for part in (raw[:first], raw[first:second], raw[second:]) if part]
            got = Answer(*parts, eof=raw is UNTIL_EOF)
            assert got.whole
            assert (got.status, got.body) == (200, b"hello")
            assert got.reader.reusable is (raw is not UNTIL_EOF)
    assert Answer(*(raw[i : i + 1] for i in range(len(raw))), eof=True).body == b"hello"


@pytest.mark.parametrize("raw", SAMPLES.values(), ids=SAMPLES)
def test_every_cut_is_an_error_or_the_exact_body(raw):
    for cut in range(len(raw)):
        got = Answer(raw[:cut], eof=True) if cut else Answer(eof=True)
        if raw is UNTIL_EOF and cut >= len(raw) - 5:
            assert got.whole
            assert got.body == raw[len(raw) - 5 : cut]  # nothing can tell this cut from an end
            assert not got.reader.reusable
        else:
            assert isinstance(got.error, ResponseTruncated)


GARBAGE = {
    "not http": b"SSH-2.0-OpenSSH_9.6\r\n",
    "tls alert": b"\x15\x03\x01\x00\x02\x02\x46",
    "html": b"<html>hello</html>",
    "http/0.9": b"hello\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "long status": b"HTTP/1.1 2000 OK\r\n\r\n",
    "h2 preface": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
    "bare lf": b"HTTP/1.1 200 OK\ncontent-length: 0\n\n",
    "nul in name": b"HTTP/1.1 200 OK\r\na\0b: 1\r\n\r\n",
    "nul in value": b"HTTP/1.1 200 OK\r\na: \0\r\n\r\n",
    "space before colon": b"HTTP/1.1 200 OK\r\ncontent-length : 5\r\n\r\n",
    "folded": b"HTTP/1.1 200 OK\r\na: b\r\n c\r\ncontent-length: 0\r\n\r\n",
    "no colon": b"HTTP/1.1 200 OK\r\nabc\r\n\r\n",
    "bare cr": b"HTTP/1.1 200 OK\r\na: b\rc\r\n\r\n",
    "negative length": b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    "signed length": b"HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\nx",
    "hex length": b"HTTP/1.1 200 OK\r\ncontent-length: 0x1\r\n\r\nx",
    "empty length": b"HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n",
    "huge length": b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxy",
    "same length twice": b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx",
    "list of lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 1, 1\r\n\r\nx",
    "length then chunked": b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked then length": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n0\r\n\r\n",
    "gzip transfer": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked not last": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked twice": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "odd coding": b"HTTP/1.1 200 OK\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "identity": b"HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\nx",
    "bad chunk size": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    "negative chunk size": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n",
    "0x chunk size": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "huge chunk size": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "chunk too long": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
    "chunk with lf": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\nab\n0\n\n",
    "chunk without end": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab0\r\n\r\n",
    "length in trailer": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\ncontent-length: 5\r\n\r\n",
    "switch of protocols": b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    "101 without upgrade": b"HTTP/1.1 101 Switching\r\n\r\n" + LENGTH,
    "1xx with length": b"HTTP/1.1 103 Hints\r\ncontent-length: 5\r\n\r\nhello" + LENGTH,
    "1xx with chunks": b"HTTP/1.1 150 Odd\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + LENGTH,
    "status 0": b"HTTP/1.1 000 No\r\ncontent-length: 0\r\n\r\n",
    "status 99": b"HTTP/1.1 099 No\r\ncontent-length: 0\r\n\r\n",
}


@pytest.mark.parametrize("raw", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_refused_however_it_is_split(raw):
    for got in (Answer(raw), Answer(*(raw[i : i + 1] for i in range(len(raw))))):
        assert isinstance(got.error, ProtocolError), got.error
        assert not got.reader.reusable
    with_secret = Answer(raw.replace(b"\r\n", b"\r\nset-cookie: secret\r\n", 1))
    assert "secret" not in str(with_secret.error)


BEHIND = {
    "another response": LENGTH,
    "one byte": b"H",
    "garbage": b"\0\0",
    "half a head": LENGTH[:20],
    "chunk end": b"0\r\n\r\n",
}


@pytest.mark.parametrize("extra", BEHIND.values(), ids=BEHIND)
@pytest.mark.parametrize("raw", [LENGTH, CHUNKED, TRAILERS, EARLY], ids=["length", "chunked", "trailers", "early"])
def test_bytes_behind_a_response_leave_it_whole_but_spoil_the_connection(raw, extra):
    got = Answer(raw + extra)
    assert got.whole
    assert (got.status, got.body) == (200, b"hello")
    assert not got.reader.reusable


@pytest.mark.parametrize(
    ("raw", "reusable"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", True),
        (b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive, Close\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n", True),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n", True),
        (b"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", True),
        (b"HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n", True),
    ],
)
def test_a_response_without_body(raw, reusable):
    got = Answer(raw)
    assert got.whole
    assert got.body == b""
    assert got.reader.reusable is reusable


@pytest.mark.parametrize("framing", [b"content-length: 5", b"transfer-encoding: chunked", b"x: y"])
def test_the_answer_to_a_head_request_has_no_body(framing):
    got = Answer(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % framing, to_head=True)
    assert got.whole
    assert got.body == b""
    assert Answer(b"HTTP/1.1 200 OK\r\n%b\r\n\r\nhello" % framing, to_head=True).body == b""
    assert Answer(b"HTTP/1.1 200 OK\r\n", eof=True, to_head=True).error is not None


def test_fields_keep_order_case_of_values_and_repetition():
    raw = b"HTTP/1.1 200 OK\r\nSet-Cookie: A=1\r\nX: \xfc \r\nset-cookie: b=2\r\nEmpty:\r\ncontent-length: 0\r\n\r\n"
    headers = Answer(raw).response.headers
    assert headers.get_all("set-cookie") == ["A=1", "b=2"]
    assert list(headers)[1:] == [("x", "\xfc"), ("set-cookie", "b=2"), ("empty", ""), ("content-length", "0")]


LIMITS = Limits(max_head_bytes=1000, max_headers=10)


def endless(raw, part, at_most):
    """Feeds `part` for ever; how many bytes were taken before it was refused."""
    reader = ResponseReader(LIMITS)
    response = HttptoolsResponse(None, None)
    reader.expect(response, to_head=False)
    if raw:
        reader.feed(raw)
    for taken in range(len(part), at_most + 2 * len(part) + 1, len(part)):
        try:
            reader.feed(part)
        except LimitExceeded:
            assert not reader.reusable
            return taken
    return float("inf")


@pytest.mark.parametrize("size", [1, 50, 400])
@pytest.mark.parametrize(
    ("raw", "part"),
    [
        (b"HTTP/1.1 200 ", b"O"),
        (b"HTTP/1.1 200 OK\r\nx-", b"a"),
        (b"HTTP/1.1 200 OK\r\nx: ", b"a"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: ", b"0"),
        (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n"),
        (b"", b"\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;a=", b"a"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"0"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: ", b"a"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", b"a: b\r\n"),
    ],
)
def test_what_never_ends_is_refused_in_bounded_memory(raw, part, size):
    assert endless(raw, part * max(1, size // len(part)), 1000) <= 1000 + size + len(part)


def test_a_head_too_large_is_refused_even_if_it_comes_at_once():
    field = b"a: %b\r\n" % (b"b" * 2000)
    assert isinstance(Answer(b"HTTP/1.1 200 OK\r\n" + field + b"\r\n", limits=LIMITS).error, LimitExceeded)
    many = b"a: b\r\n" * 11
    assert isinstance(Answer(b"HTTP/1.1 200 OK\r\n" + many + b"\r\n", limits=LIMITS).error, LimitExceeded)
    fits = b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 9 + b"content-length: 5000\r\n\r\n" + b"x" * 5000
    assert Answer(fits, limits=LIMITS).whole


def test_a_body_may_be_larger_than_a_head():
    reader = ResponseReader(LIMITS)
    response = HttptoolsResponse(None, None)
    reader.expect(response, to_head=False)
    reader.feed(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(5000):
        reader.feed(b"1\r\n")
        reader.feed(b"a\r\n")
    assert reader.stage == IN_BODY
    assert response.received == 5000


def test_responses_follow_each_other_on_one_reader():
    reader = ResponseReader(Limits())
    for raw in (LENGTH, CHUNKED, TRAILERS, EARLY, b"HTTP/1.1 204 No Content\r\n\r\n", LENGTH):
        response = HttptoolsResponse(None, None)
        reader.expect(response, to_head=False)
        for start in range(0, len(raw), 9):
            reader.feed(raw[start : start + 9])
        assert reader.stage == DONE
        assert reader.reusable
        assert b"".join(response.pieces) == (b"" if b"204" in raw else b"hello")
        reader.release()
        with pytest.raises(ProtocolError):  # nobody waits: nothing may be read
            reader.feed(b"HTTP/1.1 200 OK\r\n")


pieces = st.one_of(
    st.sampled_from([*GARBAGE.values(), *SAMPLES.values(), *BEHIND.values()]),
    st.sampled_from(
        [b"\r\n", b"\n", b"\r", b"\0", b"0\r\n\r\n", b"content-length: 3\r\n", b"HTTP/1.1 100 C\r\n\r\n", b";"]
    ),
    st.binary(max_size=20),
)


@settings(max_examples=1500, deadline=None)
@given(st.lists(st.tuples(pieces, st.integers(0, 90), st.integers(0, 90)), min_size=1, max_size=6), st.booleans())
def test_no_mixture_of_bytes_does_more_than_fail(mixture, by_bytes):
    """Whatever comes: an error of ours, or a response; and the same one however the bytes are split."""
    raw = b"".join(piece[min(start, stop) : max(start, stop)] for piece, start, stop in mixture)
    if not raw:
        return
    whole = Answer(raw, eof=True)
    split = Answer(*(raw[i : i + 1] for i in range(len(raw))) if by_bytes else (raw[:9], raw[9:] or b"\0"), eof=True)
    if by_bytes or len(raw) > 9:
        assert type(whole.error) is type(split.error)
        assert whole.whole is split.whole
        if whole.whole:
            assert (whole.status, whole.body) == (split.status, split.body)
