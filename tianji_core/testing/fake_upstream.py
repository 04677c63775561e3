"""A scripted fake vendor on a real socket: what a gateway or a transport is tested against.

    with FakeUpstream(Answer.json({"id": "x"}), Answer.json({"error": …}, status=500)) as upstream:
        …                       # send something to upstream.url
        assert upstream.requests[0].json() == {…}

It speaks HTTP/1.1 by hand and lives in a thread with a loop of its own, so that the same object serves plain and async
tests (`async with` works too). Answers are given in order, the last one again and again.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import parse_qsl, urlsplit

from tianji_core.api.http import Headers
from tianji_core.testing import openai_samples

Piece = bytes | float
"""Bytes to send, or seconds to wait."""
T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """One scripted answer. Beside the constructors below, `but` changes single fields of one."""

    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    pieces: Sequence[Piece] | None = None
    """A body sent piece by piece with chunked framing, in place of `body`."""
    delay: float = 0.0
    """Seconds before the first byte."""
    cut_at: int | None = None
    """The connection is closed after this many bytes of the body."""
    reset: bool = False
    """It is then closed with a reset (RST), as by a host that has died, and not with a farewell (FIN)."""
    silent: bool = False
    """Nothing is ever answered; the connection stays open until the client gives up."""

    def but(self, **changes: Any) -> Answer:
        """The same answer with some fields changed."""
        return replace(self, **changes)

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Answer:
        """An answer of JSON."""
        return cls(status, (("content-type", "application/json"), *headers), json.dumps(value).encode())

    @classmethod
    def text(cls, text: str | bytes, status: int = 200, content_type: str = "text/plain") -> Answer:
        """An answer of any text or bytes."""
        body = text.encode() if isinstance(text, str) else text
        return cls(status, (("content-type", content_type),), body)

    @classmethod
    def sse(cls, *events: dict[str, Any] | str | bytes | float, done: bool = True, pause: float = 0.0) -> Answer:
        """Server-sent events: objects and texts become the data of one event each, bytes go out as they are.

        Numbers are seconds to wait at that place; `pause` waits before each event but the first. `done` adds
        OpenAI's `[DONE]`.
        """
        pieces: list[Piece] = []
        for event in (*events, "[DONE]") if done else events:
            if isinstance(event, float | int):
                pieces.append(float(event))
                continue
            if pieces and pause:
                pieces.append(pause)
            if not isinstance(event, bytes):
                data = event if isinstance(event, str) else json.dumps(event)
                event = f"data: {data}\n\n".encode()
            pieces.append(event)
        return cls(200, (("content-type", "text/event-stream"),), pieces=tuple(pieces))

    @classmethod
    def chat(cls, text: str = "Hello!") -> Answer:
        """A whole chat answer in OpenAI's shape."""
        body = json.loads(json.dumps(openai_samples.RESPONSES["chat"]))
        body["choices"][0]["message"]["content"] = text
        return cls.json(body)

    @classmethod
    def chat_stream(cls, *texts: str, pause: float = 0.0) -> Answer:
        """A streamed chat answer in OpenAI's shape, one event for each text."""
        chunks = openai_samples.chat_chunks(*({"content": text} for text in texts or ("Hel", "lo!")))
        return cls.sse(*chunks, pause=pause)

    @classmethod
    def error(cls, status: int, message: str = "The fake vendor says no.", **headers: str) -> Answer:
        """An error in OpenAI's shape. Header names are written with underscores: `retry_after="1"`."""
        fields = [(name.replace("_", "-"), value) for name, value in headers.items()]
        return cls.json(openai_samples.error(message), status, fields)

    @classmethod
    def never(cls) -> Answer:
        """No answer at all."""
        return cls(silent=True)


@dataclass(frozen=True)
class ReceivedRequest:
    """One request as it came in. `at` is `time.monotonic()`; `connection` counts the connections from 0."""

    method: str
    target: str
    headers: Headers
    body: bytes = field(repr=False)
    connection: int
    at: float

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Disconnect:
    """The client went away before its answer was whole. `at` is `time.monotonic()`."""

    request: ReceivedRequest
    at: float
    sent: int
    """Bytes of the body that had gone out."""


