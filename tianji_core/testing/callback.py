"""The conformance kit of callbacks.

class TestAcme(CallbackConformance):
    secrets = ("acme-token",)

    def sink(self) -> Sink:
        return HttpSink(lambda body: [event["id"] for event in json.loads(body)])

    def callback(self, sink: Sink) -> Callback:
        return Acme(AcmeSettings(endpoint=sink.url, token="acme-token", flush_interval=0.05))

The callback runs behind the gateway's own dispatcher, which queues, gathers batches, tries again and closes.
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
from tianji_core.telemetry import CallbackDispatcher, Subscription
from tianji_core.telemetry.delivery import Delivery
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
    the head and body of each request, `status` is what it answers while it is not failing (then `failing_status`);
    bodies that tell of more than `most` calls are too large for it (413). A 3xx points back to where it came from.
    """

    most = 1_000_000

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
                if 200 <= status < 300 and len(self._ids(body)) > self.most:
                    status = 413
                if len(self._ids(body)) > self.most:
                    status = 413
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
    close_seconds: ClassVar[float] = 5.0
    """Seconds that the gateway gives the callback to deliver what waits, and as many to close, …"""
    give_up_seconds: ClassVar[float] = 0.5
    """… and the same for a sink that takes nothing."""
    recovery: ClassVar[float] = 0.3
    """Seconds for which the sink refuses everything."""

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

        async def play(delivery: Delivery, sink: Sink) -> None:
            for record in records:
                delivery.put(record)

        self._expect_once(records, self._run(play))

    def test_records_are_not_changed(self) -> None:
        records = [sample_record(kind) for kind in _KINDS]
        before = copy.deepcopy(records)
        self._delivered_once(*records)
        assert records == before, "the callback changed a record that other callbacks see too"

    def test_closing_without_a_single_call_is_no_trouble(self) -> None:
        assert self._run(_nothing) == Counter()

    def test_closing_twice_is_no_trouble(self) -> None:
        async def play(delivery: Delivery, sink: Sink) -> None:
            delivery.put(sample_record(max(self.outcomes)))
            await asyncio.sleep(0.1)
            callback = delivery.subscription.callback
            await asyncio.gather(callback.aclose(), callback.aclose())

        received = self._run(play)
        assert max(received.values(), default=0) <= 1, "closing delivers what was delivered already"

    def test_batches_are_no_larger_than_it_says(self) -> None:
        sizes: list[int] = []

        async def play(delivery: Delivery, sink: Sink) -> None:
            callback = delivery.subscription.callback
            taken = callback.on_calls

            async def on_calls(records: Sequence[CallRecord]) -> None:
                sizes.append(len(records))
                await taken(records)

            callback.on_calls = on_calls  # type: ignore[method-assign]  # to look at what comes in
            for number in range(3 * callback.batch_size if callback.batch_size < 1_000 else 10):
                delivery.put(replace(sample_record(max(self.outcomes)), id=f"call-{number}"))

        self._run(play)
        assert sizes
        assert max(sizes) <= max(1, self._batch_size)

    def test_a_slow_sink_does_not_hold_the_closing_up(self) -> None:
        async def play(delivery: Delivery, sink: Sink) -> None:
            sink.delay = 600.0
            for number in range(3):
                delivery.put(replace(sample_record(max(self.outcomes)), id=f"slow-{number}"))

        started = perf_counter()
        self._run(play, self.give_up_seconds)
        took, may = perf_counter() - started, 2 * self.give_up_seconds + 2
        assert took <= may, f"closing took {took:.1f} s with a sink that does not answer"

    def test_what_a_dead_sink_does_not_take_is_counted(self) -> None:
        async def play(delivery: Delivery, sink: Sink) -> None:
            sink.failing = True
            for number in range(3):
                delivery.put(replace(sample_record(max(self.outcomes)), id=f"lost-{number}"))
            await asyncio.sleep(0.1)
            deliveries.append(delivery)

        deliveries: list[Delivery] = []
        self._run(play, self.give_up_seconds)
        [delivery] = deliveries
        assert delivery.delivered == 0, "records count as delivered that the sink has refused"
        assert delivery.failed + delivery.dropped == 3, "not all the lost records are counted"

    def test_after_the_sink_has_recovered_calls_are_delivered_again(self) -> None:
        before = sample_record(max(self.outcomes))
        after = replace(before, id="after")

        async def play(delivery: Delivery, sink: Sink) -> None:
            sink.failing = True
            delivery.put(before)
            await asyncio.sleep(self.recovery)
            sink.failing = False
            delivery.put(after)

        received = self._run(play)
        assert received["after"] == 1, f"a call after the failure was delivered {received['after']} times"
        assert received[before.id] <= 1, "the call that had failed was delivered more than once"

    def test_no_secret_shows_in_logs_or_reprs(self) -> None:
        async def play(delivery: Delivery, sink: Sink) -> None:
            seen.append(repr(delivery.subscription.callback))
            delivery.put(sample_record(max(self.outcomes)))
            await asyncio.sleep(0.2)
            sink.failing = True
            delivery.put(replace(sample_record(max(self.outcomes)), id="refused"))
            await asyncio.sleep(0.2)

        seen: list[str] = []
        with _Listening(seen):
            self._run(play, self.give_up_seconds)
        for secret in self.secrets:
            shown = [line.replace(secret, "<secret>")[:300] for line in seen if secret in line]
            assert not shown, f"a secret of the settings shows in: {shown[0]}"

    def test_no_prompt_or_answer_shows_in_logs(self) -> None:
        async def play(delivery: Delivery, sink: Sink) -> None:
            sink.failing = True
            for kind in _KINDS:
                delivery.put(sample_record(kind))
            await asyncio.sleep(0.2)

        seen: list[str] = []
        with _Listening(seen):
            self._run(play, self.give_up_seconds)
        assert not any(CONTENT_CANARY in line for line in seen), "a log line shows a prompt or an answer"

    def _delivered_once(self, *records: CallRecord) -> None:
        async def play(delivery: Delivery, sink: Sink) -> None:
            for record in records:
                delivery.put(record)

        self._expect_once(records, self._run(play))

    def _expect_once(self, records: Sequence[CallRecord], received: Counter[str]) -> None:
        expected = Counter(record.id for record in records if record.outcome in self.outcomes)
        missing, surplus = expected - received, received - expected
        assert not missing, f"not delivered: {sorted(missing)[:5]} ({missing.total()} of {expected.total()})"
        assert not surplus, f"delivered more than once or without being asked: {sorted(surplus)[:5]}"

    def _run(
        self, play: Callable[[Delivery, Sink], Awaitable[None]], close_seconds: float | None = None
    ) -> Counter[str]:
        """Run one scene with a fresh sink and callback, close both: how often each call arrived."""

        async def scene() -> Counter[str]:
            async with self.sink() as sink:
                callback = self.callback(sink)
                self._batch_size = callback.batch_size
                dispatcher = CallbackDispatcher([Subscription("the callback", callback)])
                dispatcher.start()
                [delivery] = dispatcher.deliveries
                try:
                    await play(delivery, sink)
                finally:
                    await delivery.aclose(close_seconds or self.close_seconds)
                return Counter(sink.received())

        return asyncio.run(scene())


async def _nothing(delivery: Delivery, sink: Sink) -> None:
    return None


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
