"""Bodies as they come in: held as far as somebody has to see them, and never more than announced."""

from __future__ import annotations

import asyncio

import pytest

from tianji_core.api.errors import RequestTimeoutError, RequestTooLargeError
from tianji_core.server import uploads
from tianji_core.server.asgi import ClientDisconnected
from tianji_core.server.uploads import Incoming


def receiving(*parts, more=False):
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    if messages and not more:
        messages[-1]["more_body"] = False
    messages.append({"type": "http.disconnect"})
    seen = iter(messages)

    async def receive():
        return next(seen)

    return receive


def incoming(*parts, limit=100, length=None, more=False):
    ends = []
    headers = {} if length is None else {b"content-length": str(length).encode()}
    return Incoming(receiving(*parts, more=more), headers, limit, lambda: ends.append(1)), ends


async def all_of(body):
    return [part async for part in body.parts()]


def test_a_small_body_is_held():
    async def main():
        body, ends = incoming(b"ab", b"", b"c")
        assert await body.hold(3) == b"abc"
        assert body.complete
        assert ends == [1]
        assert await all_of(body) == [b"abc"]

    asyncio.run(main())


def test_a_larger_one_goes_on_from_where_it_was_held():
    async def main():
        body, ends = incoming(b"ab", b"cd", b"ef")
        assert await body.hold(3) is None
        assert ends == []
        assert await all_of(body) == [b"ab", b"cd", b"ef"]
        assert ends == [1]

    asyncio.run(main())


def test_a_body_that_was_announced_ends_with_its_last_byte():
    async def main():
        body, ends = incoming(b"ab", b"cd", length=4, more=True)
        assert await all_of(body) == [b"ab", b"cd"]
        assert ends == [1]

    asyncio.run(main())


def test_too_large():
    with pytest.raises(RequestTooLargeError):
        incoming(length=101)

    async def main():
        body, _ = incoming(b"x" * 60, b"x" * 60)
        with pytest.raises(RequestTooLargeError):
            await all_of(body)
        body, _ = incoming(b"x" * 60, b"x" * 60)
        with pytest.raises(RequestTooLargeError):
            await body.hold(1000)

    asyncio.run(main())


def test_a_client_that_leaves():
    async def main():
        body, ends = incoming(b"ab", more=True)
        with pytest.raises(ClientDisconnected):
            await all_of(body)
        assert ends == []

    asyncio.run(main())


def test_a_client_that_says_nothing_more(monkeypatch):
    monkeypatch.setattr(uploads, "SILENCE", 0.01)

    async def main():
        body = Incoming(asyncio.Queue().get, {}, 100)
        with pytest.raises(RequestTimeoutError):
            await body.hold(10)

    asyncio.run(main())
