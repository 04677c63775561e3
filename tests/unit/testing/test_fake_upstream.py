"""The fake upstream: what it records, how it answers, and what it notices of the client."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import time

import pytest
from promptness import soonest

from tianji_core.testing import Answer, FakeUpstream


def post(upstream: FakeUpstream, body: object = None, path: str = "/v1/chat/completions") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", upstream.port, timeout=5)
    connection.request("POST", path, json.dumps(body), {"X-Name": "v"})
    response = connection.getresponse()
    response.connection = connection  # type: ignore[attr-defined]
    return response


def body_and_close(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read()
    finally:
        response.connection.close()  # type: ignore[attr-defined]


def test_answers_come_in_order_and_the_last_one_stays() -> None:
    with FakeUpstream(Answer.json({"n": 1}), Answer.error(429, retry_after="3")) as upstream:
        first, second, third = (post(upstream) for _ in range(3))
        assert [r.status for r in (first, second, third)] == [200, 429, 429]
        assert second.headers["retry-after"] == "3"
        assert json.loads(body_and_close(first)) == {"n": 1}
        for response in (second, third):
            assert "says no" in body_and_close(response).decode()


def test_requests_are_recorded() -> None:
    with FakeUpstream(Answer.json({})) as upstream:
        body_and_close(post(upstream, {"model": "天"}, "/p?a=1&b="))
        request = upstream.requests[0]
        assert (request.method, request.path, request.query) == ("POST", "/p", {"a": "1", "b": ""})
        assert request.headers["x-name"] == "v"
        assert request.json() == {"model": "天"}


def test_one_connection_serves_many_requests() -> None:
    with FakeUpstream(Answer.json({})) as upstream:
        connection = http.client.HTTPConnection("127.0.0.1", upstream.port, timeout=5)
        for _ in range(3):
            connection.request("POST", "/", b"{}")
            assert connection.getresponse().read() == b"{}"
        connection.close()
        assert [r.connection for r in upstream.requests] == [0, 0, 0]


def test_a_chunked_upload_is_put_together() -> None:
    with FakeUpstream(Answer.json({})) as upstream:
        connection = http.client.HTTPConnection("127.0.0.1", upstream.port, timeout=5)
        connection.request("POST", "/", iter([b"ab", b"cde"]), encode_chunked=True)
        connection.getresponse().read()
        connection.close()
        assert upstream.requests[0].body == b"abcde"


def test_events_and_pauses() -> None:
    answer = Answer.sse({"a": 1}, 0.05, b": raw\n\n", "text")
    with FakeUpstream(answer) as upstream:
        begin = time.monotonic()
        response = post(upstream)
        assert response.headers["content-type"] == "text/event-stream"
        assert body_and_close(response) == b'data: {"a": 1}\n\n: raw\n\ndata: text\n\ndata: [DONE]\n\n'
        assert time.monotonic() - begin >= 0.05


def test_a_chat_stream_is_one_of_openai_shape() -> None:
    with FakeUpstream(Answer.chat_stream("He", "llo")) as upstream:
        events = body_and_close(post(upstream)).split(b"\n\n")
        texts = [json.loads(e[6:])["choices"][0]["delta"].get("content") for e in events[:4]]
        assert texts == ["", "He", "llo", None]


@pytest.mark.parametrize("answer", [Answer.text("0123456789"), Answer.sse("0123456789", done=False)])
def test_an_answer_breaks_off_at_a_byte(answer: Answer) -> None:
    with FakeUpstream(answer.but(cut_at=8)) as upstream:
        response = post(upstream)
        with pytest.raises(http.client.IncompleteRead) as caught:
            body_and_close(response)
        assert len(caught.value.partial) == 8


def test_a_client_that_hangs_up_is_noticed_at_once() -> None:
    with FakeUpstream(Answer.sse("x", 30.0)) as upstream:

        def once() -> float:
            count = len(upstream.disconnects)
            response = post(upstream)
            response.read(8)
            left = time.monotonic()
            response.close()
            response.connection.close()  # type: ignore[attr-defined]
            seen = upstream.disconnect_seen(count + 1)
            assert seen.request.path == "/v1/chat/completions"
            assert seen.sent == len(b"data: x\n\n")
            return seen.at - left

        assert soonest(once, 0.2) < 0.2


def test_silence_lasts_until_the_client_gives_up() -> None:
    async def run() -> None:
        async with FakeUpstream(Answer.never()) as upstream:
            _, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            await upstream.wait_request()
            with pytest.raises(TimeoutError):
                await upstream.wait_disconnect(timeout=0.05)
            writer.close()
            assert (await upstream.wait_disconnect()).sent == 0

    asyncio.run(run())


def test_a_delay_before_the_first_byte() -> None:
    with FakeUpstream(Answer.json({}).but(delay=0.08)) as upstream:
        begin = time.monotonic()
        body_and_close(post(upstream))
        assert time.monotonic() - begin >= 0.08


def test_a_script_may_be_a_function() -> None:
    with FakeUpstream(script=lambda request: Answer.json(request.json())) as upstream:
        assert json.loads(body_and_close(post(upstream, {"x": 1}))) == {"x": 1}


def test_stopping_closes_what_is_open() -> None:
    with FakeUpstream(Answer.never()) as upstream:
        client = socket.create_connection(("127.0.0.1", upstream.port))
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        upstream.request_seen()
    client.settimeout(5)
    try:
        assert client.recv(1) == b""
    except ConnectionResetError:
        pass
    client.close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", upstream.port), timeout=1)


def test_without_a_script_it_says_so() -> None:
    with FakeUpstream() as upstream:
        response = post(upstream)
        assert response.status == 500
        assert b"No answer is scripted" in body_and_close(response)
