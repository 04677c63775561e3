"""What tests of the whole application share: a client that speaks ASGI by hand, and apps around scripted vendors.

Fixtures only: pytest imports test modules one by one, so helpers come in as arguments.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import json
import logging
import os
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog
from real_servers import own_redis, postgres_cut, postgres_url, redis_prefix, redis_url  # noqa: F401 - fixtures

from tianji_core.server import App, create_app

Fields = Mapping[str, str] | list[tuple[str, str]]


@dataclass
class Answered:
    """An answer of the application, whole."""

    status: int
    fields: list[tuple[bytes, bytes]]
    pieces: list[bytes] = field(default_factory=list)
    complete: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode("latin-1") for name, value in self.fields}

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error of an OpenAI-shaped body, whose form is checked."""
        body = self.json()
        assert set(body) == {"error"}, body
        assert {"message", "type", "param", "code"} <= set(body["error"]), body
        assert body["error"]["code"] == str(self.status)
        return body["error"]

    def events(self) -> list[str]:
        """The data of each event; the framing has to be exactly OpenAI's."""
        if not self.body:
            return []
        assert self.body.endswith(b"\n\n"), self.body[-100:]
        frames = self.body.decode()[:-2].split("\n\n")
        for frame in frames:
            assert frame.startswith("data: "), frame
            assert "\n" not in frame, frame
        return [frame[6:] for frame in frames]

    def chunks(self) -> list[dict[str, Any]]:
        return [json.loads(data) for data in self.events() if data != "[DONE]"]

    def text(self) -> str:
        """What the streamed deltas of the first choice say."""
        choices = (c for chunk in self.chunks() for c in chunk.get("choices") or () if c.get("index") == 0)
        return "".join((c.get("delta") or {}).get("content") or c.get("text") or "" for c in choices)


class Exchange:
    """One request under way."""

    def __init__(self, app: Callable[..., Any], scope: dict[str, Any], body: list[bytes], hold_body: bool) -> None:
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._outbox: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        for index, part in enumerate(body):
            more = hold_body or index < len(body) - 1
            self._inbox.put_nowait({"type": "http.request", "body": part, "more_body": more})
        self._app = app
        self.answer: Answered | None = None
        self.task = asyncio.create_task(self._run(scope))

    async def _run(self, scope: dict[str, Any]) -> None:
        try:
            await self._app(scope, self._inbox.get, self._outbox.put)
        finally:
            self._outbox.put_nowait(None)

    def upload(self, data: bytes, more: bool = False) -> None:
        self._inbox.put_nowait({"type": "http.request", "body": data, "more_body": more})

    def hang_up(self) -> None:
        self._inbox.put_nowait({"type": "http.disconnect"})

    async def head(self) -> Answered:
        """The status and the header fields, once they are there."""
        while self.answer is None:
            assert await self.step(), "the application ended without an answer"
        return self.answer

    async def piece(self) -> bytes:
        """The next piece of the body; empty at its end."""
        answer = await self.head()
        seen = len(answer.pieces)
        while len(answer.pieces) == seen and not answer.complete:
            if not await self.step():
                break
        return b"".join(answer.pieces[seen:])

    async def step(self) -> bool:
        message = await self._outbox.get()
        if message is None:
            return False
        if message["type"] == "http.response.start":
            assert self.answer is None, "two answers"
            self.answer = Answered(message["status"], list(message["headers"]))
        else:
            assert self.answer is not None, "a body without a head"
            assert not self.answer.complete, "a piece after the end"
            if message.get("body"):
                self.answer.pieces.append(message["body"])
            self.answer.complete = not message.get("more_body", False)
        return True

    async def finished(self) -> Answered:
        while await self.step():
            pass
        await self.task
        assert self.answer is not None, "the application ended without an answer"
        assert self.answer.complete
        return self.answer


