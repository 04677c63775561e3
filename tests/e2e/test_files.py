"""Files against a running gateway: large ones, and a gateway that is killed."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import sqlite3
import threading
import time

import pytest

from tianji_core.testing.server import ServerProcess

MEGABYTE = 1_000_000
FILE = 200 * MEGABYTE
PIECE = bytes(range(250)) * 4000
KEY = "sk-1234567890abcdef"
TAIL = b"\r\n--b--\r\n"


def part(name, value):
    return f'--b\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def head(*fields):
    file = b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.bin"\r\ncontent-type: a/b\r\n\r\n'
    return b"".join(part(name, value) for name, value in fields) + file


def peak(process):
    """The most memory that the process has had, in bytes."""
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def begin(port, method, path, length=0):
    wire = socket.create_connection(("127.0.0.1", port), timeout=60)
    fields = f"{method} {path} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\n"
    if length:
        fields += f"content-type: multipart/form-data; boundary=b\r\ncontent-length: {length}\r\n"
    wire.sendall(fields.encode() + b"\r\n")
    return wire


def upload(port, *fields):
    """Send the file; the answer's JSON, and the file's digest."""
    start, digest = head(*fields), hashlib.sha256()
    with begin(port, "POST", "/v1/files", len(start) + FILE + len(TAIL)) as wire:
        wire.sendall(start)
        for _ in range(FILE // len(PIECE)):
            wire.sendall(PIECE)
            digest.update(PIECE)
        wire.sendall(TAIL)
        answer = b"".join(iter(lambda: wire.recv(65536), b""))
    assert b"HTTP/1.1 200" in answer, answer
    return json.loads(answer.partition(b"\r\n\r\n")[2]), digest.hexdigest()


def download(port, id):
    """The digest of a file's content, and its size."""
    digest, size, rest = hashlib.sha256(), 0, b""
    with begin(port, "GET", f"/v1/files/{id}/content") as wire:
        while b"\r\n\r\n" not in rest:
            rest += wire.recv(65536)
        start, _, rest = rest.partition(b"\r\n\r\n")
        assert b"content-length: %d" % FILE in start, start
        while rest:
            digest.update(rest)
            size += len(rest)
            rest = wire.recv(1 << 20)
    return digest.hexdigest(), size


def config(tmp_path, rows=()):
    database = f"sqlite:///{tmp_path}/store.db"
    return {"model_list": list(rows), "general_settings": {"master_key": KEY, "database_url": database}}


@pytest.mark.long
@pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])
def test_two_hundred_megabytes_in_and_out(server, tmp_path):
    gateway = ServerProcess(config(tmp_path), tmp_path, ["--server", server]).start()
    try:
        before = peak(gateway.process)
        file, digest = upload(gateway.port, ("purpose", "user_data"))
        assert file["bytes"] == FILE
        assert download(gateway.port, file["id"]) == (digest, FILE)
        assert peak(gateway.process) - before < 40 * MEGABYTE
    finally:
        gateway.stop()


@pytest.fixture
def vendor():
    """Reads one upload without holding it: its address, and the digest of all that came as body."""
    listener = socket.create_server(("127.0.0.1", 0))
    seen = []

    def serve():
        wire, _ = listener.accept()
        with wire, wire.makefile("rb") as lines:
            while (line := lines.readline().strip()) != b"":
                assert b"content-length" not in line.lower(), "it is not known while the file comes in"
            size, last = 0, b""
            while (length := int(lines.readline().strip(), 16)) > 0:
                data = lines.read(length)
                size, last = size + length, (last + data)[-100:]
                lines.readline()
            seen.append((size, last))
            answer = b'{"id":"file-theirs","object":"file"}'
            wire.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(answer) + answer)

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1", seen
    listener.close()


@pytest.mark.long
def test_two_hundred_megabytes_through_to_a_vendor(vendor, tmp_path):
    base, seen = vendor
    row = {"model_name": "m", "litellm_params": {"model": "openai/gpt-x", "api_base": base, "api_key": "sk-up"}}
    gateway = ServerProcess(config(tmp_path, [row]), tmp_path).start()
    try:
        before = peak(gateway.process)
        file, _ = upload(gateway.port, ("purpose", "user_data"), ("custom_llm_provider", "openai"))
        assert file["bytes"] == FILE
        (size, last) = seen[0]
        assert FILE < size < FILE + 1000
        assert last.endswith(b"--\r\n")
        assert peak(gateway.process) - before < 40 * MEGABYTE
    finally:
        gateway.stop()


def test_a_gateway_that_is_killed_in_the_middle_leaves_no_file(tmp_path):
    gateway = ServerProcess(config(tmp_path), tmp_path).start()
    start = head(("purpose", "user_data"))
    with begin(gateway.port, "POST", "/v1/files", len(start) + FILE) as wire:
        wire.sendall(start + PIECE * 5)
        deadline = time.monotonic() + 10
        while count(tmp_path, "tianji_piece") < 4:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(gateway.process.pid, signal.SIGKILL)
        gateway.process.wait()
    gateway = ServerProcess(config(tmp_path), tmp_path).start()
    try:
        with begin(gateway.port, "GET", "/v1/files") as wire:
            answer = b"".join(iter(lambda: wire.recv(65536), b""))
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["data"] == []
        # What is left of it goes with the first sweep after a day.
        with sqlite3.connect(tmp_path / "store.db") as database:
            kind, expires = database.execute("SELECT kind, expires_at FROM tianji_object").fetchone()
        assert kind == "upload"
        assert expires < time.time() + 24 * 3600
    finally:
        gateway.stop()


def count(folder, table):
    with sqlite3.connect(folder / "store.db") as database:
        return database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
