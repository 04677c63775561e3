"""A JSON service on a real socket, for guardrails that ask one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Asked(NamedTuple):
    """One request: its path, its header fields with names in lower case, its JSON."""

    path: str
    headers: dict[str, str]
    body: Any


class JsonServer:
    """What it was asked, and how it answers: with `status`, and `answer` in place of what it would say."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[Asked] = []
        self.calm()

    def calm(self) -> None:
        """Forget what was, and answer as usual."""
        self.requests.clear()
        self.status = 200
        self.answer: Any = None
        """Bytes are sent as they are."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


@contextmanager
def json_server(says: Callable[[Any], Any]) -> Iterator[JsonServer]:
    """A running one; `says` gives the answer to a request's JSON. It runs in threads of its own."""
    found: JsonServer

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes, and the second would wait for an answer

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            found.requests.append(Asked(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            told = says(body) if found.answer is None else found.answer
            data = told if isinstance(told, bytes) else json.dumps(told).encode()
            self.send_response(found.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_args: Any) -> None: ...

    server = _Server(("127.0.0.1", 0), Handler)
    found = JsonServer(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
