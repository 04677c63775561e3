"""Frames: as AWS's own library reads them, cut anywhere, damaged."""

from __future__ import annotations

import random
import struct
import zlib

import pytest

from tianji_provider_bedrock.eventstream import MAX_FRAME, Frame, FrameDecoder, encode

ONE = Frame({":message-type": "event", ":event-type": "chunk", "x": "ü"}, b'{"a": 1}')
TWO = Frame({}, b"")


def test_frames_are_as_botocore_reads_them() -> None:
    from botocore.eventstream import EventStreamBuffer

    buffer = EventStreamBuffer()
    buffer.add_data(encode(*ONE) + encode(*TWO))
    assert [Frame(event.headers, event.payload) for event in buffer] == [ONE, TWO]


def test_cut_anywhere() -> None:
    data = encode(*ONE) + encode(*TWO) + encode(*ONE)
    for cut in range(len(data)):
        decoder = FrameDecoder()
        assert [*decoder.feed(data[:cut]), *decoder.feed(data[cut:])] == [ONE, TWO, ONE]
    decoder = FrameDecoder()
    assert [frame for at in range(len(data)) for frame in decoder.feed(data[at : at + 1])] == [ONE, TWO, ONE]


def test_every_damaged_byte_is_noticed_and_no_later_frame_is_believed() -> None:
    data = encode(*ONE)
    for at in range(len(data)):
        for bit in (1, 128):
            broken = bytearray(data)
            broken[at] ^= bit
            decoder = FrameDecoder()
            assert decoder.feed(encode(*TWO) + bytes(broken) + encode(*ONE)) == [TWO]
            assert decoder.broken
            assert decoder.feed(encode(*ONE)) == []


def test_headers_of_all_types() -> None:
    values = {0: b"", 1: b"", 2: b"1", 3: b"12", 4: b"1234", 5: b"8" * 8, 6: b"\x00\x02ab", 8: b"8" * 8, 9: b"u" * 16}
    fields = b"".join(b"\x01h" + bytes([kind]) + value for kind, value in values.items())
    fields += b"\x01s\x07\x00\x02ok"
    decoder = FrameDecoder()
    assert decoder.feed(framed(fields, b"p")) == [Frame({"s": "ok"}, b"p")]


@pytest.mark.parametrize(
    "fields", [b"\x05a", b"\x01h\x63", b"\x01s\x07\x00\x09ok", b"\x01s\x07\x00", b"\x02\xff\xfe\x07\x00\x00"]
)
def test_headers_that_make_no_sense(fields: bytes) -> None:
    decoder = FrameDecoder()
    assert decoder.feed(framed(fields, b"")) == []
    assert decoder.broken


@pytest.mark.parametrize(("total", "headers"), [(MAX_FRAME + 1, 0), (15, 0), (16, 1), (0, 0)])
def test_lengths_that_make_no_sense(total: int, headers: int) -> None:
    start = struct.pack(">II", total, headers)
    decoder = FrameDecoder()
    assert decoder.feed(start + struct.pack(">I", zlib.crc32(start)) + b"x" * 20) == []
    assert decoder.broken


def test_random_bytes() -> None:
    dice = random.Random(7)
    for _ in range(300):
        decoder = FrameDecoder()
        decoder.feed(dice.randbytes(dice.randrange(200)))


def framed(fields: bytes, payload: bytes) -> bytes:
    start = struct.pack(">II", 16 + len(fields) + len(payload), len(fields))
    data = start + struct.pack(">I", zlib.crc32(start)) + fields + payload
    return data + struct.pack(">I", zlib.crc32(data))