Script = Callable[[ReceivedRequest], Answer]


class FakeUpstream:
    """See the head of this module. A script may also be one function from request to answer."""

    def __init__(self, *answers: Answer, script: Script | None = None) -> None:
        self.requests: list[ReceivedRequest] = []
        self.disconnects: list[Disconnect] = []
        self.connections = 0
        self.port = 0
        self._answers = list(answers)
        self._script = script
        self._news = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def base(self) -> str:
        """The URL as an `api_base`: with `/v1`."""
        return f"{self.url}/v1"

    def answer(self, *answers: Answer, script: Script | None = None) -> None:
        """Replace the answers that are still to come."""
        self._answers, self._script = list(answers), script

    def next_answer(self, request: ReceivedRequest) -> Answer:
        if self._script is not None:
            return self._script(request)
        if not self._answers:
            return Answer.error(500, "No answer is scripted.")
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    # -- waiting -------------------------------------------------------------------------------------------------

    def request_seen(self, count: int = 1, timeout: float = 5.0) -> ReceivedRequest:
        """Wait for the `count`th request. Raises TimeoutError."""
        return self._await(self.requests, count, timeout, "request")

    def disconnect_seen(self, count: int = 1, timeout: float = 5.0) -> Disconnect:
        """Wait until a client has cut its connection for the `count`th time. Raises TimeoutError."""
        return self._await(self.disconnects, count, timeout, "disconnect")

    async def wait_request(self, count: int = 1, timeout: float = 5.0) -> ReceivedRequest:
        """`request_seen` for async tests."""
        return await asyncio.to_thread(self.request_seen, count, timeout)

    async def wait_disconnect(self, count: int = 1, timeout: float = 5.0) -> Disconnect:
        """`disconnect_seen` for async tests."""
        return await asyncio.to_thread(self.disconnect_seen, count, timeout)

    def _await(self, seen: list[T], count: int, timeout: float, what: str) -> T:
        with self._news:
            if not self._news.wait_for(lambda: len(seen) >= count, timeout):
                raise TimeoutError(f"{len(seen)} of {count} {what}s after {timeout} s")
            return seen[count - 1]

    def note_request(self, request: ReceivedRequest) -> None:
        with self._news:
            self.requests.append(request)
            self._news.notify_all()

    def note_disconnect(self, disconnect: Disconnect) -> None:
        with self._news:
            self.disconnects.append(disconnect)
            self._news.notify_all()

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Listen on a free port of 127.0.0.1."""
        ready = threading.Event()
        failed: list[BaseException] = []

        def run() -> None:
            try:
                asyncio.run(self._serve(ready))
            except BaseException as error:
                failed.append(error)
                ready.set()

        self._thread = threading.Thread(target=run, name="fake-upstream", daemon=True)
        self._thread.start()
        ready.wait()
        if failed:
            raise failed[0]
        return self

    def stop(self) -> None:
        """Close every connection and the listening socket."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(10)
            self._loop = None

    async def _serve(self, ready: threading.Event) -> None:
        from tianji_core.testing.fake_connection import Connection

        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        open_now: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            number, self.connections = self.connections, self.connections + 1
            task = asyncio.create_task(talk(Connection(self, reader, writer, number)))
            open_now[task] = writer
            # Not in the task itself: one that is cancelled before it has begun would leave its socket open.
            task.add_done_callback(lambda task: open_now.pop(task).transport.abort())

        async def talk(connection: Connection) -> None:
            try:
                await connection.run()
            except (ConnectionError, TimeoutError):
                pass  # the client has gone

        server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=2**26)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stopping.wait()
        for listener in server.sockets:
            self._loop.remove_reader(listener.fileno())
        for _ in range(3):  # asyncio forgets the sockets of connections that are accepted while a server is closed
            await asyncio.sleep(0)
        server.close()
        for task in list(open_now):
            task.cancel()
        await asyncio.gather(*open_now, return_exceptions=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)
