"""Pass-through over real sockets: official clients, large uploads, broken answers, clients that leave."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time

import anthropic
import openai
import pytest
from promptness import soonest

from tianji_core.testing import Answer, FakeUpstream
from tianji_core.testing.openai_samples import RESPONSES, chat_chunks
from tianji_core.testing.server import ServerProcess

SERVERS = ["uvicorn", "hypercorn"]
MASTER_KEY = "sk-e2e-0123456789abcdefghij"
ENVIRONMENT = dict.fromkeys(("TIANJI_MASTER_KEY", "LITELLM_MASTER_KEY", "CONFIG_FILE_PATH", "HOST", "PORT"), "")
MEGABYTE = 1024 * 1024
CLAUDE = [
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-x",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 5, "output_tokens": 1},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello there"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 2},
    },
    {"type": "message_stop"},
]


def scripted(request):
    if request.path == "/v1/messages":
        if not request.json().get("stream"):
            message = dict(
                CLAUDE[0]["message"], content=[{"type": "text", "text": "Hello there"}], stop_reason="end_turn"
            )
            return Answer.json(message)
        events = [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in CLAUDE]
        return Answer.sse(*events, done=False)
    if request.path == "/v1/embeddings":
        data = [{"object": "embedding", "index": 0, "embedding": [0.5]}]
        return Answer.json(
            {"object": "list", "data": data, "model": "e", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
        )
    if request.path in ("/v1/files", "/v1/blobs"):
        name, size = "f.jsonl", len(request.body)
        file = {"id": "file-1", "object": "file", "bytes": size, "created_at": 1, "filename": name, "purpose": "batch"}
        return Answer.json({**file, "status": "processed"})
    if request.path == "/v1/status":
        return Answer.error(418, "A teapot.")
    if request.path == "/v1/cut/length":
        return Answer.json({"data": "x" * 100_000}).but(cut_at=50_000)
    if request.path == "/v1/cut/chunks":
        return Answer.sse(*chat_chunks({"content": "one"}), done=False).but(cut_at=100)
    if request.path == "/v1/begin":
        return Answer.sse({"begun": True}, 30.0)
    if request.path == "/v1/never":
        return Answer.never()
    if request.path == "/v1/flood":
        return Answer.sse(*(f"{number} {'x' * 50_000}" for number in range(2000)))
    if request.body and request.json().get("stream"):
        return Answer.chat_stream("Hello ", "there")
    return Answer.json(RESPONSES["chat"])


@pytest.fixture(scope="module", params=SERVERS)
def through(request, tmp_path_factory):
    """A gateway in front of one vendor for everything."""
    with FakeUpstream(script=scripted) as upstream:
        params = {"api_key": "sk-vendor-0123456789"}
        rows = [
            {"model_name": "o", "litellm_params": {"model": "openai/gpt-x", "api_base": upstream.base, **params}},
            {"model_name": "a", "litellm_params": {"model": "anthropic/claude-x", "api_base": upstream.url, **params}},
        ]
        config = {"model_list": rows, "general_settings": {"master_key": MASTER_KEY}}
        folder = tmp_path_factory.mktemp(f"through-{request.param}")
        server = ServerProcess(config, folder, ["--server", request.param], ENVIRONMENT)
        server.upstream = upstream
        try:
            yield server.start()
            assert "Traceback" not in server.log(), server.log()
        finally:
            server.stop()


def raw(server, method, path, body=b"", **fields):
    head = {"host": "gateway", "authorization": f"Bearer {MASTER_KEY}", "content-length": len(body)}
    head.update((name.replace("_", "-"), value) for name, value in fields.items())
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    sock.sendall(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body)
    return sock


def whole(sock):
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return data


# -- official clients --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["/openai/v1", "/openai_passthrough/v1"])
def test_openai(through, base):
    hello = [{"role": "user", "content": "hello"}]
    with openai.OpenAI(base_url=through.url + base, api_key=MASTER_KEY, max_retries=0, timeout=10) as client:
        answer = client.chat.completions.create(model="gpt-x", messages=hello)
        assert answer.choices[0].message.content
        stream = client.chat.completions.create(model="gpt-x", messages=hello, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == "Hello there"
        assert client.embeddings.create(model="e", input="x", encoding_format="float").data[0].embedding == [0.5]
        if base == "/openai_passthrough/v1":  # under the other one the gateway has files of its own
            file = client.files.create(file=("f.jsonl", b"{}\n" * 100_000), purpose="batch")
            assert file.bytes > 300_000
        with pytest.raises(openai.APIStatusError) as caught:
            client.get("/status", cast_to=object)
        assert caught.value.status_code == 418
        assert "A teapot." in str(caught.value)
    with (
        openai.OpenAI(base_url=through.url + base, api_key="sk-wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()
    for seen in through.upstream.requests:
        assert MASTER_KEY not in str(seen.headers)
        assert seen.headers["authorization"] == "Bearer sk-vendor-0123456789"


def test_anthropic(through):
    hello = [{"role": "user", "content": "hello"}]
    with anthropic.Anthropic(
        base_url=f"{through.url}/anthropic", api_key=MASTER_KEY, max_retries=0, timeout=10
    ) as client:
        answer = client.messages.create(model="claude-x", max_tokens=9, messages=hello)
        assert answer.content[0].text == "Hello there"
        with client.messages.stream(model="claude-x", max_tokens=9, messages=hello) as stream:
            assert "".join(stream.text_stream) == "Hello there"
            assert stream.get_final_message().usage.output_tokens == 2
    seen = through.upstream.requests[-1].headers
    assert seen["x-api-key"] == "sk-vendor-0123456789"
    assert seen["anthropic-version"]
    with (
        anthropic.Anthropic(base_url=f"{through.url}/anthropic", api_key="sk-wrong", max_retries=0) as stranger,
        pytest.raises(anthropic.AuthenticationError) as caught,
    ):
        stranger.messages.create(model="claude-x", max_tokens=9, messages=hello)
    assert caught.value.body["error"]["type"] == "authentication_error"


# -- sockets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/openai/v1/%2e%2e/x", "/openai/v1/../x", "/openai//x", "/openai/v1/..%2fx", "/openai%2fv1/x", "/openai/v1/%00"],
)
def test_paths_are_judged_as_they_came(through, path):
    seen = len(through.upstream.requests)
    with raw(through, "GET", path, connection="close") as sock:
        assert whole(sock)[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 404")
    assert len(through.upstream.requests) == seen


def test_an_encoded_slash_arrives_as_one(through):
    with raw(through, "GET", "/openai/v1/blobs/a%2Fb@c?x=%2e%2e", connection="close") as sock:
        whole(sock)
    assert through.upstream.requests[-1].target == "/v1/blobs/a%2Fb@c?x=%2e%2e"


def test_an_answer_that_is_cut_ends_the_connection(through):
    with raw(through, "GET", "/openai/v1/cut/length") as sock:
        data = whole(sock)
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"200" in head.split(b"\r\n")[0]
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    assert len(body) < int(length.partition(b":")[2])
    with raw(through, "GET", "/openai/v1/cut/chunks") as sock:
        data = whole(sock)
    assert b"chunked" in data.lower()
    assert not data.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("path", ["/openai/v1/begin", "/openai/v1/never"])
def test_a_client_that_leaves(through, path):
    def once():
        count = len(through.upstream.disconnects)
        requests = len(through.upstream.requests)
        sock = raw(through, "POST", path, b"{}", content_type="application/json")
        through.upstream.request_seen(requests + 1)
        time.sleep(0.2)
        left = time.monotonic()
        sock.close()
        return through.upstream.disconnect_seen(count + 1).at - left

    assert soonest(once, 0.3) < 0.3


class Sink:
    """A vendor that reads uploads without keeping them."""

    def __init__(self):
        self.taken = 0
        self.ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.serve()), daemon=True)

    async def serve(self):
        self.loop, self.stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self.talk, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        async with server:
            await self.stopping.wait()

    async def talk(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(
            next(line for line in head.split(b"\r\n") if line.startswith(b"content-length")).partition(b":")[2]
        )
        while self.taken < length:
            self.taken += len(await reader.read(65536))
            if not self.taken % 5:
                await asyncio.sleep(0)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    def __enter__(self):
        self.thread.start()
        self.ready.wait()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.stopping.set)
        self.thread.join(5)


def rss(server):
    with open(f"/proc/{server.process.pid}/status") as status:
        found = {line.split()[0]: int(line.split()[1]) for line in status if line.startswith(("VmRSS", "VmHWM"))}
    return found["VmRSS:"] / 1024, found["VmHWM:"] / 1024


LONG = pytest.mark.long
FILE, JSON = "application/octet-stream", "application/json"


@pytest.mark.parametrize(
    ("kind", "content_type", "size"),
    [
        ("uvicorn", FILE, 60),
        ("hypercorn", JSON, 60),
        *(pytest.param(kind, media, 200, marks=LONG) for kind in SERVERS for media in (FILE, JSON)),
    ],
)
def test_an_upload_is_not_held_in_memory(tmp_path, kind, size, content_type):
    with Sink() as sink:
        params = {
            "model": "openai/x",
            "api_base": f"http://127.0.0.1:{sink.port}/v1",
            "api_key": "sk-vendor-0123456789",
        }
        config = {
            "model_list": [{"model_name": "m", "litellm_params": params}],
            "general_settings": {"master_key": MASTER_KEY},
        }
        server = ServerProcess(config, tmp_path, ["--server", kind], ENVIRONMENT)
        try:
            server.start()
            with raw(server, "GET", "/openai/v1/%00", connection="close") as sock:
                whole(sock)  # what is loaded for the first such request does not count
            before, _ = rss(server)
            piece = b'"' + bytes(b"x" * (MEGABYTE - 2)) + b"\n"
            with raw(
                server, "POST", "/openai/v1/blobs", content_type=content_type, content_length=size * MEGABYTE
            ) as sock:
                for _ in range(size):
                    sock.sendall(piece)
                assert sock.recv(12) == b"HTTP/1.1 200"
            assert sink.taken == size * MEGABYTE
            _, most = rss(server)
            assert most - before < 40, f"{most - before:.1f} MB more"
            print(f"{kind} {content_type} {size} MB: {most - before:.1f} MB more")
        finally:
            server.stop()


def test_a_slow_reader_slows_the_vendor(through):
    before, _ = rss(through)
    with raw(through, "POST", "/openai/v1/flood", b"{}", content_type="application/json") as sock:
        sock.recv(1000)
        time.sleep(0.7)
        after, _ = rss(through)
    assert after - before < 20
