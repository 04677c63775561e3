"""The REST API of Presidio's analyzer around the real engine: its pattern recognizers, which need no language model.

The package on PyPI has the engine without the server; this speaks what the server speaks.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from presidio_analyzer import AnalyzerEngine, PatternRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine

logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)


class Words(NlpEngine):
    """Cuts texts into words, and finds no entities of its own."""

    engine_name = "words"
    is_available = True

    def load(self) -> None: ...

    def is_loaded(self) -> bool:
        return True

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        words = re.findall(r"\w+", text)
        return NlpArtifacts([], _Tokens(), [], words, self, language)

    def process_batch(self, texts: Any, language: str, **named: Any) -> Any:
        return ((text, self.process_text(text, language)) for text in texts)

    def is_stopword(self, word: str, language: str) -> bool:
        return False

    def is_punct(self, word: str, language: str) -> bool:
        return False

    def get_supported_entities(self) -> list[str]:
        return []

    def get_supported_languages(self) -> list[str]:
        return ["en"]


class _Tokens(list[Any]):
    """No tokens: what recognizers would look around for context words."""


@cache
def engine() -> AnalyzerEngine:
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    return AnalyzerEngine(registry=registry, nlp_engine=Words(), supported_languages=["en"])


class Service:
    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.status = 200
        self.answer: bytes | None = None
        self.url = ""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


@contextmanager
def running() -> Iterator[Service]:
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            service.requests.append(body)
            ad_hoc = [PatternRecognizer.from_dict(each) for each in body.get("ad_hoc_recognizers") or ()]
            found = engine().analyze(
                text=body["text"], language="en", entities=body.get("entities"), ad_hoc_recognizers=ad_hoc or None
            )
            told = [each.to_dict() for each in found]
            for each in told:
                each.pop("analysis_explanation", None)
                each.pop("recognition_metadata", None)
            data = service.answer if service.answer is not None else json.dumps(told).encode()
            self.send_response(service.status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None: ...

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    service.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
