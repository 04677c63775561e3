"""Frames of `application/vnd.amazon.eventstream`.

Source: AWS "Event stream encoding" (Amazon Transcribe and S3 Select describe it; Smithy's `eventstream` trait refers
to it): a prelude of total length, length of the headers and a CRC-32 of both; headers; payload; a CRC-32 of all.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

MAX_FRAME = 16 * 1024 * 1024 + 128 * 1024
"""More than any payload and its headers may have."""

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_LENGTH = struct.Struct(">H")
_STRING, _BYTES = 7, 6
_FIXED = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Sizes of the values of other types."""


class Frame(NamedTuple):
    """One message: its headers with values of text, and its payload."""

    headers: dict[str, str]
    payload: bytes


class FrameDecoder:
    """Takes frames out of bytes that are cut anywhere.

    `broken` says what is wrong, once there were bytes that are no frame; nothing after them can be found.
    """

    def __init__(self) -> None:
        self.broken: str | None = None
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes."""
        frames: list[Frame] = []
        if self.broken:
            return frames
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= _PRELUDE.size:
            total, headers, crc = _PRELUDE.unpack_from(buffer, start)
            if crc != zlib.crc32(buffer[start : start + 8]):
                self.broken = "a frame begins with damaged bytes"
            elif not _PRELUDE.size + headers + _CRC.size <= total <= MAX_FRAME:
                self.broken = "the length of a frame makes no sense"
            elif len(buffer) - start >= total:
                frame = _frame(bytes(buffer[start : start + total]), headers)
                if frame is not None:
                    frames.append(frame)
                    start += total
                    continue
                self.broken = "a frame is damaged"
            break
        del buffer[:start]
        return frames


def _frame(data: bytes, headers: int) -> Frame | None:
    """The frame in these bytes, the length of whose headers is known; None if it is damaged."""
    end = len(data) - _CRC.size
    if _CRC.unpack_from(data, end)[0] != zlib.crc32(data[:end]):
        return None
    first = _PRELUDE.size
    try:
        return Frame(_headers(data[first : first + headers]), data[first + headers : end])
    except (struct.error, IndexError, KeyError, UnicodeDecodeError):
        return None


def _headers(data: bytes) -> dict[str, str]:
    """The headers with values of text; all that Bedrock sends are."""
    found: dict[str, str] = {}
    at = 0
    while at < len(data):
        name_end = at + 1 + data[at]
        name, kind = data[at + 1 : name_end].decode(), data[name_end]
        at = name_end + 1
        if kind in (_STRING, _BYTES):
            size: int = _LENGTH.unpack_from(data, at)[0]
            at += _LENGTH.size
            if at + size > len(data):
                raise IndexError(name)
            if kind == _STRING:
                found[name] = data[at : at + size].decode()
            at += size
        else:
            at += _FIXED[kind]
    return found


def encode(headers: dict[str, str], payload: bytes) -> bytes:
    """A frame with headers of text: what a vendor sends, for tests."""
    fields = b"".join(
        bytes([len(name)]) + name.encode() + bytes([_STRING]) + _LENGTH.pack(len(value.encode())) + value.encode()
        for name, value in headers.items()
    )
    total = _PRELUDE.size + len(fields) + len(payload) + _CRC.size
    start = struct.pack(">II", total, len(fields))
    data = start + _CRC.pack(zlib.crc32(start)) + fields + payload
    return data + _CRC.pack(zlib.crc32(data))
