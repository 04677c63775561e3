"""The network lent to providers: fetches to known addresses, downloads from named ones, over real sockets."""

from __future__ import annotations

import asyncio

import pytest

from tianji_core.api.errors import APIConnectionError, BadGatewayError, BadRequestError, RequestTimeoutError
from tianji_core.api.http import UpstreamRequest
from tianji_core.gateway import Gateway
from tianji_core.gateway.network import GatewayNetwork
from tianji_core.testing import Answer
from tianji_core.transport import HttptoolsTransport

PNG = b"\x89PNG" + bytes(1000)
FETCHED = "A file named in the messages could not be fetched."


def picture(body=PNG, content_type="image/PNG; charset=x"):
    return Answer(200, (("content-type", content_type),), body)


@pytest.fixture
def lent():
    """lent(work, allowed): runs `work(network)` with a guarded network."""

    def run(work, allowed=frozenset({"127.0.0.1"})):
        async def main():
            async with HttptoolsTransport() as transport, HttptoolsTransport(public_only=True) as guarded:
                return await work(GatewayNetwork(transport, guarded, frozenset(allowed)))

        return asyncio.run(main())

    return run


# -- downloads -----------------------------------------------------------------------------------------------------


def test_a_download(lent, fake_upstream):
    fake_upstream.answer(picture())
    found = lent(lambda network: network.download(f"{fake_upstream.url}/a.png?x=1"))
    assert (found.content_type, found.data) == ("image/png", PNG)
    [request] = fake_upstream.requests
    assert request.method == "GET"
    assert {"authorization", "cookie", "user-agent"}.isdisjoint(request.headers)


@pytest.mark.parametrize("content_type", ["", ";", " ; x=1"])
def test_a_download_without_a_type(lent, fake_upstream, content_type):
    fake_upstream.answer(picture(content_type=content_type))
    assert lent(lambda network: network.download(fake_upstream.url)).content_type == "application/octet-stream"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(lent, fake_upstream, status):
    fake_upstream.answer(Answer(status, (("location", f"{fake_upstream.url}/inside"),), b""))
    with pytest.raises(BadRequestError, match=f"was answered with status {status}"):
        lent(lambda network: network.download(fake_upstream.url))
    assert len(fake_upstream.requests) == 1


@pytest.mark.parametrize("status", [201, 204, 206, 400, 404, 500])
def test_only_200_is_a_file(lent, fake_upstream, status):
    fake_upstream.answer(Answer(status, (), b"" if status == 204 else b"not a picture"))
    with pytest.raises(BadRequestError) as raised:
        lent(lambda network: network.download(fake_upstream.url))
    assert raised.value.param == "messages"
    assert "picture" not in raised.value.message


@pytest.mark.parametrize("pieces", [None, (b"a" * 600_000, b"a" * 600_000)])
def test_what_is_too_large(lent, fake_upstream, pieces):
    """With a content-length, and without: nothing is read beyond the limit."""
    limit = 1024 * 1024
    answer = picture(b"a" * (limit + 1)) if pieces is None else picture().but(pieces=(*pieces, 5.0, b"never"))
    fake_upstream.answer(answer)
    with pytest.raises(BadRequestError, match="is larger than 1 MB"):
        lent(lambda network: network.download(fake_upstream.url, limit=limit))
    fake_upstream.answer(picture(b"a" * limit))
    assert len(lent(lambda network: network.download(fake_upstream.url, limit=limit)).data) == limit


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://127.0.0.1/a",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_x",
        "data:image/png;base64,AAE=",
        "//127.0.0.1/a",
        "127.0.0.1/a",
        "/etc/passwd",
        "http:/127.0.0.1",
        "http:127.0.0.1",
        "http://",
        "http:///a",
        "http://user:password@127.0.0.1/",
        "http://user@127.0.0.1/",
        "http://@127.0.0.1/",
        "http://127.0.0.1\\@evil.test/",
        "http://[::1/",
        "http://[/",
        "javascript:alert(1)",
        " http://127.0.0.1/",
    ],
)
def test_addresses_that_are_refused_unasked(lent, url):
    with pytest.raises(BadRequestError, match="is no plain http or https address"):
        lent(lambda network: network.download(url))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:x/",
        "http://a b/",
        "http://127.0.0.1/\r\nx-evil: 1",
        "http://ü\ud800/",
    ],
)
def test_addresses_that_make_no_sense(lent, url):
    with pytest.raises(BadRequestError):
        lent(lambda network: network.download(url))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433"])
