"""What changes on the way: header fields, and secrets in error answers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianji_core.api.http import Headers
from tianji_core.api.pass_through import Named, PassThrough, models_in
from tianji_core.gateway.guardrails.foreign import texts
from tianji_core.gateway.pass_through.conceal import Concealer
from tianji_core.gateway.pass_through.headers import all_harmless, to_client, to_vendor

PRIVATE = """
authorization x-api-key api-key x-my-token my-secret-header cookie session x-session-id x-auth x-authentication
proxy-authorization x-forwarded-for x-real-ip host content-length transfer-encoding te upgrade x-litellm-tags
x-goog-user-project openai-organization x-amz-date cf-connecting-ip sec-fetch-mode x-signature
x-original-url
"""


@settings(deadline=None)
@given(st.lists(st.sampled_from([b"sk-", b"secret", b"sk-secret", b"s", b"k-s", b"x"]), max_size=12), st.data())
def test_secrets_are_found_however_they_are_cut(parts, data):
    whole = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    concealer = Concealer(["sk-secret"])
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    out = b"".join(map(concealer.feed, pieces)) + concealer.finish()
    assert out == whole.replace(b"sk-secret", b"***")


def test_nothing_is_held_back_without_need():
    concealer = Concealer(["sk-secret", "other"])
    assert concealer.feed(b"data: hello\n\n") == b"data: hello\n\n"
    assert concealer.feed(b"sk-sec") == b""
    assert concealer.feed(b"ond") == b"sk-second"


def test_only_what_is_known_goes_on():
    fields = [(b"Accept", b"a"), (b"X-Stainless-OS", b"b"), (b"X-Other", b"c"), (b"Acme-Beta", b"d"), (b"Cookie", b"e")]
    assert to_vendor(fields) == [("accept", "a"), ("x-stainless-os", "b")]
    assert to_vendor(fields, ("acme-*",)) == [("accept", "a"), ("x-stainless-os", "b"), ("acme-beta", "d")]
    assert to_vendor([*fields, (b"connection", b"close, Accept")]) == [("x-stainless-os", "b")]


@pytest.mark.parametrize("name", PRIVATE.split())
def test_what_looks_like_a_credential_stays_even_if_all_may_go(name):
    assert all_harmless([(name.encode(), b"v")], None) == []


def test_other_fields_go_if_all_may():
    fields = [(b"x-custom", b"1"), (b"anthropic-beta", b"2"), (b"idempotency-key", b"3"), (b"x-copy", b"a KEY b")]
    assert [name for name, _ in all_harmless(fields, "KEY")] == ["x-custom", "anthropic-beta", "idempotency-key"]


def test_what_comes_back():
    headers = Headers([("A", "1"), ("content-length", "3"), ("connection", "x-y"), ("x-y", "2"), ("b", "the SECRET")])
    assert to_client(headers, ["SECRET"], keeps_length=True) == [(b"a", b"1"), (b"content-length", b"3")]
    assert to_client(headers, [], keeps_length=False) == [(b"a", b"1"), (b"b", b"the SECRET")]


def test_models_in_a_body():
    body = {
        "model": "a",
        "models": ["b", "a", 7],
        "messages": [{"model": "talked about"}],
        "tools": [{"type": "x", "model": "c", "input_schema": {"properties": {"model": {"type": "string"}}}}],
        "requests": [{"params": {"model": "d", "prompt": {"model": "talked about"}}}],
    }
    assert set(models_in(body)) == {"a", "b", "c", "d"}
    assert models_in(None) == ()
    assert not Named().only


def test_a_request_gets_the_rows_fields_in_place_of_the_clients():
    request = PassThrough("GET", "/x", "a=1", [("accept", "a"), ("x-key", "theirs")], b"body", 4)
    built = request.to("https://acme.example/x?b=2", [("X-Key", "ours")])
    assert built.url == "https://acme.example/x?b=2&a=1"
    assert built.headers == [("accept", "a"), ("x-key", "ours")]
    assert (built.method, built.body, built.length) == ("GET", b"body", 4)


def test_every_text_is_shown():
    deep = []
    for _ in range(5000):
        deep = [deep]
    assert texts({"a": ["x", {"b": "y"}], "c": 1, "d": deep, "e": "z"}) == ["x", "y", "z"]
