"""Standard tests of `stream_decoder`: bytes cut anywhere, streams that break, fail, or are not what they seem."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator

from tianji_core.api.errors import GatewayError
from tianji_core.api.provider import Body, StreamDecoder
from tianji_core.testing import openai_samples
from tianji_core.testing.corpus import Scenario
from tianji_core.testing.provider_kit.answers import FINISH_REASONS, AnswerTests
from tianji_core.testing.provider_kit.kit import STREAM_SUFFIXES, feed
from tianji_core.translate.chunks import merge_chunks

EVERY = 8192
"""Up to this many bytes a stream is cut at every byte; a longer one at as many places, spread over it."""
GARBAGE = (
    b"<html>502 Bad Gateway</html>\n\n",
    b"\x00\xff" * 500,
    b"data: {\n\n",
    b"data: 5\n\ndata: null\n\n",
    b"\n" * 99,
)


class StreamTests(AnswerTests, kit=True):
    """What becomes of a streamed answer."""

    def test_a_stream_has_chunks_in_openai_shape(self, stream_scenario: Scenario) -> None:
        decoder = self.decoder(stream_scenario)
        chunks = feed(decoder, self.stream_bytes(stream_scenario))
        assert decoder.complete, "the sample stream is whole, yet the decoder does not say `complete`"
        assert decoder.error is None
        assert chunks
        chat = stream_scenario.operation == "chat"
        for chunk in chunks:
            assert chunk["object"] == ("chat.completion.chunk" if chat else "text_completion")
            assert isinstance(chunk["id"], str)
            assert isinstance(chunk["created"], int)
            assert isinstance(chunk["model"], str)
            assert isinstance(chunk["choices"], list)
            for choice in chunk["choices"]:
                assert isinstance(choice["index"], int)
                assert isinstance(choice["delta"], dict) if chat else isinstance(choice["text"], str)
                assert choice.get("finish_reason") in FINISH_REASONS | {None}
        assert len({chunk["id"] for chunk in chunks}) == 1, "the chunks of one answer have one id"
        finishes = [c for chunk in chunks for c in chunk["choices"] if c.get("finish_reason")]
        assert len(finishes) == len({c["index"] for c in finishes}) > 0, "each choice ends once"

    def test_tool_calls_are_numbered_in_order(self, stream_scenario: Scenario) -> None:
        seen: list[int] = []
        for chunk in feed(self.decoder(stream_scenario), self.stream_bytes(stream_scenario)):
            for choice in chunk["choices"]:
                for call in (choice.get("delta") or {}).get("tool_calls") or ():
                    if call["index"] not in seen:
                        seen.append(call["index"])
                        assert call["id"], "the first piece of a tool call has its id"
                        assert call["function"]["name"], "the first piece of a tool call has its name"
        assert seen == list(range(len(seen))), f"tool calls are numbered {seen}"

    def test_every_split_gives_the_same_answer(self, stream_scenario: Scenario) -> None:
        data = self.stream_bytes(stream_scenario)
        whole = self.decoder(stream_scenario)
        chunks = feed(whole, data)
        answer = merge_chunks(chunks)
        for cut in places(data):
            decoder = self.decoder(stream_scenario)
            found = feed(decoder, data[:cut], data[cut:])
            same = found == chunks or merge_chunks(found) == answer  # other chunks may say the same
            assert same, f"cut at byte {cut}: {data[:cut]!r}"
            assert (decoder.complete, repr(decoder.error)) == (whole.complete, repr(whole.error)), f"cut at byte {cut}"

    def test_byte_by_byte_gives_the_same_answer(self, stream_scenario: Scenario) -> None:
        data = self.stream_bytes(stream_scenario)
        single = [data[i : i + 1] for i in range(len(data))]
        assert self.outcome(stream_scenario, *single) == self.outcome(stream_scenario, data)

    def test_a_stream_that_breaks_off_is_not_complete(self, stream_scenario: Scenario) -> None:
        """`complete` may come early (a vendor may leave its last line out), but never before all of the answer."""
        data = self.stream_bytes(stream_scenario)
        whole = without_usage(self.outcome(stream_scenario, data)[0])
        for cut in places(data):
            decoder = self.decoder(stream_scenario)
            chunks = feed(decoder, data[:cut])
            if decoder.complete:
                assert without_usage(merge_chunks(chunks)) == whole, f"cut at byte {cut}, and said to be complete"
        half = self.decoder(stream_scenario)
        feed(half, data[: len(data) // 3])
        assert not half.complete, "a third of the stream is said to be complete"

    def test_nothing_at_all_is_not_complete(self) -> None:
        for scenario in self.stream_scenarios():
            decoder = self.decoder(scenario)
            assert feed(decoder, b"") == []
            assert not decoder.complete

    def test_framing_that_means_the_same(self, stream_scenario: Scenario) -> None:
        """Other line ends, comments between events, no blank after the colon: all are in the standard of SSE."""
        data = self.stream_bytes(stream_scenario)
        if not re.match(rb"\s*(data|event|:|id)", data):
            return  # not server-sent events
        whole = self.outcome(stream_scenario, data)[0]
        assert self.outcome(stream_scenario, data.replace(b"\n", b"\r\n"))[0] == whole, "CRLF line ends"
        assert self.outcome(stream_scenario, data.replace(b"\n\n", b"\n\n: keep-alive\n\n"))[0] == whole, "comments"
        assert self.outcome(stream_scenario, re.sub(rb"(?m)^data: ", b"data:", data))[0] == whole, "no blank"

    def test_two_streams_at_once_do_not_mix(self) -> None:
        provider = self.provider()
        scenarios = self.stream_scenarios() * 2
        wanted = [self.outcome(s, self.stream_bytes(s))[0] for s in scenarios]
        decoders = [provider.stream_decoder(self.request(s, stream=True)) for s in scenarios]
        chunks: list[list[Body]] = [[] for _ in scenarios]
        left = [self.stream_bytes(s) for s in scenarios]
        while any(left):
            for i, decoder in enumerate(decoders):
                piece, left[i] = left[i][:17], left[i][17:]
                chunks[i] += decoder.feed(piece)
        for decoder, into in zip(decoders, chunks, strict=True):
            into += decoder.finish()
        assert [merge_chunks(each) for each in chunks] == wanted

    # -- failures ------------------------------------------------------------------------------------------------

    def test_an_error_inside_a_stream_is_reported(self) -> None:
        for scenario in self.stream_scenarios()[:1]:
            data = self.error_stream()
            decoder = self.decoder(scenario)
            chunks = feed(decoder, data)
            assert isinstance(decoder.error, self.stream_error_class), f"the stream's error became {decoder.error!r}"
            assert decoder.error.message
            assert not decoder.complete
            assert all("error" not in chunk for chunk in chunks), "the error is no chunk"
            for cut in places(data):
                split = self.decoder(scenario)
                assert feed(split, data[:cut], data[cut:]) == chunks, f"cut at byte {cut}"
                assert type(split.error) is type(decoder.error), f"cut at byte {cut}"

    def test_garbage_raises_nothing(self) -> None:
        for scenario in self.stream_scenarios()[:1]:
            for data in GARBAGE:
                decoder = self.decoder(scenario)
                feed(decoder, data)
                assert not decoder.complete, f"{data[:40]!r} is said to be a complete answer"
                assert_error(decoder)

    def test_damaged_bytes_raise_nothing(self, stream_scenario: Scenario) -> None:
        data = self.stream_bytes(stream_scenario)
        dice = random.Random(len(data))  # noqa: S311 - the same damage each time
        for _ in range(300):
            broken = bytearray(data)
            for _ in range(dice.randint(1, 4)):
                broken[dice.randrange(len(broken))] = dice.randrange(256)
            decoder = self.decoder(stream_scenario)
            feed(decoder, bytes(broken))
            assert_error(decoder)

    def test_null_members_raise_nothing(self, stream_scenario: Scenario) -> None:
        """Vendors add members with null where OpenAI has none, and leave out what they have nothing for."""
        for data in with_nulls(self.stream_bytes(stream_scenario)):
            decoder = self.decoder(stream_scenario)
            feed(decoder, data)
            assert_error(decoder)

    # -- helpers -------------------------------------------------------------------------------------------------

    def outcome(self, scenario: Scenario, *pieces: bytes) -> tuple[Body, bool, str]:
        decoder = self.decoder(scenario)
        return merge_chunks(feed(decoder, *pieces)), decoder.complete, repr(decoder.error)

    def error_stream(self) -> bytes:
        path = self.sample_file("error.stream", STREAM_SUFFIXES)
        if path is not None:
            return path.read_bytes()
        if self.is_openai_shaped():
            return openai_samples.ERROR_STREAM
        raise self.missing(
            "error.stream.sse", f"a stream that reports a {self.stream_error_class.__name__} after some text"
        )


def places(data: bytes) -> Iterator[int]:
    """Where a stream is cut."""
    return iter(range(0, len(data), max(1, len(data) // EVERY)))


def without_usage(answer: Body) -> Body:
    return {key: value for key, value in answer.items() if key not in ("usage", "system_fingerprint", "service_tier")}


def assert_error(decoder: StreamDecoder) -> None:
    assert decoder.error is None or isinstance(decoder.error, GatewayError)


def with_nulls(data: bytes) -> Iterator[bytes]:
    """The stream with one member of one event set to null, for each member of the first events."""
    lines = data.split(b"\n")
    for at, line in [(i, line) for i, line in enumerate(lines) if b"{" in line][:12]:
        prefix, brace, rest = line.partition(b"{")
        try:
            event = json.loads(brace + rest)
        except ValueError:
            continue
        for path in list(_paths(event)):
            changed = json.loads(brace + rest)
            into = changed
            for step in path[:-1]:
                into = into[step]
            into[path[-1]] = None
            yield b"\n".join([*lines[:at], prefix + json.dumps(changed).encode(), *lines[at + 1 :]])


def _paths(value: object, head: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield (*head, key)
        yield from _paths(each, (*head, key))
