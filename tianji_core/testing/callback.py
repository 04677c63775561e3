"""The conformance kit of callbacks.

class TestAcme(CallbackConformance):
    secrets = ("acme-token",)

    def sink(self) -> Sink:
        return HttpSink(lambda body: [event["id"] for event in json.loads(body)])

    def callback(self, sink: Sink) -> Callback:
        return Acme(AcmeSettings(endpoint=sink.url, token="acme-token", flush_interval=0.05, close_timeout=2))
"""

from __future__ import annotations

import asyncio
import copy
import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from time import perf_counter
from typing import ClassVar, Self

from tianji_core.api.callback import Callback, CallRecord
from tianji_core.testing.standard import CONTENT_CANARY, Conformance, odd_records, sample_record

_KINDS = ("success", "failure", "stream")


class Sink(ABC):
    """The receiving end in the tests: what a callback delivers to, in a shape that the kit can steer."""

    delay: float = 0.0
    """Seconds before it answers."""
    failing: bool = False
    """Whether it refuses what it gets (the way that a broken vendor would)."""

    @abstractmethod
    async def __aenter__(self) -> Self: ...
    @abstractmethod
    async def __aexit__(self, *exc: object) -> None: ...
    @abstractmethod
    def received(self) -> Sequence[str]:
        """The ids of the calls it took, as often as it took them."""


