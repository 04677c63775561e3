"""From a vendor's stream to the caller's, cut anywhere."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tianji_core.api.errors import APIConnectionError, BadGatewayError, RateLimitError
from tianji_core.api.provider import ModelRequest, ProviderSettings
from tianji_core.gateway.transforms import Relay, Translation, relay_for
from tianji_core.openai_compat import OpenAICompatible, OpenAIStreamDecoder
from tianji_core.testing.openai_samples import ERROR_STREAM, STREAMS, USAGE, chat_chunks, sse
from tianji_core.translate.completions import chat_chunk_to_completion

NAME = 'my "new" model ☂'
DONE = b"data: [DONE]\n\n"
CHAT = ModelRequest("chat", "m", {"model": "m", "messages": []}, stream=True)


class Vendor(OpenAICompatible):
    name = "vendor"
    key_required = False


class Marked(Vendor):
    patch_markers = (b'"x_groq"', b'"reasoning"')

    def patch_chunk(self, chunk):
        usage = (chunk.pop("x_groq", None) or {}).get("usage")
        if usage:
            chunk["usage"] = usage
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or {}
            if "reasoning" in delta:
                delta["reasoning_content"] = delta.pop("reasoning")


def make(kind="relay", provider=Vendor, wants_usage=False, keep=False):
    vendor = provider(ProviderSettings(api_base="http://vendor.test"))
    if kind == "relay":
        return Relay(vendor, NAME, wants_usage=wants_usage, keep=keep)
    patch = vendor.patch_chunk if vendor.patch_markers else None
    decoder = OpenAIStreamDecoder(vendor.parse_error, patch)
    return Translation(decoder, NAME, wants_usage=wants_usage, keep=keep, created=1, answer_id="chatcmpl-1")


def run(data, *cuts, **named):
    """The output of these pieces, the transform, and whether it ended well."""
    transform = make(**named)
    edges = [0, *cuts, len(data)]
    out = b""
    for start, end in pairwise(edges):
        out += transform.feed(data[start:end])
        if transform.error is not None:  # as StreamReply does
            return out, transform
    out += transform.finish()
    return out, transform


def chunks(out):
    frames = out.decode().split("\n\n")
    assert frames.pop() == ""
    assert all(frame.startswith("data: ") and "\n" not in frame for frame in frames), out
    return [json.loads(frame[6:]) for frame in frames if frame != "data: [DONE]"]


def compact(*events, done=True):
    """Events as most vendors write them: without spaces, with `usage: null`."""
    frames = [f"data: {json.dumps(e, separators=(',', ':'), ensure_ascii=False)}\n\n".encode() for e in events]
    return b"".join(frames) + (DONE if done else b"")


def chunk(index=0, finish=None, head=None, **delta):
    found = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "sample-model"}
    found["choices"] = [{"index": index, "delta": delta, "finish_reason": finish}]
    return {**found, **(head or {})}


SAMPLES = {
    **STREAMS,
    "error": ERROR_STREAM,
    "compact": compact(*chat_chunks({"content": "a"}, {"content": "b"}, {"content": "c"})),
    "crlf": STREAMS["chat"].replace(b"\n", b"\r\n"),
    "comments": b": ping\n\n" + compact(chunk(content="a")) + b": pong\n\n",
    "model in the text": compact(
        chunk(content='"model":"sample-model"'),
        chunk(content='{"model":"sample-model","usage":null,"error":{}}'),
        chunk(content="[DONE]", finish="stop"),
    ),
    "model elsewhere": compact(chunk(head={"x": {"a": 1}}, content="a"), chunk(content="b", finish="stop")),
    "models that change": compact(chunk(content="a"), chunk(head={"model": "other"}), chunk(finish="stop")),
    "no model": compact(*({"choices": c["choices"]} for c in (chunk(content="a"), chunk(finish="stop")))),
    "usage null everywhere": compact(*(chunk(head={"usage": None}, content=t) for t in "abc"), chunk(finish="stop")),
    "usage on every chunk": compact(*(chunk(head={"usage": USAGE}, content=t) for t in "abc"), chunk(finish="stop")),
    "several choices": compact(
        *(chunk(i, content=str(i)) for i in range(3)), *(chunk(i, "stop") for i in range(3)), done=False
    ),
    "no done": compact(chunk(content="a"), chunk(finish="stop"), done=False),
    "truncated": compact(chunk(content="a"), chunk(content="b"), done=False),
    "half an event": compact(chunk(content="a"), done=False) + b'data: {"choices": [',
    "after done": compact(chunk(finish="stop")) + compact(chunk(content="more")),
    "junk": compact(chunk(content="a"), done=False) + b"data: junk\n\n" + compact(chunk(finish="stop")),
    "array": compact(chunk(content="a"), done=False) + b"data: []\n\n" + compact(chunk(finish="stop")),
    "several lines": b'data: {\ndata: "choices":\ndata: []}\n\n' + compact(chunk(finish="stop")),
    "no blank line at the end": compact(chunk(content="a"), chunk(finish="stop"))[:-1],
    "markers": compact(
        chunk(reasoning="hm"), chunk(content='"x_groq"'), chunk(finish="stop", head={"x_groq": {"usage": USAGE}})
    ),
    "events with names": b"event: message\ndata: " + compact(chunk(content="a"))[6:],
    "an error by name": compact(chunk(content="a"), done=False) + b'event: error\ndata: {"message": "m"}\n\n',
    "empty": b"",
    "only done": DONE,
}
KINDS = [("relay", Vendor), ("relay", Marked), ("translation", Vendor), ("translation", Marked)]


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("wants_usage", [False, True])
@pytest.mark.parametrize(("kind", "provider"), KINDS)
def test_every_cut_gives_the_same(name, wants_usage, kind, provider):
    data = SAMPLES[name]
    named = {"kind": kind, "provider": provider, "wants_usage": wants_usage}
    out, whole = run(data, **named)
    step = 1 if len(data) < 2500 else 5
    for cut in range(0, len(data) + 1, step):
        again, transform = run(data, cut, **named)
        assert again == out, cut
        assert type(transform.error) is type(whole.error)
        assert transform.usage == whole.usage
    for size in (1, 7, 100):
        again, transform = run(data, *range(size, len(data), size), **named)
        assert again == out
        assert type(transform.error) is type(whole.error)
    # One event a piece, as they come from a vendor: the quick way.
    ends = [i + 2 for i in range(len(data)) if data[i : i + 2] == b"\n\n" and i + 2 < len(data)]
    assert run(data, *ends, **named)[0] == out


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("wants_usage", [False, True])
def test_relaying_and_translating_say_the_same(name, wants_usage):
    """What is passed on as it is says what a decoder makes of it, apart from what only the decoder looks at."""
    relayed, relay = run(SAMPLES[name], wants_usage=wants_usage)
    translated, translation = run(SAMPLES[name], kind="translation", wants_usage=wants_usage)
    assert type(relay.error) is type(translation.error)
    assert relay.usage == translation.usage

    def plain(out):
        # A decoder's chunks get a name and a date where the vendor gave none.
        left_out = ("created", "usage")
        return [{k: v for k, v in c.items() if k not in left_out or v == USAGE} | {"model": NAME} for c in chunks(out)]

    assert plain(relayed) == plain(translated)
    assert relayed.endswith(DONE) == translated.endswith(DONE)


@pytest.mark.parametrize("kept_too", [False, True])
@pytest.mark.parametrize("name", SAMPLES)
def test_keeping_changes_nothing(name, kept_too):
    out, plain = run(SAMPLES[name], wants_usage=kept_too)
    kept_out, keeping = run(SAMPLES[name], wants_usage=kept_too, keep=True)
    assert type(plain.error) is type(keeping.error)
    assert [{k: v for k, v in c.items() if v is not None} for c in chunks(kept_out)] == [
        {k: v for k, v in c.items() if v is not None} for c in chunks(out)
    ]
    kept = keeping.kept()
    assert [c["choices"] for c in kept] == [c.get("choices") for c in chunks(kept_out)]


@pytest.mark.parametrize("kind", ["relay", "translation"])
def test_the_callers_name(kind):
    for name in ("compact", "models that change", "model in the text", "chat", "crlf"):
        out, _ = run(SAMPLES[name], kind=kind)
        assert {c["model"] for c in chunks(out)} == {NAME}, name
    texts = [c["choices"][0]["delta"].get("content") for c in chunks(run(SAMPLES["model in the text"], kind=kind)[0])]
    assert texts[0] == '"model":"sample-model"'
    assert texts[1] == '{"model":"sample-model","usage":null,"error":{}}'


@pytest.mark.parametrize("kind", ["relay", "translation"])
def test_usage(kind):
    for name in ("chat", "compact", "crlf"):
        out, transform = run(SAMPLES[name], kind=kind)
        assert transform.usage["total_tokens"] == 27
        assert all(not c.get("usage") for c in chunks(out)), name
        out, _ = run(SAMPLES[name], kind=kind, wants_usage=True)
        assert chunks(out)[-1]["usage"] == USAGE
        assert chunks(out)[-1]["choices"] == []
    out, _ = run(SAMPLES["compact"], kind=kind)
    assert b'"usage"' not in out
    out, _ = run(SAMPLES["usage on every chunk"], kind=kind, wants_usage=True)
    assert sum(bool(c.get("usage")) for c in chunks(out)) == 1
    assert chunks(out)[-1]["choices"] == []


def test_markers():
    out, transform = run(SAMPLES["markers"], provider=Marked)
    assert transform.usage == USAGE
    assert b'x_groq":{' not in out
    deltas = [c["choices"][0]["delta"] for c in chunks(out)]
    assert deltas[0] == {"reasoning_content": "hm"}
    assert deltas[1] == {"content": '"x_groq"'}


@pytest.mark.parametrize("kind", ["relay", "translation"])
@pytest.mark.parametrize(
    ("name", "error", "count"),
    [
        ("truncated", APIConnectionError, 2),
        ("empty", APIConnectionError, 0),
        ("half an event", APIConnectionError, 1),
        ("junk", BadGatewayError, 1),
        ("array", BadGatewayError, 1),
        ("error", RateLimitError, 2),
    ],
)
def test_streams_that_fail(kind, name, error, count):
    out, transform = run(SAMPLES[name], kind=kind)
    assert isinstance(transform.error, error)
    assert DONE not in out
    assert len(chunks(out)) == count


@pytest.mark.parametrize("kind", ["relay", "translation"])
@pytest.mark.parametrize("name", ["no done", "several choices", "only done", "no blank line at the end", "chat"])
def test_streams_that_end_well(kind, name):
    out, transform = run(SAMPLES[name], kind=kind)
    assert transform.error is None
    assert out.endswith(DONE)
    assert out.count(DONE) == 1


def test_nothing_after_done():
    out, _ = run(SAMPLES["after done"])
    assert out.endswith(DONE)
    assert b"more" not in out


def test_a_finish_reason_that_went_the_quick_way_counts():
    data = compact(chunk(content="a"), chunk(content="b"), chunk(finish="stop"), done=False)
    ends = [i + 2 for i in range(len(data)) if data[i : i + 2] == b"\n\n"][:-1]
    out, transform = run(data, *ends)
    assert transform.error is None
    assert out.endswith(DONE)


def test_too_large():
    relay = make()
    assert relay.feed(b"data: " + b"x" * (17 * 1024 * 1024)) == b""
    assert isinstance(relay.error, BadGatewayError)


def test_an_empty_id_is_filled():
    transform = make("translation", wants_usage=False)
    out = transform.feed(compact({**chunk(content="x"), "id": ""}, {**chunk(content="y"), "id": "own"}, done=False))
    assert [event["id"] for event in chunks(out)] == ["chatcmpl-1", "own"]


def test_reshaping():
    decoder = OpenAIStreamDecoder(Vendor(ProviderSettings(api_base="http://v")).parse_error)
    transform = Translation(
        decoder, NAME, wants_usage=True, keep=True, created=1, answer_id="chatcmpl-1", reshape=chat_chunk_to_completion
    )
    out = transform.feed(STREAMS["chat"]) + transform.finish()
    assert {c["object"] for c in chunks(out)} == {"text_completion"}
    assert chunks(out)[-1]["usage"] == USAGE
    assert len(transform.kept()) == len(chunks(out))


def test_who_is_relayed():
    vendor = Vendor(ProviderSettings(api_base="http://v"))
    assert isinstance(relay_for(vendor, CHAT, "m", wants_usage=False, keep=False), Relay)

    class Own(Vendor):
        relays = False

    assert relay_for(Own(ProviderSettings(api_base="http://v")), CHAT, "m", wants_usage=False, keep=False) is None

    class Thinker(Vendor):
        think_models = "r1"

    thinker = Thinker(ProviderSettings(api_base="http://v"))
    aloud = ModelRequest("chat", "deepseek-R1", {"model": "deepseek-R1", "messages": []}, stream=True)
    assert isinstance(relay_for(thinker, CHAT, "m", wants_usage=False, keep=False), Relay)
    assert relay_for(thinker, aloud, "m", wants_usage=False, keep=False) is None


ODD = [
    '"model":"sample-model"',
    '","usage":null,"',
    '\\"',
    "\\u0022",
    "\n\n",
    "data: {",
    "[DONE]",
    '"error":{',
    "é🗼",
    "a",
]
EVENTS = st.one_of(
    st.builds(lambda t, u: chunk(head={"usage": None} if u else None, content=t), st.sampled_from(ODD), st.booleans()),
    st.builds(lambda t: chunk(head={"model": t}, content="x"), st.sampled_from(["sample-model", "other", 'a"b'])),
    st.builds(lambda f, i: chunk(i, f), st.sampled_from([None, "stop"]), st.integers(0, 2)),
    st.builds(lambda t: chunk(head={"usage": t}), st.sampled_from([USAGE, None, {}])),
    st.just({"choices": [], "usage": USAGE}),
    st.just({"model": "sample-model", "x": {"model": "inner"}, "choices": []}),
    st.just({"x": {"usage": None}, "choices": [], "model": "sample-model"}),
    st.just({"error": {"message": "m", "code": 429}}),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(EVENTS, max_size=8), st.booleans(), st.booleans(), st.booleans(), st.data())
@example([chunk(content="a")] * 3, True, False, False, None)
def test_cuts_never_matter(events, tight, wants_usage, marked, data):
    stream = (compact if tight else sse)(*events)
    cuts = [] if data is None else sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    ends = [i + 2 for i in range(len(stream)) if stream[i : i + 2] == b"\n\n"][:-1]
    named = {"provider": Marked if marked else Vendor, "wants_usage": wants_usage}
    out, whole = run(stream, **named)
    for edges in (cuts, ends, ends[::2], range(1, len(stream))):
        again, transform = run(stream, *edges, **named)
        assert again == out
        assert type(transform.error) is type(whole.error)
        assert transform.usage == whole.usage
