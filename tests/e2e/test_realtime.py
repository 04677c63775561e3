"""Realtime sessions over real sockets, on both servers, with a vendor that speaks WebSocket."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest
from realtime_vendor import RealtimeVendor, Seen
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tianji_core.testing.server import ServerProcess

SERVERS = ["uvicorn", "hypercorn"]
MASTER_KEY = "sk-realtime-0123456789abcdef"
PROMPTLY = 0.25
RECORDER = """
import dataclasses, json
from pathlib import Path
from tianji_core.api.callback import Callback

class Sink(Callback):
    async def on_call(self, record):
        names = ("operation", "outcome", "model", "deployment_id", "upstream_model", "usage", "route", "fallbacks")
        line = {name: getattr(record, name) for name in names}
        line["tag"] = record.tags and record.tags[0]
        line["error"] = record.error and {"kind": record.error.kind, "status": record.error.status}
        line["attempts"] = [[a.deployment_id, a.status, a.error] for a in record.attempts]
        with Path(__file__).with_name("records").open("a") as file:
            file.write(json.dumps(line) + "\\n")

sink = Sink()
"""


@dataclass
class Running:
    server: ServerProcess
    vendor: RealtimeVendor
    opened: int = 0

    def open(self, query: str = "model=rt", path: str = "/v1/realtime", **named: Any) -> ClientConnection:
        self.opened += 1
        headers = named.pop("headers", {"authorization": f"Bearer {MASTER_KEY}"})
        headers = {**headers, "x-litellm-tags": f"n{self.opened}"}
        named.setdefault("compression", None)
        url = f"ws://127.0.0.1:{self.server.port}{path}?{query}"
        return connect(url, additional_headers=headers, open_timeout=10, close_timeout=3, max_size=None, **named)

    def session(self, **named: Any) -> tuple[ClientConnection, Seen]:
        """An open session, and what the vendor has seen of it."""
        count = len(self.vendor.sessions)
        client = self.open(**named)
        seen = self.vendor.session(count + 1)
        assert json.loads(client.recv(5))["type"] == "session.created"
        return client, seen

    def refused(self, query: str = "model=rt", **named: Any) -> tuple[int, dict[str, Any]]:
        with pytest.raises(InvalidStatus) as caught:
            self.open(query, **named)
        response = caught.value.response
        assert response.headers["content-type"] == "application/json"
        return response.status_code, json.loads(response.body)["error"]

    def records(self, tag: str = "") -> list[dict[str, Any]]:
        """The records so far of the session that was opened last."""
        file = self.server.config.with_name("records")
        found = map(json.loads, file.read_text().splitlines() if file.exists() else [])
        return [record for record in found if record["tag"] == (tag or f"n{self.opened}")]

    def record(self, count: int = 1, tag: str = "") -> dict[str, Any]:
        """The record of the session that was opened last, once it is there."""
        deadline = time.monotonic() + 5
        while len(records := self.records(tag)) < count:
            assert time.monotonic() < deadline, f"{len(records)} of {count} records"
            time.sleep(0.02)
        assert len(records) == count
        return records[0]


def start(
    vendor: RealtimeVendor,
    kind: str,
    folder: Path,
    *,
    files: dict[str, str] | None = None,
    more: dict[str, Any] | None = None,
    **general: Any,
) -> Running:
    params = {"model": "openai/gpt-realtime", "api_base": vendor.base, "api_key": "sk-vendor-secret"}
    azure = {"model": "azure/dep", "api_base": vendor.base.removesuffix("/v1"), "api_key": "sk-azure-secret"}
    config = {
        "model_list": [
            {"model_name": "rt", "litellm_params": params, "model_info": {"id": "the-row"}},
            {"model_name": "az", "litellm_params": {**azure, "api_version": "2025-04-01-preview"}},
            {"model_name": "az-ga", "litellm_params": {**azure, "api_version": "v1"}},
            {"model_name": "dead", "litellm_params": {**params, "api_base": "http://127.0.0.1:1/v1"}},
            {"model_name": "two", "litellm_params": {**params, "api_base": "http://127.0.0.1:1/v1", "order": 1}},
            {"model_name": "two", "litellm_params": {**params, "order": 2}},
            {"model_name": "echo", "litellm_params": {"model": "echo/echo-1"}},
        ],
        "general_settings": {"master_key": MASTER_KEY, "database_url": f"sqlite:///{folder}/t.db", **general},
        "litellm_settings": {"callbacks": ["recorder.sink"]},
        "router_settings": {
            "num_retries": 1,
            "model_group_alias": {"gpt-4o-realtime": "rt"},
            "fallbacks": [{"dead": ["rt"]}],
        },
    }
    config.update(more or {})
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (files or {}).items():
        (folder / name).write_text(text)
    (folder / "config.yaml").write_text(json.dumps(config))
    (folder / "recorder.py").write_text(RECORDER)
    server = ServerProcess(
        folder / "config.yaml",
        folder,
        ["--server", kind],
        {"TIANJI_MASTER_KEY": "", "TIANJI_JITTER": "0", "TIANJI_INITIAL_RETRY_DELAY": "0.01"},
    )
    return Running(server.start(), vendor)


@pytest.fixture(scope="module", params=SERVERS)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    vendor = RealtimeVendor().start()
    found = start(
        vendor,
        request.param,
        tmp_path_factory.mktemp(request.param),
        max_request_size_mb=4,
        realtime_allowed_origins=["https://app.example"],
    )
    try:
        yield found
        assert "Traceback" not in found.server.log(), found.server.log()
    finally:
        found.server.stop()
        vendor.stop()


@pytest.fixture(params=SERVERS)
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    vendor = RealtimeVendor().start()
    started: list[Running] = []

    def run(**general: Any) -> Running:
        started.append(start(vendor, request.param, tmp_path / str(len(started)), **general))
        return started[-1]

    yield run
    for each in started:
        each.server.stop()
        assert "Traceback" not in each.server.log(), each.server.log()
    vendor.stop()


# -- what passes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/realtime", "/realtime", "/openai/v1/realtime", "/openai/realtime"])
def test_messages_pass_as_they_are(running, path):
    client, seen = running.session(path=path)
    with client:
        for message in ("héllo 天", "", b"\x00\xff", b"", '{"type": "odd",\n "x": 1}', "y" * 70_000, b"z" * 300_000):
            client.send(message)
            assert client.recv(5) == message
    assert seen.query == {"model": "gpt-realtime"}
    assert seen.path == "/v1/realtime"
    assert seen.headers["authorization"] == "Bearer sk-vendor-secret"
    assert not any(MASTER_KEY in value for value in seen.headers.values())
    assert "openai-beta" not in seen.headers
    assert "origin" not in seen.headers


def test_fragments_are_put_together(running):
    client, _ = running.session()
    with client:
        client.send(["ab", "cd", "é"])
        assert client.recv(5) == "abcdé"
        client.send([b"a" * 100_000, b"b" * 100_000])
        assert client.recv(5) == b"a" * 100_000 + b"b" * 100_000


def test_the_answer_to_the_handshake_says_whose_call_it_is(running):
    client, _ = running.session()
    with client:
        assert client.response.headers["x-litellm-model-id"] == "the-row"
        assert client.response.headers["x-litellm-call-id"]


def test_big_messages(running):
    client, _ = running.session()
    with client:
        message = base64.b64encode(b"\x01" * 2_500_000).decode()
        client.send(message)
        assert client.recv(10) == message


def test_a_message_that_is_too_big_ends_the_session(running):
    client, seen = running.session()
    with suppress(ConnectionClosed):
        client.send("x" * (4 * 1024 * 1024 + 1))
    with pytest.raises(ConnectionClosed) as caught:
        client.recv(5)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1009
    assert running.vendor.ended(seen).code == 1009


def test_pings_both_ways(running):
    client, _ = running.session()
    with client:
        assert client.ping().wait(5)
        client.send('{"type": "ping"}')
        assert json.loads(client.recv(5)) == {"type": "ponged"}


def test_compression_is_not_agreed_on(running):
    with running.open(compression="deflate") as client:
        assert client.response.headers.get("sec-websocket-extensions") is None


# -- who may -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [{"authorization": f"Bearer {MASTER_KEY}"}, {"api-key": MASTER_KEY}, {"x-litellm-api-key": MASTER_KEY}],
    ids=lambda headers: next(iter(headers)),
)
def test_the_key_in_a_header(running, headers):
    client, seen = running.session(headers=headers)
    client.close()
    assert not any(MASTER_KEY in value for value in seen.headers.values())


def test_the_key_of_a_browser(running):
    protocols = ["realtime", f"openai-insecure-api-key.{MASTER_KEY}", "openai-beta.realtime-v1"]
    client, seen = running.session(headers={}, subprotocols=protocols)
    with client:
        assert client.subprotocol == "realtime"
    assert seen.headers["openai-beta"] == "realtime=v1"
    assert "sec-websocket-protocol" not in seen.headers


def test_the_beta_in_a_header(running):
    headers = {"authorization": f"Bearer {MASTER_KEY}", "openai-beta": "realtime=v1"}
    client, seen = running.session(headers=headers)
    client.close()
    assert seen.headers["openai-beta"] == "realtime=v1"


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({}, "model=rt"),
        ({"authorization": "Bearer sk-wrong"}, "model=rt"),
        ({}, f"model=rt&key={MASTER_KEY}"),
        ({}, f"model=rt&api_key={MASTER_KEY}"),
    ],
)
def test_nobody_else(running, headers, query):
    sessions = len(running.vendor.sessions)
    status, error = running.refused(query, headers=headers)
    assert status == 401
    assert error["type"] == "auth_error"
    assert len(running.vendor.sessions) == sessions


def test_pages_of_other_origins_are_kept_out(running):
    status, error = running.refused(origin="https://evil.example")
    assert status == 403
    assert error["type"] == "permission_error"
    assert running.refused(origin="null")[0] == 403
    assert running.refused(origin=f"http://127.0.0.1:{running.server.port + 1}")[0] == 403
    for scheme in ("http", "https"):
        with running.open(origin=f"{scheme}://127.0.0.1:{running.server.port}"):
            pass


def test_pages_that_the_config_allows(running):
    with running.open(origin="https://app.example"):
        pass
    assert running.refused(origin="https://app.example.evil")[0] == 403
    assert running.refused(origin="http://app.example")[0] == 403


# -- which model ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["model=nobody", "", "model=", "model=rt&intent=chat", "model=rt&call_id=rtc_1"])
def test_what_cannot_be_opened_is_refused_before(running, query):
    status, error = running.refused(query)
    assert status == 400
    assert error["type"] == "invalid_request_error"
    if "nobody" in query:
        assert "nobody" in error["message"]
        record = running.record()
        assert (record["operation"], record["outcome"], record["model"]) == ("realtime", "failure", "nobody")


def test_a_model_that_has_no_sessions(running):
    status, error = running.refused("model=echo")
    assert status == 400
    assert "realtime" in error["message"]


def test_unknown_paths(running):
    assert running.refused(path="/v1/nothing")[0] == 404
    assert running.refused(path="/v1/chat/completions")[0] == 404


def test_aliases_and_other_names_of_the_model(running):
    with running.open("model=gpt-4o-realtime"):
        pass
    client, seen = running.session(query="api-version=2024-10-01-preview&deployment=rt&host=evil.example")
    client.close()
    assert seen.query == {"model": "gpt-realtime"}


def test_sessions_that_transcribe(running):
    client, seen = running.session(query="model=rt&intent=transcription")
    with client:
        client.send('{"type": "transcribe"}')
        assert "transcript" in client.recv(5)
    assert seen.query == {"intent": "transcription"}
    usage = running.record()["usage"]
    assert usage == {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}


def test_azure(running):
    client, seen = running.session(query="model=az")
    client.close()
    assert seen.path == "/openai/realtime"
    assert seen.query == {"api-version": "2025-04-01-preview", "deployment": "dep"}
    assert seen.headers["api-key"] == "sk-azure-secret"
    assert "authorization" not in seen.headers
    client, seen = running.session(query="model=az-ga")
    client.close()
    assert seen.path == "/openai/v1/realtime"
    assert seen.query == {"model": "dep"}


def test_another_row_is_tried_where_one_cannot_be_reached(running):
    running.session(query="model=two")[0].close()
    record = running.record()
    assert [attempt[1:] for attempt in record["attempts"]] == [[None, "APIConnectionError"], [101, None]]


def test_fallbacks(running):
    running.session(query="model=dead")[0].close()
    record = running.record()
    assert (record["model"], record["deployment_id"], record["fallbacks"]) == ("dead", "the-row", 1)


def test_a_vendor_that_refuses_is_heard_before_the_upgrade(running):
    running.vendor.refuse = 403
    status, error = running.refused()
    assert status == 403
    assert "Not you." in error["message"]
    record = running.record()
    assert record["outcome"] == "failure"
    assert record["attempts"] == [["the-row", 403, "PermissionDeniedError"]]
    running.vendor.refuse = 503  # here another try helps
    running.session()[0].close()


# -- ends ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "off"), (3000, "bad key"), (4999, "päus")])
def test_the_vendors_close_reaches_the_client(running, code, reason):
    client, _ = running.session()
    client.send(json.dumps({"type": "close", "code": code, "reason": reason}))
    with pytest.raises(ConnectionClosed) as caught:
        client.recv(5)
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (code, reason)
    assert running.record()["outcome"] == ("success" if code < 3000 else "failure")


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "bye"), (3001, "why"), (4000, "äh")])
def test_the_clients_close_reaches_the_vendor(running, code, reason):
    client, seen = running.session()
    left = time.monotonic()
    client.close(code, reason)
    running.vendor.ended(seen)
    assert (seen.code, seen.reason) == (code, reason)
    assert seen.ended - left < PROMPTLY


def test_a_client_that_just_goes(running):
    client, seen = running.session()
    left = time.monotonic()
    client.socket.shutdown(socket.SHUT_RDWR)
    assert running.vendor.ended(seen).ended - left < PROMPTLY
    assert seen.code == 1001
    assert running.record()["outcome"] == "success"


def test_a_client_that_goes_before_the_vendor_has_answered(running):
    sessions = len(running.vendor.sessions)
    running.vendor.hold = threading.Event()
    try:
        head = f"GET /v1/realtime?model=rt HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {MASTER_KEY}\r\n"
        head += "x-litellm-tags: n0\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
        head += "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        sock = socket.create_connection(("127.0.0.1", running.server.port))
        sock.sendall(head.encode())
        seen = running.vendor.session(sessions + 1)
        left = time.monotonic()
        sock.close()
        assert running.vendor.ended(seen).ended - left < PROMPTLY
    finally:
        running.vendor.hold.set()
        running.vendor.hold = None
    record = running.record(tag="n0")
    assert (record["outcome"], record["error"]) == ("failure", {"kind": "ClientClosedError", "status": 499})


@pytest.mark.parametrize("how", ["die", "garbage"])
def test_a_vendor_that_dies(running, how):
    client, _ = running.session()
    client.send(json.dumps({"type": how}))
    event = json.loads(client.recv(5))
    assert event["type"] == "error"
    assert event["event_id"]
    assert event["error"]["type"] == "server_error"
    assert "127.0.0.1" not in json.dumps(event)
    with pytest.raises(ConnectionClosed) as caught:
        client.recv(5)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1011
    record = running.record()
    assert record["outcome"] == "failure"
    assert record["error"]["status"] in (500, 502)


@pytest.mark.parametrize("own", ["uvicorn"], indirect=True)  # the server has nothing to do with it
def test_silence_ends_a_session(own):
    running = own(realtime_idle_timeout=0.3)
    client, seen = running.session()
    started = time.monotonic()
    for _ in range(3):
        time.sleep(0.15)
        client.send("still here")
        client.recv(5)
    with pytest.raises(ConnectionClosed) as caught:
        client.recv(5)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1001
    assert 0.6 < time.monotonic() - started < 3
    assert running.vendor.ended(seen).code == 1000


def test_a_shutdown_lets_sessions_go_on_and_then_says_goodbye(own):
    running = own(drain_timeout=1)
    client, seen = running.session()
    started = time.monotonic()
    running.server.process.send_signal(signal.SIGTERM)
    time.sleep(0.4)
    client.send("still there?")
    assert client.recv(5) == "still there?"
    event = json.loads(client.recv(5))
    assert event["error"]["message"] == "The gateway is shutting down."
    with pytest.raises(ConnectionClosed) as caught:
        client.recv(5)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1012
    assert running.vendor.ended(seen).code == 1001
    assert running.server.process.wait(10) == 0
    assert 0.9 < time.monotonic() - started < 5
    record = running.record()
    assert record["error"] == {"kind": "ServiceUnavailableError", "status": 503}


def test_a_shutdown_does_not_wait_longer_than_the_session(own):
    running = own(drain_timeout=20)
    client, _ = running.session()
    started = time.monotonic()
    running.server.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    client.close()
    assert running.server.process.wait(10) == 0
    assert time.monotonic() - started < 4


# -- slow readers --------------------------------------------------------------------------------------------------


def test_a_client_that_does_not_read_slows_the_vendor_down(running):
    client, seen = running.session(max_queue=1)
    with client:
        client.send('{"type": "flood", "count": 400, "size": 100000}')
        sent = settled(lambda: seen.sent)
        assert sent < 200, "40 MB are somewhere on the way"
        for _ in range(400):
            assert len(client.recv(5)) == 100_000
        assert seen.sent == 400


def test_a_vendor_that_does_not_read_slows_the_client_down(running):
    client, _ = running.session()
    with client:
        client.send('{"type": "deaf", "seconds": 0.8, "count": 400}')
        started, sent, at = time.monotonic(), 0, 0.0
        for sent in range(1, 401):
            client.send(b"x" * 100_000)
            if not at and time.monotonic() - started > 0.7:
                at = sent  # it was held up here
        assert 0 < at < 200, "40 MB are somewhere on the way"
        assert client.recv(10) == "400"


def settled(count: Callable[[], int]) -> int:
    """A number once it does not change any more."""
    before = -1
    while before != (before := count()):
        time.sleep(0.25)
    return before


# -- records -------------------------------------------------------------------------------------------------------


def test_one_record_with_the_usage_of_all_answers(running):
    client, _ = running.session()
    with client:
        for _ in range(2):
            client.send('{"type": "response.create"}')
            client.recv(5)
            client.recv(5)
        client.send('{"type": "transcribe"}')
        client.recv(5)
        assert running.records() == []
    record = running.record()
    assert record["usage"] == {
        "prompt_tokens": 40,
        "completion_tokens": 20,
        "total_tokens": 60,
        "prompt_tokens_details": {
            "text_tokens": 10,
            "audio_tokens": 30,
            "cached_tokens": 8,
            "cached_tokens_details": {"text_tokens": 8, "audio_tokens": 0},
        },
        "completion_tokens_details": {"text_tokens": 6, "audio_tokens": 14},
        "input_audio_transcription": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
    }
    assert (record["operation"], record["outcome"]) == ("realtime", "success")
    assert (record["model"], record["upstream_model"], record["route"]) == ("rt", "gpt-realtime", "/v1/realtime")


def test_a_client_that_floods_a_session_at_its_end(running):
    """What it still sends finds nobody; nothing may wait for that."""
    for _ in range(2):
        client, seen = running.session()
        for number in range(200):
            client.send('{"type": "close", "code": 1000}' if number == 50 else "x")
        running.vendor.ended(seen)
        with suppress(ConnectionClosed):
            while True:
                client.recv(5)
        client.close()
        running.record()
    deadline = time.monotonic() + 5
    while established(running.server.port):
        assert time.monotonic() < deadline, "a connection of the server has stayed open"
        time.sleep(0.05)


def established(port: int) -> int:
    """Connections of a port that are not closed on its side."""
    found = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, *_ = line.split()
        found += int(local.rpartition(":")[2], 16) == port and state in ("01", "08")
    return found


def test_many_sessions_leave_nothing_behind(running):
    sessions, tag = len(running.vendor.sessions), "the hundred"
    url = f"ws://127.0.0.1:{running.server.port}/v1/realtime?model=rt"

    headers = {"authorization": f"Bearer {MASTER_KEY}", "x-litellm-tags": tag}

    def descriptors() -> int:
        return len(list(Path(f"/proc/{running.server.process.pid}/fd").iterdir()))

    async def one(number: int, all_open: asyncio.Barrier) -> None:
        async with connect_async(url, additional_headers=headers) as client:
            await client.recv()
            await all_open.wait()
            for _ in range(5):
                await client.send(f"{number}")
                assert await client.recv() == f"{number}"
            if number % 3 == 0:
                client.transport.abort()
            elif number % 3 == 1:
                await client.send('{"type": "die"}')
                await client.recv()

    async def all_of_them() -> None:
        barrier = asyncio.Barrier(100)
        await asyncio.gather(*(one(number, barrier) for number in range(100)))

    before = descriptors()
    asyncio.run(all_of_them())
    running.record(100, tag)
    running.vendor.wait(lambda: all(seen.ended for seen in running.vendor.sessions[sessions:]))
    deadline = time.monotonic() + 5
    while descriptors() > before + 2:
        assert time.monotonic() < deadline, f"{descriptors()} descriptors after {before}"
        time.sleep(0.05)
    assert running.server.ready()


# -- OpenAI's own client -------------------------------------------------------------------------------------------


@pytest.fixture
def sdk(running: Running) -> openai.AsyncOpenAI:
    url = f"{running.server.url}/v1"
    return openai.AsyncOpenAI(base_url=url, websocket_base_url=f"ws{url.removeprefix('http')}", api_key=MASTER_KEY)


def test_openais_client(sdk):
    async def main() -> None:
        async with sdk.realtime.connect(model="rt") as connection:
            assert (await connection.recv()).type == "session.created"
            await connection.response.create()
            kinds = [(await connection.recv()).type for _ in range(2)]
            assert kinds == ["response.output_text.delta", "response.done"]

    asyncio.run(main())


def test_openais_client_with_a_secret(sdk, running):
    async def main() -> None:
        session = {"type": "realtime", "model": "rt", "instructions": "Be kind."}
        async with sdk:
            made = await sdk.realtime.client_secrets.create(session=session)
        assert made.session.instructions == "Be kind."
        async with sdk.with_options(api_key=made.value).realtime.connect(model="rt") as connection:
            # The vendor echoes what the gateway has told it before the client could say anything.
            assert (await connection.recv()).type == "session.created"
            event = json.loads(await connection.recv_bytes())
            assert event == {"type": "session.update", "session": {"type": "realtime", "instructions": "Be kind."}}

    sessions = len(running.vendor.sessions)
    asyncio.run(main())
    seen = running.vendor.session(sessions + 1)
    assert seen.headers["authorization"] == "Bearer sk-vendor-secret"


def test_openais_client_of_the_beta(sdk, running):
    async def main() -> None:
        async with sdk.beta.realtime.connect(model="rt") as connection:
            assert (await connection.recv()).type == "session.created"

    sessions = len(running.vendor.sessions)
    asyncio.run(main())
    assert running.vendor.session(sessions + 1).headers["openai-beta"] == "realtime=v1"


GUARD = """
from tianji_core.api.guardrail import ALLOW, Block, Guardrail

class Guard(Guardrail):
    stages = frozenset({"pre_call", "post_call"})

    def __init__(self, settings):
        pass

    async def check(self, stage, payload):
        return Block("No bad words.") if any("bad" in text for text in payload.texts()) else ALLOW
"""


@pytest.mark.parametrize("guarded", [True, False])
def test_guardrails_look_at_what_is_said(own, tmp_path, guarded):
    entry = {"guardrail": "guard.Guard", "mode": ["pre_call", "post_call"], "default_on": True}
    running = own(
        files={"guard.py": GUARD},
        more={"guardrails": [{"guardrail_name": "g", "litellm_params": entry}]},
        realtime_without_guardrails=not guarded,
    )
    client, seen = running.session()
    item = {"type": "conversation.item.create", "event_id": "e7", "item": {"role": "user", "content": "bad"}}
    client.send(json.dumps(item))
    told = json.loads(client.recv(5))
    if guarded:
        assert told["type"] == "error"
        assert told["error"]["event_id"] == "e7"
        assert seen.got == 0
        good = {**item, "item": {"role": "user", "content": "good"}}
        client.send(json.dumps(good))
        assert json.loads(client.recv(5)) == good
    else:
        assert told == item
    client.close()
    assert running.record()["outcome"] == "success"