class HttpSink(Sink):
    """A real HTTP server on a free local port, for callbacks that send over HTTP.

    `ids` gets the body of one request and says which calls it tells of. `url` is where it listens, `requests` holds
    the head and body of each request, `status` is what it answers while it is not failing (then `failing_status`). A
    3xx points back to where it came from.
    """

    def __init__(self, ids: Callable[[bytes], list[str]], *, path: str = "/ingest") -> None:
        self.url = ""
        self.status = 200
        self.failing_status = 500
        self.requests: list[tuple[str, bytes]] = []
        self._ids = ids
        self._path = path
        self._received: list[str] = []
        self._open: set[asyncio.StreamWriter] = set()
        self._served: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()[:2]
        self.url = f"http://{host}:{port}{self._path}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for writer in self._open:
            writer.close()
        for task in self._served:
            task.cancel()
        await asyncio.gather(*self._served, return_exceptions=True)
        await self._server.wait_closed()

    def received(self) -> Sequence[str]:
        return self._received

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._served.add(task)
        task.add_done_callback(self._served.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(int(v) for k, v in _fields(head) if k == "content-length")
                body = await reader.readexactly(length)
                self.requests.append((head.decode("latin-1"), body))
                await asyncio.sleep(self.delay)
                status = self.failing_status if self.failing else self.status
                if 200 <= status < 300:
                    self._received.extend(self._ids(body))
                elsewhere = f"location: {self._path}\r\n" if 300 <= status < 400 else ""
                writer.write(f"HTTP/1.1 {status} Sink\r\n{elsewhere}content-length: 2\r\n\r\nok".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone, as it may
        finally:
            self._open.discard(writer)
            writer.close()


def _fields(head: bytes) -> list[tuple[str, str]]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    return [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]


class CallbackConformance(Conformance, kit=True):
    """What every callback promises. Subclass it, name the class `Test…`, and say what it delivers to."""

    secrets: ClassVar[tuple[str, ...]] = ()
    """Secrets in the settings of `callback`: none may show up in a log line or a repr."""
    outcomes: ClassVar[frozenset[str]] = frozenset({"success", "failure"})
    """The outcomes that the callback tells its sink of."""
    deadline: ClassVar[float] = 2.0
    """Seconds that `on_call` may take, and …"""
    close_deadline: ClassVar[float] = 8.0
    """… seconds that `aclose` may take, however slow the sink is."""
    recovery: ClassVar[float] = 1.0
    """Seconds to wait while the sink refuses everything."""

    @abstractmethod
    def sink(self) -> Sink:
        """A sink that is not started yet."""

    @abstractmethod
    def callback(self, sink: Sink) -> Callback:
        """A fresh callback that delivers to `sink`, which runs by now; with short intervals and time-outs."""

    def test_a_successful_call_is_delivered_exactly_once(self) -> None:
        self._delivered_once(sample_record("success"))

    def test_a_failed_call_is_delivered_exactly_once(self) -> None:
        self._delivered_once(sample_record("failure"))

    def test_a_streamed_call_is_delivered_exactly_once(self) -> None:
        self._delivered_once(sample_record("stream"))

    def test_a_redacted_call_is_delivered_without_its_content(self) -> None:
        records = [replace(record, request=None, response=None) for record in map(sample_record, _KINDS)]
        self._delivered_once(*records)

    def test_calls_of_every_shape_are_delivered(self) -> None:
        self._delivered_once(*odd_records())

    def test_a_thousand_calls_at_once_are_each_delivered_once(self) -> None:
        records = [replace(sample_record(max(self.outcomes)), id=f"call-{i}") for i in range(1_000)]

        async def play(callback: Callback, sink: Sink) -> None:
            await asyncio.gather(*(callback.on_call(record) for record in records))

        self._expect_once(records, self._run(play))

    def test_records_are_not_changed(self) -> None:
        records = [sample_record(kind) for kind in _KINDS]
        before = copy.deepcopy(records)
        self._delivered_once(*records)
        assert records == before, "the callback changed a record that other callbacks see too"

    def test_closing_without_a_single_call_is_no_trouble(self) -> None:
        assert self._run(_nothing) == Counter()

    def test_closing_twice_delivers_nothing_twice(self) -> None:
        records = [sample_record(max(self.outcomes))]

        async def play(callback: Callback, sink: Sink) -> None:
            await callback.on_call(records[0])
            await asyncio.gather(callback.aclose(), callback.aclose())

        self._expect_once(records, self._run(play))

    def test_a_slow_sink_holds_neither_a_call_nor_the_closing_up(self) -> None:
        async def play(callback: Callback, sink: Sink) -> None:
            sink.delay = 600.0
            for number in range(3):
                started = perf_counter()
                await callback.on_call(replace(sample_record(max(self.outcomes)), id=f"slow-{number}"))
                took = perf_counter() - started
                assert took <= self.deadline, f"on_call took {took:.1f} s with a sink that does not answer"
            started = perf_counter()
            await callback.aclose()
            took = perf_counter() - started
            assert took <= self.close_deadline, f"aclose took {took:.1f} s with a sink that does not answer"

        self._run(play)

    def test_after_the_sink_has_recovered_calls_are_delivered_again(self) -> None:
        before = sample_record(max(self.outcomes))
        after = replace(before, id="after")

        async def play(callback: Callback, sink: Sink) -> None:
            sink.failing = True
            await _quietly(callback.on_call(before))
            await asyncio.sleep(self.recovery)
            sink.failing = False
            await callback.on_call(after)

        received = self._run(play)
        assert received["after"] == 1, f"a call after the failure was delivered {received['after']} times"
        assert received[before.id] <= 1, "the call that had failed was delivered more than once"

    def test_no_secret_shows_in_logs_or_reprs(self) -> None:
        async def play(callback: Callback, sink: Sink) -> None:
            seen.append(repr(callback))
            await callback.on_call(sample_record(max(self.outcomes)))
            await asyncio.sleep(0.2)
            sink.failing = True
            await _quietly(callback.on_call(replace(sample_record(max(self.outcomes)), id="refused")))
            await asyncio.sleep(0.2)

        seen: list[str] = []
        with _Listening(seen):
            self._run(play)
        for secret in self.secrets:
            shown = [line.replace(secret, "<secret>")[:300] for line in seen if secret in line]
            assert not shown, f"a secret of the settings shows in: {shown[0]}"

    def test_no_prompt_or_answer_shows_in_logs(self) -> None:
        async def play(callback: Callback, sink: Sink) -> None:
            sink.failing = True
            for kind in _KINDS:
                await _quietly(callback.on_call(sample_record(kind)))
            await asyncio.sleep(0.2)

        seen: list[str] = []
        with _Listening(seen):
            self._run(play)
        assert not any(CONTENT_CANARY in line for line in seen), "a log line shows a prompt or an answer"

    def _delivered_once(self, *records: CallRecord) -> None:
        async def play(callback: Callback, sink: Sink) -> None:
            for record in records:
                await callback.on_call(record)

        self._expect_once(records, self._run(play))

    def _expect_once(self, records: Sequence[CallRecord], received: Counter[str]) -> None:
        expected = Counter(record.id for record in records if record.outcome in self.outcomes)
        missing, surplus = expected - received, received - expected
        assert not missing, f"not delivered: {sorted(missing)[:5]} ({missing.total()} of {expected.total()})"
        assert not surplus, f"delivered more than once or without being asked: {sorted(surplus)[:5]}"

    def _run(self, play: Callable[[Callback, Sink], Awaitable[None]]) -> Counter[str]:
        """Run one scene with a fresh sink and callback, close both: how often each call arrived."""

        async def scene() -> Counter[str]:
            async with self.sink() as sink:
                callback = self.callback(sink)
                try:
                    await play(callback, sink)
                finally:
                    await callback.aclose()
                return Counter(sink.received())

        return asyncio.run(scene())


async def _nothing(callback: Callback, sink: Sink) -> None:
    return None


async def _quietly(call: Awaitable[None]) -> None:
    """What `on_call` raises is logged and counted by the gateway, so a callback is free to raise."""
    try:
        await call
    except Exception:
        return


class _Listening(logging.Handler):
    """Collects every log line, of every logger, at DEBUG."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._lines = lines
        self._level = logging.root.level

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))

    def __enter__(self) -> None:
        logging.root.addHandler(self)
        logging.root.setLevel(logging.DEBUG)

    def __exit__(self, *exc: object) -> None:
        logging.root.removeHandler(self)
        logging.root.setLevel(self._level)
