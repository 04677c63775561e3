"""Our header fields, where a key may stand, which master key is weak."""

from __future__ import annotations

import base64

import pytest

from tianji_core.api.errors import RateLimitError
from tianji_core.api.http import Headers
from tianji_core.gateway.call import Call
from tianji_core.server.auth import Authenticator
from tianji_core.server.headers import HeaderWriter, vendor_fields
from tianji_core.server.master_key import weakness


def test_no_line_ends_get_in():
    call = Call("chat", "m", {}, group="a\r\nset-cookie: x=1\x00\n", upstream_model="b\nc")
    for name, value in HeaderWriter("x-litellm-").fields(call):
        assert not set(value) & set(b"\r\n\x00")
        assert not set(name) & set(b"\r\n\x00: ")
    fields = vendor_fields([("x-a", "b\r\nc: d"), ("x-b", "\x00"), ("x-c", " ünï ☂ ")])
    assert fields == [
        (b"llm_provider-x-a", b"b  c: d"),
        (b"llm_provider-x-b", b""),
        (b"llm_provider-x-c", b"\xfcn\xef ?"),
    ]


def test_prefixes():
    for prefix in ("x-litellm-", "x-tianji-"):
        names = [name for name, _ in HeaderWriter(prefix).fields(Call("chat", "m", {}))]
        assert prefix.encode() + b"call-id" in names
    both = HeaderWriter("x-tianji-").error_fields(RateLimitError("x", retry_after=1.2), None)
    assert (b"retry-after", b"2") in both
    assert not [name for name, _ in both if name.startswith(b"x-litellm-")]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, b"0"), (0.01, b"1"), (1, b"1"), (1.5, b"2"), (59.9, b"60"), (9e6, b"9000000")]
)
def test_retry_after_is_rounded_up(seconds, text):
    fields = dict(HeaderWriter("x-litellm-").error_fields(RateLimitError("x", retry_after=seconds), None))
    assert fields[b"retry-after"] == text


def test_what_a_vendor_says_about_the_connection_stays_behind():
    headers = Headers(
        [
            ("Set-Cookie", "a"),
            ("Connection", "close"),
            ("Content-Length", "5"),
            ("Transfer-Encoding", "chunked"),
            ("x-ratelimit-limit-requests", "5"),
            ("X-Request-Id", "r"),
            ("x-long", "y" * 5000),
        ]
    )
    assert vendor_fields(headers) == [
        (b"llm_provider-x-ratelimit-limit-requests", b"5"),
        (b"x-ratelimit-limit-requests", b"5"),
        (b"llm_provider-x-request-id", b"r"),
    ]
    assert len(vendor_fields([(f"x-{i}", "v") for i in range(500)])) <= 66


ORDER = [
    "x-own",
    "x-litellm-api-key",
    "x-tianji-api-key",
    "authorization",
    "api-key",
    "x-api-key",
    "x-goog-api-key",
    "ocp-apim-subscription-key",
]


def test_the_order_of_the_keys():
    finder = Authenticator((), "X-Own")
    for first in range(len(ORDER)):
        headers = {name.encode(): name.encode() for name in reversed(ORDER[first:])}
        assert finder.find_key(headers) == ORDER[first]
    assert finder.find_key({}) is None
    assert finder.find_key({b"x-own": b"", b"api-key": b"k"}) == "k"
    assert Authenticator(()).find_key({b"x-own": b"k"}) is None


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (b"Bearer k", "k"),
        (b"bearer  k ", "k"),
        (b"k", "k"),
        (b"Bearer", ""),
        (b"Bearer ", ""),
        (b"Basic " + base64.b64encode(b"user:pass"), "pass"),
        (b"Basic " + base64.b64encode(b"user:"), "user"),
        (b"Basic " + base64.b64encode(b":pass"), "pass"),
        (b"Basic " + base64.b64encode(b"user"), "user"),
        (b"Basic " + base64.b64encode(b"u:p:q"), "p:q"),
        (b"Basic " + base64.b64encode(b"\xff\xfe"), ""),
        (b"Basic !", ""),
        (b"Bearer \xe9", "é"),
    ],
)
def test_the_key_in_authorization(value, key):
    assert Authenticator(()).find_key({b"authorization": value}) == key


@pytest.mark.parametrize(
    "key",
    [
        None,
        "",
        "sk-1234",
        "SK-1234",
        "sk-master",
        "changeme",
        "password",
        "a" * 40,
        "sk-" + "ab" * 20,
        "sk-short-key",
        "1" * 16,
    ],
)
def test_weak_keys(key):
    reason = weakness(key)
    assert reason
    assert not key or key not in reason


@pytest.mark.parametrize(
    "key", ["sk-0123456789abcdef", "correct horse battery staple", "sk-" + "k9Qz" * 3 + "abcdefgh"]
)
def test_strong_keys(key):
    assert weakness(key) is None