def test_this_machine_is_guarded(lent, fake_upstream, host):
    port = fake_upstream.url.rpartition(":")[2]
    with pytest.raises(BadRequestError, match=FETCHED):
        lent(lambda network: network.download(f"http://{host}:{port}/"), allowed=())
    assert not fake_upstream.requests


def test_every_failure_is_told_alike(lent, fake_upstream):
    """Refused by the guard, nobody there, a broken answer: a client cannot tell one from the other."""
    told = set()
    fake_upstream.answer(picture().but(cut_at=10))
    for url, allowed in (
        (fake_upstream.url, ()),
        ("http://127.0.0.1:1/", ("127.0.0.1",)),
        (fake_upstream.url, ("127.0.0.1",)),
        ("http://no-such-name.invalid/", ()),
    ):
        with pytest.raises(BadRequestError) as raised:
            lent(lambda network, url=url: network.download(url), allowed=allowed)
        told.add(raised.value.message)
    assert told == {FETCHED}


def test_allowed_hosts_are_compared_without_case(lent, fake_upstream):
    fake_upstream.answer(picture())
    url = fake_upstream.url.replace("127.0.0.1", "LOCALHOST")
    assert lent(lambda network: network.download(url), allowed={"localhost"}).data == PNG


# -- what the config says ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "reached"),
    [
        ({}, False),
        ({"user_url_validation": True}, False),
        ({"user_url_validation": False}, True),
        ({"user_url_allowed_hosts": ["127.0.0.1"]}, True),
        ({"user_url_allowed_hosts": ["other.test"]}, False),
    ],
)
def test_settings(fake_upstream, settings, reached):
    fake_upstream.answer(picture())
    row = {"model_name": "m", "litellm_params": {"model": "echo/echo"}}

    async def main():
        async with Gateway.from_config({"model_list": [row], "litellm_settings": settings}) as gateway:
            return await gateway.pipeline.models.deployments[0].network.download(fake_upstream.url)

    if reached:
        assert asyncio.run(main()).data == PNG
    else:
        with pytest.raises(BadRequestError, match=FETCHED):
            asyncio.run(main())
    assert bool(fake_upstream.requests) is reached


# -- fetches -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 302, 404, 500])
def test_a_fetch_goes_anywhere_and_gives_any_status(lent, fake_upstream, status):
    fake_upstream.answer(Answer(status, (("x-a", "1"),), b"body"))
    request = UpstreamRequest("POST", f"{fake_upstream.url}/token", [("x-b", "2")], b"grant")
    reply = lent(lambda network: network.fetch(request), allowed=())
    assert (reply.status, reply.headers["x-a"], reply.body) == (status, "1", b"body")
    [seen] = fake_upstream.requests
    assert (seen.method, seen.path, seen.headers["x-b"], seen.body) == ("POST", "/token", "2", b"grant")


def test_what_a_fetch_raises(lent, fake_upstream):
    request = UpstreamRequest("GET", fake_upstream.url)
    fake_upstream.answer(Answer.never())
    with pytest.raises(RequestTimeoutError):
        lent(lambda network: network.fetch(request, timeout=0.1))
    fake_upstream.answer(Answer(200, (), b"a" * 100))
    with pytest.raises(BadGatewayError):
        lent(lambda network: network.fetch(request, limit=99))
    with pytest.raises(APIConnectionError) as raised:
        lent(lambda network: network.fetch(UpstreamRequest("GET", "http://127.0.0.1:1/")))
    assert "127.0.0.1" not in raised.value.message


def test_a_slow_fetch_ends_in_time(lent, fake_upstream):
    fake_upstream.answer(Answer(200, (), pieces=(b"a", 0.05) * 40))
    with pytest.raises(RequestTimeoutError):
        lent(lambda network: network.fetch(UpstreamRequest("GET", fake_upstream.url), timeout=0.3))
