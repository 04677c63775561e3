"""End-to-end tests: real processes, real sockets, real clients. Both servers where the server can make a difference."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tianji_core.testing import Answer, FakeUpstream
from tianji_core.testing.openai_samples import RESPONSES, chat_chunks
from tianji_core.testing.server import COMMAND, ServerProcess, free_port

sys.path.append(str(Path(__file__).parent))  # for what stands beside the tests and is none

SERVERS = ["uvicorn", "hypercorn"]
MASTER_KEY = "sk-e2e-0123456789abcdefghij"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


def scripted(request: Any) -> Answer:
    """The vendor of the shared gateways: it does what the last message, prompt or input says."""
    body = request.json()
    if request.path.endswith("/rerank"):
        return ranked(body)
    if "messages" in body:
        content = body["messages"][-1].get("content") if body["messages"] else "hello"
        word = content if isinstance(content, str) else "hello"
    else:
        word = str(body.get("prompt") or body.get("input"))
    name, _, rest = word.partition(" ")
    if name == "status":
        return Answer.error(int(rest), f"Status {rest}.")
    if name == "never":
        return Answer.never()
    if name == "begin":
        return Answer.sse(*chat_chunks({"content": "one"})[:2], 30.0)
    if name == "silent":
        return Answer.sse(30.0, "{}")
    if name == "slowly":
        texts = [{"content": f"{i} "} for i in range(int(rest) * 10)]
        return Answer.sse(*chat_chunks(*texts), pause=0.1)
    if name == "flood":
        return Answer.sse(*chat_chunks(*({"content": f"{i} {'x' * 50_000}"} for i in range(int(rest) * 20))))
    if name == "break":
        return Answer.sse(*chat_chunks({"content": "one"})[:2], done=False)
    if word == "call twice":  # side by side
        calls = [{"index": n, "id": f"call_{n}", "type": "function", "function": {"name": "f"}} for n in (0, 1)]
        given = [{"index": n, "function": {"arguments": f'{{"a":{n + 1}}}'}} for n in (0, 1)]
        return Answer.sse(*chat_chunks({"tool_calls": calls}, {"tool_calls": given}, finish="tool_calls"))
    if name == "uncounted":
        chunks = chat_chunks({"content": "Hello "}, {"content": "there"})[:-1]
        return Answer.sse(*chunks) if body.get("stream") else Answer.json({**RESPONSES["chat"], "usage": None})
    if body.get("stream"):
        return Answer.chat_stream("Hello ", word)
    if request.path.endswith("/embeddings"):
        data = [{"object": "embedding", "index": 0, "embedding": [0.5, -0.5]}]
        return Answer.json(
            {"object": "list", "model": "up", "data": data, "usage": {"prompt_tokens": 1, "total_tokens": 1}}
        )
    return Answer.chat(f"Hello {word}")


def ranked(body: dict[str, Any]) -> Answer:
    """A rerank answer in Cohere's shape: the second document is the best, the first next, then the others."""
    name, _, rest = str(body["query"]).partition(" ")
    if name == "status":
        return Answer.error(int(rest), f"Status {rest}.")
    order = [1, 0, *range(2, len(body["documents"]))][: body.get("top_n")]
    scores = [0.9, 0.2, *(0.1 for _ in order)]
    results: list[dict[str, Any]] = [{"index": i, "relevance_score": s} for i, s in zip(order, scores, strict=False)]
    if body.get("return_documents"):
        for found in results:
            found["document"] = {"text": body["documents"][found["index"]]}
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
    return Answer.json({"id": "rr-1", "results": results, "meta": meta})


def shared_config(upstream: FakeUpstream, **general: Any) -> dict[str, Any]:
    """A gateway over the scripted vendor and the echo provider."""
    params = {"model": "openai_compatible/up-1", "api_base": upstream.base, "api_key": "sk-up"}
    return {
        "model_list": [
            {"model_name": "m", "litellm_params": params},
            {"model_name": "openai-m", "litellm_params": {**params, "model": "openai/gpt-x"}},
            {"model_name": "echo", "litellm_params": {"model": "echo/echo-1"}},
            {"model_name": "any/*", "litellm_params": {**params, "model": "openai_compatible/*"}},
        ],
        "general_settings": {"master_key": MASTER_KEY, **general},
        "router_settings": {"num_retries": 0},
    }


