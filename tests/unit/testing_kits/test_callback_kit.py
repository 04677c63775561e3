"""The callback kit passes a good callback and sees through bad ones."""

import asyncio
import logging

import pytest

from tianji_core.api.callback import Callback
from tianji_core.testing.callback import CallbackConformance, Sink

log = logging.getLogger("kit-test")


class MemorySink(Sink):
    """A sink that is a list."""

    def __init__(self):
        self.calls = []

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        return None

    def received(self):
        return self.calls

    async def take(self, call_id):
        await asyncio.sleep(self.delay)
        if self.failing:
            raise ConnectionError("refused")
        self.calls.append(call_id)


class Plain(Callback):
    """Sends each record at once, within a second."""

    def __init__(self, sink):
        self.sink = sink

    async def on_call(self, record):
        async with asyncio.timeout(0.2):
            await self.sink.take(record.id)


class TestPlain(CallbackConformance):
    recovery, give_up_seconds = 0.0, 0.1

    def sink(self):
        return MemorySink()

    def callback(self, sink):
        return Plain(sink)


class Twice(Plain):
    async def on_call(self, record):
        await super().on_call(record)
        await super().on_call(record)


class OnlySuccesses(Plain):
    async def on_call(self, record):
        if record.outcome == "success":
            await super().on_call(record)


class NoStreams(Plain):
    async def on_call(self, record):
        if not record.stream:
            await super().on_call(record)


class NeedsContent(Plain):
    async def on_call(self, record):
        if record.request is not None:
            await super().on_call(record)


class NeedsADeployment(Plain):
    async def on_call(self, record):
        if record.provider.lower():
            await super().on_call(record)


class SaysNothing(Plain):
    """Keeps to itself that a record was lost."""

    async def on_call(self, record):
        try:
            await super().on_call(record)
        except (TimeoutError, ConnectionError):
            return


class KeepsTheLast(Plain):
    """Forgets what came in while it was busy."""

    busy = False

    async def on_call(self, record):
        if not self.busy:
            self.busy = True
            await super().on_call(record)
            self.busy = False


class Buffers(Plain):
    """Keeps everything until the end and never sends it."""

    async def on_call(self, record):
        return None


class FlushesTwice(Plain):
    """Flushes what it has, again and again."""

    def __init__(self, sink):
        super().__init__(sink)
        self.ids = []

    async def on_call(self, record):
        self.ids.append(record.id)

    async def aclose(self):
        for call_id in self.ids:
            await self.sink.take(call_id)


class NotTwice(Plain):
    closed = False

    async def aclose(self):
        assert not self.closed
        self.closed = True


class GivesUp(Plain):
    """One failure and it never sends again."""

    broken = False

    async def on_call(self, record):
        if not self.broken:
            self.broken = self.sink.failing
            await super().on_call(record)


class Changes(Plain):
    async def on_call(self, record):
        if record.request:
            record.request.pop("messages", None)
        await super().on_call(record)


class LogsItsToken(Plain):
    async def on_call(self, record):
        log.debug("sending with token-1234")
        await super().on_call(record)


class ShowsItsToken(Plain):
    def __repr__(self):
        return "ShowsItsToken(token-1234)"


class LogsPrompts(Plain):
    async def on_call(self, record):
        log.info("sending %s", record.request)
        await super().on_call(record)


@pytest.mark.parametrize(
    ("callback_class", "seen_by"),
    [
        (Twice, "test_a_successful_call_is_delivered_exactly_once"),
        (OnlySuccesses, "test_a_failed_call_is_delivered_exactly_once"),
        (NoStreams, "test_a_streamed_call_is_delivered_exactly_once"),
        (NeedsContent, "test_a_redacted_call_is_delivered_without_its_content"),
        (NeedsADeployment, "test_calls_of_every_shape_are_delivered"),
        (KeepsTheLast, "test_a_thousand_calls_at_once_are_each_delivered_once"),
        (Buffers, "test_a_successful_call_is_delivered_exactly_once"),
        (FlushesTwice, "test_closing_twice_is_no_trouble"),
        (NotTwice, "test_closing_twice_is_no_trouble"),
        (SaysNothing, "test_what_a_dead_sink_does_not_take_is_counted"),
        (GivesUp, "test_after_the_sink_has_recovered_calls_are_delivered_again"),
        (Changes, "test_records_are_not_changed"),
        (LogsItsToken, "test_no_secret_shows_in_logs_or_reprs"),
        (ShowsItsToken, "test_no_secret_shows_in_logs_or_reprs"),
        (LogsPrompts, "test_no_prompt_or_answer_shows_in_logs"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_bad_callbacks_are_seen_through(callback_class, seen_by, failures):
    class Bad(CallbackConformance):
        recovery, give_up_seconds, secrets = 0.05, 0.1, ("token-1234",)

        def sink(self):
            return MemorySink()

        def callback(self, sink):
            return callback_class(sink)

    assert failures(Bad, seen_by) == {seen_by}
