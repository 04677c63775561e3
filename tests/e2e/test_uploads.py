"""A large file goes through the gateway without being in its memory."""

from __future__ import annotations

import hashlib
import socket
import threading

import pytest

from tianji_core.testing.server import ServerProcess

MEGABYTE = 1_000_000
FILE = 200 * MEGABYTE
PIECE = bytes(range(250)) * 4000
HEAD = (
    b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nm\r\n'
    b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\ncontent-type: audio/wav\r\n\r\n'
)
FILE_BEGINS = b"audio/wav\r\n\r\n"
TAIL = b"\r\n--b--\r\n"


def read_head(wire):
    data = b""
    while b"\r\n\r\n" not in data:
        data += wire.recv(65536)
    head, _, rest = data.partition(b"\r\n\r\n")
    return dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:]), rest


@pytest.fixture
def vendor():
    """Reads uploads, keeping their size and a digest of their files; `vendor.seen` has them."""
    listener = socket.create_server(("127.0.0.1", 0))
    seen = []

    def serve():
        while True:
            try:
                wire, _ = listener.accept()
            except OSError:
                return
            with wire:
                fields, data = read_head(wire)
                size, digest = int(fields[b"content-length"]), hashlib.sha256()
                while FILE_BEGINS not in data:
                    data += wire.recv(65536)
                left = size - len(data)
                start = data.index(FILE_BEGINS) + len(FILE_BEGINS)
                file = FILE
                for piece in pieces(wire, data[start:], left):
                    digest.update(piece[:file])
                    file -= min(file, len(piece))
                seen.append((size, digest.hexdigest()))
                answer = b'{"text":"heard"}'
                wire.sendall(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n" + answer
                )

    def pieces(wire, first, left):
        yield first
        while left > 0:
            piece = wire.recv(1 << 20)
            if not piece:
                return
            left -= len(piece)
            yield piece

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1", seen
    listener.close()


def peak(process):
    """The most memory that the process has had, in bytes."""
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def upload(port):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as wire:
        length = len(HEAD) + FILE + len(TAIL)
        wire.sendall(
            b"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: g\r\nauthorization: Bearer sk-1234567890abcdef\r\n"
            b"content-type: multipart/form-data; boundary=b\r\ncontent-length: %d\r\n\r\n" % length + HEAD
        )
        digest = hashlib.sha256()
        for _ in range(FILE // len(PIECE)):
            wire.sendall(PIECE)
            digest.update(PIECE)
        wire.sendall(TAIL)
        answer = b""
        while b"heard" not in answer and (data := wire.recv(65536)):
            answer += data
    return answer, digest.hexdigest()


@pytest.mark.e2e
@pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])
def test_two_hundred_megabytes(server, vendor, tmp_path):
    base, seen = vendor
    config = {
        "model_list": [
            {"model_name": "m", "litellm_params": {"model": "openai/whisper-1", "api_base": base, "api_key": "sk-up"}}
        ],
        "general_settings": {"master_key": "sk-1234567890abcdef", "max_request_size_mb": 256},
    }
    gateway = ServerProcess(config, tmp_path, ["--server", server]).start()
    try:
        before = peak(gateway.process)
        answer, digest = upload(gateway.port)
        assert b"HTTP/1.1 200" in answer, answer
        assert [found for _, found in seen] == [digest]
        assert peak(gateway.process) - before < 40 * MEGABYTE
    finally:
        gateway.stop()
