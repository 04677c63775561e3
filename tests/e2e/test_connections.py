"""What a client's connection may rely on, on both servers: keep-alive, pipelining, idle ends, slow readers."""

from __future__ import annotations

import json
import resource
import signal
import socket
import time

import pytest

from tianji_core.testing.server import ServerProcess

SERVERS = ["uvicorn", "hypercorn"]
BODY = json.dumps({"model": "echo", "messages": [{"role": "user", "content": "Hello!"}]}).encode()
REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\ncontent-length: "
    + str(len(BODY)).encode()
    + b"\r\n\r\n"
    + BODY
)
CONFIG = {"model_list": [{"model_name": "echo", "litellm_params": {"model": "echo/echo-1"}}]}
IDLE = 2
"""Seconds after which a connection is closed: more than a busy machine may take between an answer and a request."""


@pytest.fixture(params=SERVERS)
def server(request, tmp_path):
    made = ServerProcess(CONFIG, tmp_path, ["--server", request.param, "--keepalive_timeout", str(IDLE)])
    made.start()
    yield made
    made.stop()


def connect(server: ServerProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def read_answers(connection: socket.socket, count: int) -> list[dict]:
    """So many whole JSON answers, by their content-length."""
    data, answers = b"", []
    while len(answers) < count:
        head, blank, rest = data.partition(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if blank and len(rest) >= int(lengths[0]):
            assert head.startswith(b"HTTP/1.1 200")
            assert head.lower().count(b"\r\ndate:") == 1
            answers.append(json.loads(rest[: int(lengths[0])]))
            data = rest[int(lengths[0]) :]
            continue
        received = connection.recv(65536)
        assert received, "the server closed the connection"
        data += received
    assert not data
    return answers


def test_a_connection_serves_one_call_after_the_other(server):
    with connect(server) as connection:
        for _ in range(20):
            connection.sendall(REQUEST)
            (answer,) = read_answers(connection, 1)
            assert answer["object"] == "chat.completion"


def test_requests_sent_in_one_go_are_answered_in_order(server):
    with connect(server) as connection:
        connection.sendall(REQUEST * 5)
        answers = read_answers(connection, 5)
        assert len({answer["choices"][0]["message"]["content"] for answer in answers}) == 1


def test_a_request_may_come_byte_by_byte(server):
    with connect(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for index in range(len(REQUEST)):
            connection.sendall(REQUEST[index : index + 1])
        read_answers(connection, 1)


@pytest.mark.parametrize(
    ("request_bytes", "says"),
    [
        (REQUEST.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1), b"connection: close"),
        (REQUEST.replace(b"HTTP/1.1", b"HTTP/1.0", 1), b""),
        (REQUEST.replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n", 1), b""),
    ],
    ids=["close", "1.0", "100-continue"],
)
def test_answers_of_the_less_usual_kind(server, request_bytes, says):
    with connect(server) as connection:
        connection.sendall(request_bytes)
        connection.settimeout(5)
        data = b""
        while b'"usage"' not in data or not data.rstrip().endswith(b"}"):
            received = connection.recv(65536)
            assert received, data
            data += received
        head, _, body = data.rpartition(b"\r\n\r\n")
        assert json.loads(body)["object"] == "chat.completion"
        assert says in head.lower()
        assert head.count(b" 200 ") == 1
        if b"expect" not in request_bytes:
            assert connection.recv(65536) == b""
        else:
            assert head.startswith(b"HTTP/1.1 100")
            connection.sendall(REQUEST)
            read_answers(connection, 1)


def test_an_idle_connection_is_closed_after_its_time(server):
    with connect(server) as connection:
        connection.sendall(REQUEST)
        read_answers(connection, 1)
        began = time.monotonic()
        assert connection.recv(1) == b""
        assert IDLE / 2 < time.monotonic() - began < IDLE * 4


def test_a_busy_connection_is_not_idle(server):
    """More than the idle time-out passes, but never between an answer and the next request."""
    with connect(server) as connection:
        for _ in range(6):
            time.sleep(IDLE / 5)
            connection.sendall(REQUEST)
            read_answers(connection, 1)


def test_idle_connections_do_not_hold_up_the_end(server):
    with connect(server) as connection:
        connection.sendall(REQUEST)
        read_answers(connection, 1)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0
        assert time.monotonic() - began < 3


def test_a_client_that_does_not_read_costs_no_memory(server):
    """A stream of 50 MB for somebody who reads nothing: the gateway waits for him instead of piling it up."""
    words = "word " * 200_000
    body = json.dumps({"model": "echo", "stream": True, "messages": [{"role": "user", "content": words}]}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-length: " + str(len(body)).encode() + b"\r\n\r\n"
    before = rss(server)
    with connect(server) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(head + body)
        time.sleep(2)
        with connect(server) as other:
            other.sendall(REQUEST)
            read_answers(other, 1)
    assert rss(server) - before < 150 * 1024 * 1024


def rss(server: ServerProcess) -> int:
    """Bytes of the server's resident memory."""
    with open(f"/proc/{server.process.pid}/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()
