"""PostgreSQL and Redis for tests: a schema or a prefix for each test on a server that runs already, a wire to it that
can be cut, and a Redis of the test's own that can be stopped and killed.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from tianji_core.testing.server import free_port

POSTGRES = "postgresql://root@127.0.0.1:5432/test"
"""Where it is unless TIANJI_TEST_DATABASE_URL says otherwise."""

REDIS = "redis://127.0.0.1:6379"
"""Where it is unless TIANJI_TEST_REDIS_URL says otherwise."""


def needs(server: str, error: Exception) -> None:
    """Skip a test whose server is absent; where CI is set, fail it."""
    reason = f"no {server}: {error}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """The URL of an empty schema."""
    import psycopg

    url = os.environ.get("TIANJI_TEST_DATABASE_URL", POSTGRES)
    try:
        connection = psycopg.connect(url, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        needs("PostgreSQL", error)
        raise
    schema = f"tianji_{secrets.token_hex(6)}"
    with connection:
        connection.execute(f'CREATE SCHEMA "{schema}"')
        yield f"{url}{'&' if '?' in url else '?'}schema={schema}"
        connection.execute(f'DROP SCHEMA "{schema}" CASCADE')


class Wire:
    """A TCP relay to a server, which can be cut and mended."""

    def __init__(self) -> None:
        self._target: tuple[str, int] | None = None
        self._open: list[socket.socket] = []
        self._is_cut = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, url: str) -> str:
        """The URL of the server by way of this wire."""
        parts = urlsplit(url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 5432)
        user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        return urlunsplit(parts._replace(netloc=f"{user}127.0.0.1:{self._listener.getsockname()[1]}"))

    def cut(self) -> None:
        self._is_cut = True
        for each in self._open:
            with_shutdown(each)
        self._open.clear()

    def mend(self) -> None:
        self._is_cut = False

    def close(self) -> None:
        self.cut()
        with_shutdown(self._listener)

    def _accept(self) -> None:
        while True:
            try:
                ours, _ = self._listener.accept()
            except OSError:
                return
            if self._is_cut or self._target is None:
                with_shutdown(ours)
                continue
            theirs = socket.create_connection(self._target)
            self._open += [ours, theirs]
            for source, sink in ((ours, theirs), (theirs, ours)):
                threading.Thread(target=self._relay, args=(source, sink), daemon=True).start()

    def _relay(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        with_shutdown(source)
        with_shutdown(sink)


def with_shutdown(wire: socket.socket) -> None:
    """Close a socket that another thread may be reading."""
    try:
        wire.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    wire.close()


@pytest.fixture
def postgres_cut() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


@pytest.fixture
def redis_url() -> str:
    """A Redis that runs already; a test takes `redis_prefix` for its keys."""
    import redis

    url = os.environ.get("TIANJI_TEST_REDIS_URL", REDIS)
    try:
        with redis.Redis.from_url(url, socket_timeout=3) as client:
            client.ping()
    except redis.RedisError as error:
        needs("Redis", error)
    return url


@pytest.fixture
def redis_prefix(redis_url: str) -> Iterator[str]:
    """What the keys of a test begin with; they are gone after it."""
    import redis

    prefix = f"test-{secrets.token_hex(6)}:"
    yield prefix
    with redis.Redis.from_url(redis_url) as client:
        for key in client.scan_iter(match=f"{prefix}*", count=1000):
            client.delete(key)


class OwnRedis:
    """A Redis server of the test's own."""

    def __init__(self, directory: Path, *options: str, sentinel: str | None = None) -> None:
        self._sentinel = sentinel
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self._directory = directory
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        kind = [self._sentinel, "--sentinel"] if self._sentinel is not None else ["--save", ""]
        command = ["redis-server", *kind, "--port", str(self.port), "--bind", "127.0.0.1", *self._options]
        self._process = subprocess.Popen(
            command, cwd=self._directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.01)
        pytest.fail("redis-server does not start")

    def hang(self) -> None:
        """It takes connections and bytes, and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def has_redis_server() -> None:
    if shutil.which("redis-server") is None:
        needs("redis-server", FileNotFoundError("it is not on the PATH"))


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    has_redis_server()
    server = OwnRedis(tmp_path)
    server.start()
    yield server
    server.kill()
