"""Bodies, JSON and departures, below any framework."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji_core.api.errors import BadRequestError, RequestTooLargeError
from tianji_core.server.asgi import ClientDisconnected, DisconnectWatch, parse_json, read_body

BAD = [
    b"{",
    b"{'a':1}",
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"a":1e999}',
    b'{"a":' + b"1" * 400 + b"}",
    b'"\xff"',
    b'"\\ud800"',
    b"\xef\xbb\xbf{}",
    b"[" * 10_000,
    b"[" * 2000 + b"]" * 2000,
    b"[" * 300 + b"]" * 300,
    b'{"a":' * 300 + b"1" + b"}" * 300,
    b'{"a":1,"a":2}',
    b'{"a":1,"\\u0061":2}',
    b'{"a":1,"a":":"}',
    b'{"a":1,"a":"\\u003a"}',
    b'{"a":1,"a":"\\u003A"}',
    b'[{"b":{"a":1,"a":1}}]',
    b'{"":1,"":2}',
]


@pytest.mark.parametrize("body", BAD)
def test_what_is_no_json(body):
    with pytest.raises(BadRequestError) as raised:
        parse_json(body)
    assert raised.value.param == "request_body"
    assert len(raised.value.message) < 300


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b" { } ",
        b"[]",
        b"null",
        b'{"a":{"a":{"a":1}}}',
        b'[{"a":1},{"a":2}]',
        b'{"a":":","b":"\\u003a"}',
        b'{"\\u003a":1,":b":2}',
        b'{"a:b":"c:d"}',
        b'{"a":"\\\\u003a"}',
        b'{"a":-0.0,"b":1.0e2}',
        b'{"a":"\\ud83d\\ude00"}',
        b"[" * 200 + b"]" * 200,
    ],
)
def test_what_is(body):
    assert parse_json(body) == json.loads(body)


def test_nothing_is_an_empty_object():
    assert parse_json(b"") == parse_json(b" \n\t") == {}


TREES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.text(':\\"{}u003aé', max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(':\\"a', max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(TREES, st.booleans())
def test_what_python_writes_is_read(tree, ascii_only):
    assert parse_json(json.dumps(tree, ensure_ascii=ascii_only).encode()) == tree


@given(TREES, st.sampled_from(["a", ":", "\\u003a", 'a\\"b', ""]))
def test_a_member_twice_is_always_seen(tree, name):
    inner = json.dumps(tree)
    with pytest.raises(BadRequestError):
        parse_json(f'{{"{name}":{inner},"z":{inner},"{name}":{inner}}}'.encode())


@given(st.binary(max_size=60))
def test_no_bytes_crash_it(body):
    try:
        parse_json(body)
    except BadRequestError:
        pass


def read(messages, limit=100, headers=None):
    async def main():
        waiting = list(messages)

        async def receive():
            return waiting.pop(0)

        return await read_body({}, receive, headers or {}, limit)

    return asyncio.run(main())


def part(body, more=False):
    return {"type": "http.request", "body": body, "more_body": more}


def test_reading():
    assert read([part(b"abc")]) == b"abc"
    assert read([part(b"a", True), part(b"b", True), part(b"")]) == b"ab"
    assert read([{"type": "http.request"}]) == b""
    assert read([part(b"x" * 100)]) == b"x" * 100
    for messages in ([part(b"x" * 101)], [part(b"x" * 60, True), part(b"x" * 60, True)]):
        with pytest.raises(RequestTooLargeError):
            read(messages)
    for length in (b"101", b"9" * 30):
        with pytest.raises(RequestTooLargeError):
            read([], headers={b"content-length": length})
    assert read([part(b"a")], headers={b"content-length": b"x"}) == b"a"
    for messages in ([{"type": "http.disconnect"}], [part(b"a", True), {"type": "http.disconnect"}]):
        with pytest.raises(ClientDisconnected):
            read(messages)


def test_the_watch():
    async def main(departs, works):
        gone = asyncio.Event()

        async def receive():
            await gone.wait()
            return {"type": "http.disconnect"}

        watch = DisconnectWatch(receive)
        with watch:
            watch.start()
            asyncio.get_running_loop().call_later(departs, gone.set)
            try:
                await asyncio.sleep(works)
            except asyncio.CancelledError:
                asyncio.current_task().uncancel()
        await asyncio.sleep(0.02)
        assert len(asyncio.all_tasks()) == 1, "the watcher was left behind"
        return watch.gone

    assert asyncio.run(main(0.15, 5)) is True
    assert asyncio.run(main(0.0, 5)) is True
    assert asyncio.run(main(5, 0.2)) is False
    assert asyncio.run(main(5, 0.01)) is False
