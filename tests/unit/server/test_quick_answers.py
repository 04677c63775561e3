"""Answers on uvicorn: what the quick way writes is what uvicorn would have written, byte by byte."""

from __future__ import annotations

import logging
import re
import socket
import threading
import time
from contextlib import ExitStack, suppress
from urllib.parse import quote, unquote

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tianji_core.server.asgi import ANSWER, send_written
from tianji_core.server.uvicorn_quick import QuickCycle, QuickProtocol

JSON = (b"content-type", b"application/json")


def start(*fields, status=200):
    return {"type": "http.response.start", "status": status, "headers": [JSON, *fields]}


def body(data, more=False):
    return {"type": "http.response.body", "body": data, "more_body": more}


def length(number):
    return (b"content-length", str(number).encode())


def written(data, status=200, lines=b"content-type: application/json\r\nx-a: b: c\r\n"):
    return {"type": ANSWER, "status": status, "lines": lines, "body": data}


ANSWERS = {
    "whole": [start(length(5)), body(b"12345")],
    "empty": [start(length(0)), body(b"")],
    "no body member": [start(length(0)), {"type": "http.response.body"}],
    "in parts": [start(length(6)), body(b"123", True), body(b"456")],
    "an empty last part": [start(length(3)), body(b"123", True), body(b"")],
    "chunked": [start(), body(b"123", True), body(b"456")],
    "chunked, at once": [start(), body(b"123456")],
    "chunked, said by the app": [start((b"transfer-encoding", b"chunked")), body(b"1")],
    "no content": [start(status=204), body(b"")],
    "not modified": [start(status=304), body(b"")],
    "an error": [start(length(2), status=429), body(b"{}")],
    "a status without a name": [start(length(2), status=599), body(b"{}")],
    "closing": [start(length(2), (b"connection", b"close")), body(b"ok")],
    "upper case": [start((b"Content-Length", b"2")), body(b"ok")],
    "latin-1": [start(length(2), (b"x-name", "gr\xfc\xdfe".encode("latin-1"))), body(b"ok")],
    "a line end in a value": [start(length(2), (b"x-a", b"b\r\nset-cookie: c")), body(b"ok")],
    "a line end in a name": [start(length(2), (b"x-a\r\nb", b"c")), body(b"ok")],
    "two lengths": [start(length(2), length(3)), body(b"ok")],
    "too short": [start(length(5)), body(b"1234")],
    "too long": [start(length(3)), body(b"1234")],
    "no end": [start(length(5)), body(b"1234", True)],
    "no start": [body(b"1234")],
    "two starts": [start(length(2)), start(length(2))],
    "more after the end": [start(length(2)), body(b"ok"), body(b"ok")],
    "nothing": [],
    "written": [written(b"12345")],
    "written, empty": [written(b"")],
    "written, another status": [written(b"{}", status=201)],
    "written, in parts": [written(None), body(b"123", True), body(b"456")],
    "written, no parts": [written(None), body(b"")],
    "written, more after the end": [written(b"ok"), body(b"ok")],
    "written twice": [written(b"ok"), written(b"ok")],
    "written after a start": [start(length(2)), written(b"ok")],
}
REQUESTS = {
    "GET": b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    "HEAD": b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n",
    "POST": b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}",
    "1.0": b"GET / HTTP/1.0\r\nhost: a\r\n\r\n",
    "close": b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
}


async def app(scope, receive, send):
    await receive()
    for message in ANSWERS[unquote(scope["path"][1:])]:
        if message["type"] == ANSWER:
            await send_written(scope, send, message["status"], message["lines"], message["body"])
        else:
            await send({**message})


@pytest.fixture(scope="module")
def answered():
    """`answered(protocol, kind, request)`: all that a server with this protocol writes for a request, and for one after
    it that ends the connection.
    """
    servers = {}
    with ExitStack() as stack:
        for protocol in (QuickProtocol, HttpToolsProtocol):
            options = {"http": protocol, "ws": "none", "lifespan": "off", "log_config": None, "access_log": False}
            server = servers[protocol] = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, **options))
            thread = threading.Thread(target=server.run, daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(setattr, server, "should_exit", True)
            while not server.started:
                time.sleep(0.001)

        def ask(protocol, kind, request):
            with socket.create_connection(servers[protocol].servers[0].sockets[0].getsockname(), timeout=20) as wire:
                for head in (REQUESTS[request], REQUESTS["close"]):
                    wire.sendall(head.replace(b" / ", f" /{quote(kind)} ".encode()))
                written = b""
                with suppress(ConnectionResetError):
                    while piece := wire.recv(65536):
                        written += piece
            return re.sub(rb"date: [^\r]*", b"date: now", written)

        yield ask


@pytest.fixture(autouse=True)
def no_access_log(monkeypatch):
    """Pytest listens to every logger, and whoever wants an access log gets uvicorn's own answers."""
    monkeypatch.setattr(logging.getLogger("uvicorn.access"), "hasHandlers", lambda: False)


@pytest.mark.parametrize("request_kind", REQUESTS)
@pytest.mark.parametrize("kind", ANSWERS)
def test_the_same_bytes(answered, kind, request_kind):
    assert answered(QuickProtocol, kind, request_kind) == answered(HttpToolsProtocol, kind, request_kind)


def test_the_quick_way_is_taken(answered, monkeypatch):
    taken = []
    for name in ("_answer", "_begin", "_end"):
        quick = getattr(QuickCycle, name)
        monkeypatch.setattr(
            QuickCycle, name, lambda self, message, quick=quick: taken.append(quick(self, message)) or taken[-1]
        )
    answered(QuickProtocol, "whole", "POST")
    assert taken == [True, True, False, False]  # what ends a connection is uvicorn's
    taken.clear()
    answered(QuickProtocol, "written", "POST")
    answered(QuickProtocol, "written, in parts", "POST")
    assert taken[:2] == [True, False]
    assert taken.count(True) == 2


def test_a_connection_is_closed_once_it_has_been_idle_for_long_enough():
    options = {"http": QuickProtocol, "ws": "none", "lifespan": "off", "log_config": None, "access_log": False}
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, timeout_keep_alive=0.3, **options))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.001)
    try:
        with socket.create_connection(server.servers[0].sockets[0].getsockname(), timeout=20) as wire:
            begun = time.monotonic()
            for _ in range(4):  # never idle for so long
                wire.sendall(b"GET /whole HTTP/1.1\r\nhost: a\r\n\r\n")
                assert wire.recv(65536).endswith(b"12345")
                time.sleep(0.15)
            assert wire.recv(65536) == b""
            assert time.monotonic() - begun > 0.7
    finally:
        server.should_exit = True
        thread.join()
