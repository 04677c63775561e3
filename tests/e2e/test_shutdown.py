"""SIGTERM lets calls end, for a while; SIGHUP reads the config anew."""

from __future__ import annotations

import json
import signal
import socket
import time
import urllib.error
import urllib.request

import pytest


def read_all(sock):
    data = b""
    while True:
        try:
            part = sock.recv(65536)
        except ConnectionResetError:
            return data
        if not part:
            return data
        data += part


def until(sock, mark):
    data = b""
    while mark not in data:
        part = sock.recv(65536)
        assert part, data
        data += part
    return data


def refused(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as sock:
            sock.settimeout(1)
            sock.sendall(b"GET /health/liveness HTTP/1.1\r\nhost: x\r\n\r\n")
            return not sock.recv(100)
    except OSError:
        return True


def test_sigterm_lets_a_stream_end(own_gateway):
    running = own_gateway(drain_timeout=10)
    sock = running.open("slowly 1", stream=True)
    data = until(sock, b"0 ")
    running.server.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert running.server.process.poll() is None, "ended under a call"
    assert refused(running.server.port), "new connections are still taken"
    data += read_all(sock)
    assert b"data: [DONE]" in data
    assert b'"error"' not in data
    started = time.monotonic()
    assert running.server.process.wait(10) == 0
    assert time.monotonic() - started < 3
    assert "Traceback" not in running.server.log(), running.server.log()


def test_sigterm_cuts_what_takes_too_long(own_gateway):
    running = own_gateway(drain_timeout=1)
    stream = running.open("slowly 9", stream=True)
    data = until(stream, b"0 ")
    plain = running.open("never")
    running.upstream.request_seen(2)
    disconnects = len(running.upstream.disconnects)
    started = time.monotonic()
    running.server.process.send_signal(signal.SIGTERM)
    data += read_all(stream)
    answer = read_all(plain)
    assert running.server.process.wait(10) == 0
    assert 0.9 < time.monotonic() - started < 5
    events = [line[6:] for line in data.decode().splitlines() if line.startswith("data: ")]
    assert "[DONE]" not in events
    assert json.loads(events[-1])["error"] == {
        "message": "The gateway is shutting down.",
        "type": "internal_server_error",
        "param": None,
        "code": "503",
    }
    assert answer.startswith(b"HTTP/1.1 503"), answer
    assert b"shutting down" in answer
    assert len(running.upstream.disconnects) == disconnects + 2, "an upstream call was left open"
    assert "Traceback" not in running.server.log(), running.server.log()


def test_an_idle_gateway_ends_at_once(own_gateway):
    running = own_gateway()
    idle = socket.create_connection(("127.0.0.1", running.server.port))
    used = running.open("hello")  # a connection kept alive must not hold the shutdown up either
    until(used, b"Hello hello")
    for number in (signal.SIGTERM,):
        started = time.monotonic()
        running.server.process.send_signal(number)
        assert running.server.process.wait(10) == 0
        assert time.monotonic() - started < 3
    idle.close()
    used.close()


def test_ctrl_c_ends_it_too(own_gateway):
    running = own_gateway()
    running.server.process.send_signal(signal.SIGINT)
    assert running.server.process.wait(10) in (0, 130, -signal.SIGINT)
    assert "Traceback" not in running.server.log(), running.server.log()


def models(running):
    request = urllib.request.Request(f"{running.url}/v1/models", headers={"authorization": f"Bearer {running.key}"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return [m["id"] for m in json.load(answer)["data"]]


def test_sighup_picks_up_a_new_model(own_gateway):
    running = own_gateway()
    stream = running.open("slowly 1", stream=True)
    data = until(stream, b"0 ")
    path = running.server.config
    config = json.loads(path.read_text())
    config["model_list"].append({**config["model_list"][0], "model_name": "newcomer"})
    path.write_text(json.dumps(config))
    running.server.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 5
    while "newcomer" not in models(running):
        assert time.monotonic() < deadline, running.server.log()
        time.sleep(0.05)
    data += until(stream, b"[DONE]")
    assert b'"error"' not in data
    # A config that cannot work is told and changes nothing.
    path.write_text("model_list: [}")
    running.server.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 5
    while "reload refused" not in running.server.log():
        assert time.monotonic() < deadline, running.server.log()
        time.sleep(0.05)
    assert "newcomer" in models(running)
    assert "Traceback" not in running.server.log()


def test_a_changed_file_is_enough_with_reload(own_gateway):
    running = own_gateway("--reload")
    path = running.server.config
    good = path.read_text()
    config = json.loads(good)
    path.write_text("model_list: [}")
    deadline = time.monotonic() + 8
    while "reload refused" not in running.server.log():
        assert time.monotonic() < deadline, running.server.log()
        time.sleep(0.05)
    [line] = [line for line in running.server.log().splitlines() if "reload refused" in line]
    assert f"{path.name}:1" in line
    assert "m" in models(running)
    config["model_list"].append({**config["model_list"][0], "model_name": "newcomer"})
    path.write_text(json.dumps(config))
    deadline = time.monotonic() + 8
    while "newcomer" not in models(running):
        assert time.monotonic() < deadline, running.server.log()
        time.sleep(0.05)
    assert "Traceback" not in running.server.log()


@pytest.mark.parametrize("path", ["/health/readiness"])
def test_two_workers_serve_and_end(own_gateway, path):
    running = own_gateway("--workers", "2", drain_timeout=5)
    for _ in range(6):
        with urllib.request.urlopen(running.url + path, timeout=5) as answer:
            assert answer.status == 200
    with running.open("hello") as sock:
        until(sock, b"Hello hello")
    running.server.process.send_signal(signal.SIGTERM)
    assert running.server.process.wait(15) == 0
    assert "Traceback" not in running.server.log(), running.server.log()