@dataclass
class Running:
    """A gateway under test, its vendor, its key."""

    server: ServerProcess
    upstream: FakeUpstream
    kind: str
    sockets: list[socket.socket] = field(default_factory=list)
    """All that tests have opened."""

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def key(self) -> str:
        return MASTER_KEY

    @property
    def pid(self) -> int:
        assert self.server.process is not None
        return self.server.process.pid

    def open(self, text: str = "hello", **members: Any) -> socket.socket:
        """Send a chat on a socket of its own and leave the answer to the test."""
        body = {"model": "m", "messages": [{"role": "user", "content": text}], **members}
        return self.send("POST", "/v1/chat/completions", json.dumps(body).encode())

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> socket.socket:
        fields = {
            "host": "gateway",
            "authorization": f"Bearer {MASTER_KEY}",
            "content-length": str(len(body)),
            **headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        sock = socket.create_connection(("127.0.0.1", self.server.port), timeout=15)
        self.sockets.append(sock)
        sock.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        return sock

    def rss(self) -> int:
        """Resident memory of the server process, in bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")


@pytest.fixture(scope="session", params=SERVERS)
def gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway that all tests share, on each of the two servers. Leave it as you found it."""
    with FakeUpstream(script=scripted) as upstream, _running(upstream, tmp_path_factory, request.param) as running:
        yield running


@pytest.fixture(scope="session")
def one_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The same on the server that `auto` takes, for what has nothing to do with the server."""
    with FakeUpstream(script=scripted) as upstream, _running(upstream, tmp_path_factory, "auto") as running:
        yield running


@contextmanager
def _running(upstream: FakeUpstream, folders: pytest.TempPathFactory, kind: str) -> Iterator[Running]:
    folder = folders.mktemp(kind)
    config = shared_config(upstream, database_url=f"sqlite:///{folder}/store.db")
    server = ServerProcess(config, folder, ["--server", kind], environment())
    try:
        server.start()
        yield Running(server, upstream, kind)
        assert server.process is not None
        assert server.process.poll() is None, f"the gateway has died:\n{server.log()}"
        assert "Traceback" not in server.log(), server.log()
    finally:
        server.stop()


@pytest.fixture(params=SERVERS)
def own_gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts a gateway for one test, on each of the two servers: `running = own_gateway(drain_timeout=1)`."""
    upstream = FakeUpstream(script=scripted).start()
    servers: list[ServerProcess] = []
    started: list[Running] = []

    def start(*args: str, **general: Any) -> Running:
        server = ServerProcess(
            shared_config(upstream, **general),
            tmp_path / f"server{len(servers)}",
            ["--server", request.param, *args],
            environment(),
        )
        servers.append(server)
        server.start()
        started.append(Running(server, upstream, request.param))
        return started[-1]

    yield start
    for running in started:
        for sock in running.sockets:
            sock.close()
    for server in servers:
        server.stop()
        request.node.add_report_section("teardown", "server log", server.log())
    upstream.stop()


def environment(**more: str) -> dict[str, str]:
    """Nothing of the machine's own; a coverage or a key of the developer's must not matter."""
    names = ("TIANJI_MASTER_KEY", "LITELLM_MASTER_KEY", "CONFIG_FILE_PATH", "HOST", "PORT", "NUM_WORKERS")
    return {**dict.fromkeys(names, ""), **more}


@dataclass
class Command:
    """A `tianji` process whose output is a file."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def end(self, seconds: float = 15.0) -> int:
        """Wait for it to end by itself."""
        return self.process.wait(seconds)

    def listening(self, host: str = "127.0.0.1", seconds: float = 15.0) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                socket.create_connection((host, self.port), timeout=1).close()
                return True
            except OSError:
                if self.process.poll() is not None:
                    return False
                time.sleep(0.03)
        return False


@pytest.fixture
def tianji(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Runs `tianji` with these arguments; `{port}` in them is a free port. Ended after the test."""
    commands: list[Command] = []

    def run(*args: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Command:
        port = free_port()
        log = tmp_path / f"output{len(commands)}"
        given = [arg.replace("{port}", str(port)) for arg in args]
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*COMMAND, *given],
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment(), **(env or {})},
                cwd=cwd or tmp_path,
            )
        commands.append(Command(process, log, port))
        return commands[-1]

    yield run
    for command in commands:
        if command.process.poll() is None:
            command.process.send_signal(signal.SIGTERM)
            try:
                command.process.wait(5)
            except subprocess.TimeoutExpired:
                command.process.kill()
                command.process.wait()


@pytest.fixture
def run_with() -> Callable[..., str]:
    """Runs a script where another client (`name==version`) is installed: in an environment kept between runs.

    Gives what it wrote. `fine` are the exit codes that are no failure.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tianji-tests"

    def run(pin: str, script: str, *arguments: str, also: tuple[str, ...] = (), fine: tuple[int, ...] = (0,)) -> str:
        folder = cache / pin.replace("==", "-")
        python = folder / "bin" / "python"
        if not (folder / "done").exists():
            venv.create(folder, with_pip=True, clear=True)
            pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, pin, *also], check=True, timeout=240)
            (folder / "done").touch()
        command = [python, "-c", textwrap.dedent(script), *arguments]
        found = subprocess.run(command, capture_output=True, timeout=120, text=True, check=False)
        assert found.returncode in fine, found.stderr + found.stdout[-20_000:]
        return found.stdout

    return run
