import gzip
import random
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji_core.transport import LimitExceeded, ProtocolError, ResponseTruncated
from tianji_core.transport.decompress import PIECE, decompressor_for


def raw_deflate(data):
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


CODERS = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress, " GZIP ": gzip.compress}
TEXT = bytes(random.Random(1).choices(b"abcdef ", k=300_000))


def everything(decompressor, pieces):
    out = b""
    for piece in pieces:
        decompressor.push(piece)
        while plain := decompressor.pull():
            assert len(plain) <= PIECE
            out += plain
    decompressor.finish()
    return out


@given(st.binary(max_size=2000), st.sampled_from(["gzip", "deflate", "raw"]), st.lists(st.integers(1, 50), max_size=20))
def test_any_split_gives_the_same_bytes(data, coding, sizes):
    coded = {"gzip": gzip.compress, "deflate": zlib.compress, "raw": raw_deflate}[coding](data)
    pieces = []
    for size in sizes:
        pieces.append(coded[:size])
        coded = coded[size:]
    assert everything(decompressor_for("gzip" if coding == "gzip" else "deflate"), [*pieces, coded]) == data


@pytest.mark.parametrize("coding", CODERS)
def test_a_large_body_in_one_go_and_in_pieces(coding):
    coded = CODERS[coding](TEXT)
    decompressor = decompressor_for(coding)
    decompressor.push(coded)
    assert decompressor.pull_all(len(TEXT)) == TEXT
    assert everything(decompressor_for(coding), [coded[i : i + 1000] for i in range(0, len(coded), 1000)]) == TEXT


def test_members_are_joined_and_padding_is_dropped():
    coded = gzip.compress(b"a") + gzip.compress(b"") + gzip.compress(b"bc") + b"\0" * 100_000
    assert everything(decompressor_for("gzip"), [coded]) == b"abc"
    assert everything(decompressor_for("gzip"), [coded[i : i + 1] for i in range(len(coded[:200]))]) == b"abc"
    late = gzip.compress(b"a") + b"\0" * 100_000 + gzip.compress(b"b")
    assert everything(decompressor_for("gzip"), [late]) == b"ab"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_every_cut_is_told(coding):
    coded = CODERS[coding](b"hello hello hello")
    for cut in range(1, len(coded)):
        decompressor = decompressor_for(coding)
        decompressor.push(coded[:cut])
        with pytest.raises(ResponseTruncated):
            decompressor.pull_all(100)


def test_an_empty_body_is_empty():
    assert everything(decompressor_for("gzip"), []) == b""


@pytest.mark.parametrize(
    ("coding", "coded"),
    [
        ("gzip", b"not gzip"),
        ("gzip", gzip.compress(b"a") + b"garbage"),
        ("gzip", gzip.compress(b"abcdefgh")[:-8] + b"\0" * 8),
        ("gzip", gzip.compress(b"") * 100),
        ("deflate", zlib.compress(b"a") + b"x"),
        ("deflate", b"\xff\xff\xff\xff"),
    ],
    ids=["no gzip", "something after it", "wrong checksum", "too many members", "deflate and more", "no deflate"],
)
def test_bad_data_is_refused(coding, coded):
    with pytest.raises(ProtocolError) as caught:
        everything(decompressor_for(coding), [coded])
    assert caught.value.sent


@pytest.mark.parametrize("coding", ["br", "zstd", "identity", "", "gzip, gzip", "gzip,br"])
def test_other_codings_are_left_alone(coding):
    assert decompressor_for(coding) is None


def test_a_bomb_is_stopped_in_bounded_memory():
    stream = zlib.compressobj(9, wbits=31)
    bomb = b"".join(stream.compress(bytes(1 << 20)) for _ in range(300)) + stream.flush()
    tracemalloc.start()
    try:
        decompressor = decompressor_for("gzip")
        decompressor.push(bomb)
        with pytest.raises(LimitExceeded):
            decompressor.pull_all(1 << 20)
        streamed = decompressor_for("gzip")
        streamed.push(bomb)
        assert len(streamed.pull()) <= PIECE
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
