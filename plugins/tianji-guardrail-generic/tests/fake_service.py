"""A service of the generic API: `darn` is blocked, `Ann` is masked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Fake:
    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.status = 200
        self.answer: Any = None
        self.url = ""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


@contextmanager
def service() -> Iterator[Fake]:
    fake = Fake()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            fake.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            told: Any = {"action": "NONE"}
            if any("darn" in text for text in body["texts"]):
                told = {"action": "BLOCKED", "blocked_reason": "No swearing."}
            elif any("Ann" in text for text in body["texts"]):
                masked = [text.replace("Ann", "<PERSON>") for text in body["texts"]]
                told = {"action": "GUARDRAIL_INTERVENED", "texts": masked}
            data = fake.answer if isinstance(fake.answer, bytes) else json.dumps(fake.answer or told).encode()
            self.send_response(fake.status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None: ...

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    fake.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