class Client:
    """Talks to an ASGI application without any server."""

    def __init__(self, app: App) -> None:
        self.app = app

    def open(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: bytes | list[bytes] | None = None,
        headers: Fields | None = None,
        query: str = "",
        hold_body: bool = False,
        raw_path: bytes | None = None,
    ) -> Exchange:
        if content is None:
            content = b"" if json is None else _dumps(json)
        parts = content if isinstance(content, list) else [content]
        given = list(headers.items()) if isinstance(headers, Mapping) else list(headers or [])
        fields = [(name.lower().encode(), value.encode("latin-1")) for name, value in given]
        if json is not None:
            fields.append((b"content-type", b"application/json"))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode() if raw_path is None else raw_path,
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(b"host", b"gateway.test"), *fields],
            "client": ("10.1.2.3", 4321),
            "server": ("gateway.test", 80),
        }
        return Exchange(self.app, scope, parts, hold_body)

    async def request(self, method: str, path: str, **named: Any) -> Answered:
        return await asyncio.wait_for(self.open(method, path, **named).finished(), 20)

    async def get(self, path: str, **named: Any) -> Answered:
        return await self.request("GET", path, **named)

    async def post(self, path: str, json: Any = None, **named: Any) -> Answered:
        return await self.request("POST", path, json=json, **named)

    async def chat(self, model: str = "m", text: str = "Hi", headers: Fields | None = None, **body: Any) -> Answered:
        body = {"model": model, "messages": [{"role": "user", "content": text}], **body}
        return await self.post("/v1/chat/completions", body, headers=headers)

    def open_chat(self, model: str = "m", headers: Fields | None = None, **body: Any) -> Exchange:
        body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], **body}
        return self.open("POST", "/v1/chat/completions", json=body, headers=headers)


def _dumps(value: Any) -> bytes:
    return json.dumps(value).encode()


def pytest_collection_finish() -> None:
    """The tests are half a million objects: the garbage collector need not go through them time and again."""
    gc.collect()
    gc.freeze()


class Watch:
    """Ends a run in which a test hangs where the signal of pytest-timeout does not get through, as in uvloop.

    pytest's own `faulthandler_timeout` does the same, with a thread started and joined for each test.
    """

    hangs, renewed = 300.0, 20.0

    def __init__(self, config: pytest.Config) -> None:
        self._errors = os.fdopen(os.dup(2), "w")  # the real one, whatever is captured later
        self._set = 0.0
        config.add_cleanup(self._end)

    def pytest_runtest_logstart(self) -> None:
        now = time.monotonic()
        if now > self._set + self.renewed:
            self._set = now
            faulthandler.dump_traceback_later(self.hangs, exit=True, file=self._errors)

    def _end(self) -> None:
        faulthandler.cancel_dump_traceback_later()
        self._errors.close()


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Watch(config))


@pytest.fixture
def serving() -> Callable[..., Any]:
    """`async with serving(config) as client`: an application with its life around it, and a client for it."""

    @asynccontextmanager
    async def serve(config: Any) -> AsyncIterator[Client]:
        app = create_app(config)
        inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        life = asyncio.create_task(app({"type": "lifespan"}, inbox.get, outbox.put))  # type: ignore[arg-type]
        inbox.put_nowait({"type": "lifespan.startup"})
        assert (await outbox.get())["type"] == "lifespan.startup.complete"
        try:
            yield Client(app)
        finally:
            inbox.put_nowait({"type": "lifespan.shutdown"})
            assert (await asyncio.wait_for(outbox.get(), 20))["type"] == "lifespan.shutdown.complete"
            await life
        assert app.serving.gateway.pipeline.limits.in_flight == 0, "a call was never given back"

    return serve


@pytest.fixture
def row() -> Callable[..., dict[str, Any]]:
    """A row of `model_list` for a fake upstream: `row(upstream, "m", timeout=1)`."""

    def make(upstream: Any, name: str = "m", model: str = "openai_compatible/up-1", **params: Any) -> dict[str, Any]:
        info = params.pop("info", None)
        base = upstream if isinstance(upstream, str) else upstream.base
        found = {"model_name": name, "litellm_params": {"model": model, "api_base": base, "api_key": "sk-up", **params}}
        return {**found, "model_info": info} if info else found

    return make


@pytest.fixture
def config_beside(tmp_path: Path) -> Callable[..., Path]:
    """Writes a config file with Python files beside it: `config_beside({...}, my_guard="class …")`."""

    def write(config: Mapping[str, Any], **modules: str) -> Path:
        for name, source in modules.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
        path = tmp_path / "config.yaml"
        path.write_text(json.dumps(config, indent=1))  # JSON is YAML
        return path

    return write


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's own set-up may reach the gateway; retries are quick."""
    for name in (
        "TIANJI_MASTER_KEY",
        "LITELLM_MASTER_KEY",
        "CONFIG_FILE_PATH",
        "TIANJI_CONFIG_FILE_PATH",
        "TIANJI_DATABASE_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in (
        "HOST",
        "PORT",
        "NUM_WORKERS",
        "OPENAI_API_KEY",
        "SERVER_ROOT_PATH",
        "DOCS_URL",
        "NO_DOCS",
        "DATABASE_URL",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _paths_as_they_were() -> Iterator[None]:
    """The folder of a config with Python files is put on `sys.path`, where every later scan of plugins would look."""
    before = sys.path[:]
    yield
    if sys.path != before:
        sys.path[:] = before


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """Commands that run in this process set up logging, on a stream that ends with the test."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
