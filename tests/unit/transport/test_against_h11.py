"""h11 as the peer: what it serialises we read alike, what we write it reads as it was asked."""

import asyncio
import string

import h11
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tianji_core.api.http import UpstreamRequest
from tianji_core.transport import HttptoolsTransport, Timeouts

TOKEN = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"
FRAMING = {"content-length", "transfer-encoding", "connection", "content-encoding", "upgrade", "host", "te", "trailer"}
SPECIAL = {*FRAMING, "expect", "keep-alive", "accept-encoding", "user-agent"}

names = st.text(TOKEN, min_size=1, max_size=12).filter(lambda name: name.lower() not in SPECIAL)
# h11 refuses control characters and outer white space in values; so do we not send or get them.
values = st.text([chr(n) for n in (*range(33, 127), *range(161, 256))], max_size=20)
fields = st.lists(st.tuples(names, values), max_size=8)
parts = st.lists(st.binary(min_size=1, max_size=300), max_size=6)
targets = st.text(string.ascii_letters + string.digits + "/-._~!$&'()*+,;=:@%?", max_size=30).map(
    lambda text: "/" + text.lstrip("/")
)


@st.composite
def responses(draw):
    return {
        "status": draw(st.sampled_from([200, 200, 200, 201, 204, 304, 400, 404, 429, 500, 503, 599])),
        "fields": draw(fields),
        "parts": draw(parts),
        "framing": draw(st.sampled_from(["length", "chunked", "close"])),
        "trailers": draw(st.lists(st.tuples(names, values), max_size=2)),
        "early": draw(st.lists(st.sampled_from([100, 102, 103]), max_size=2)),
        "splits": draw(st.lists(st.integers(1, 400), max_size=12)),
    }


@st.composite
def requests(draw):
    streamed = draw(st.booleans())
    return {
        "method": draw(st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "X-ODD"])),
        "target": draw(targets),
        "fields": draw(fields),
        "body": draw(parts) if streamed else b"".join(draw(parts)),
    }


async def stream(pieces):
    for piece in pieces:
        yield piece


def serialise(connection, response, *, to_head):
    """The bytes of a response as h11 writes them."""
    out = b""
    for status in response["early"]:
        out += connection.send(h11.InformationalResponse(status_code=status, headers=[("x-early", "1")]))
    headers = [(name, value.encode("latin-1")) for name, value in response["fields"]]
    body = b"".join(response["parts"])
    if response["framing"] == "length":
        headers.append(("content-length", str(len(body))))
    elif response["framing"] == "chunked":
        headers.append(("transfer-encoding", "chunked"))
    else:
        headers.append(("connection", "close"))
    out += connection.send(h11.Response(status_code=response["status"], headers=headers, reason=b"Why"))
    bodyless = response["status"] in (204, 304) or to_head
    if not bodyless:
        for part in response["parts"]:
            out += connection.send(h11.Data(data=part))
    trailers = response["trailers"] if response["framing"] == "chunked" and not bodyless else []
    out += connection.send(h11.EndOfMessage(headers=[(n, v.encode("latin-1")) for n, v in trailers]))
    return out


async def receive(connection, line):
    """(request, body, …) as h11 reads it from the socket."""
    request, body = None, b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = await line.reader.read(65536)
            if not data:
                raise ConnectionError
            connection.receive_data(data)
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return request, body


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_requests_and_responses_mean_the_same_to_both(peer, loop):
    import uvloop

    wanted, seen = [], []

    async def script(line):
        connection = h11.Connection(h11.SERVER)
        while True:
            request, body = await receive(connection, line)
            seen.append((request, body))
            response = wanted.pop()
            raw = serialise(connection, response, to_head=request.method == b"HEAD")
            for size in response["splits"]:
                await line.send(raw[:size])
                raw = raw[size:]
            await line.send(raw)
            if connection.our_state is not h11.DONE:
                return
            connection.start_next_cycle()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else None) as runner:
        server = runner.run(peer(script).__aenter__())
        transport = HttptoolsTransport()

        @settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
        @given(requests(), responses(), st.booleans())
        def check(request, response, iterate):
            async def exchange():
                wanted[:] = [response]
                seen.clear()
                body = request["body"]
                outgoing = UpstreamRequest(
                    request["method"],
                    server.origin + request["target"],
                    request["fields"],
                    stream(body) if isinstance(body, list) else body,
                )
                async with await transport.send(outgoing, Timeouts(total=5)) as got:
                    if iterate:
                        return got, b"".join([piece async for piece in got])
                    return got, await got.read()

            got, body = runner.run(exchange())
            # what we sent, as h11 saw it
            ((asked, asked_body),) = seen
            sent = request["body"]
            assert asked.method.decode() == request["method"]
            assert asked.target.decode() == request["target"].partition("#")[0]
            assert asked_body == (b"".join(sent) if isinstance(sent, list) else sent)
            plain = [(name.decode(), value.decode("latin-1")) for name, value in asked.headers]
            assert [field for field in plain if field[0] not in SPECIAL] == [
                (name.lower(), value) for name, value in request["fields"]
            ]
            assert ("host", f"127.0.0.1:{server.port}") == plain[0]
            # what h11 sent, as we saw it
            assert got.status == response["status"]
            assert [field for field in got.headers if field[0] not in FRAMING] == [
                (name.lower(), value) for name, value in response["fields"]
            ]
            bodyless = response["status"] in (204, 304) or request["method"] == "HEAD"
            assert body == (b"" if bodyless else b"".join(response["parts"]))

        check()
        assert all(each[0] == 0 and each[2] == 0 for each in transport.usage().values())
        runner.run(transport.aclose())
        runner.run(server.__aexit__(None, None, None))
