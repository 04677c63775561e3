"""The base of OpenAI-shaped vendors."""

from __future__ import annotations

import json

import pytest

from tianji_core.api.errors import AuthenticationError, BadGatewayError, UnsupportedCapabilityError
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.api.provider import ModelRequest, ProviderSettings
from tianji_core.openai_compat import OpenAICompatible


class Acme(OpenAICompatible):
    name = "acme"
    default_base = "https://api.acme.test/v1/"
    api_key_env = ("ACME_KEY", "ACME_API_KEY")
    api_base_env = ("ACME_BASE",)
    unsupported_params = frozenset({"seed"})


def acme(**settings):
    return Acme(ProviderSettings(**settings))


def request(**named):
    return ModelRequest(**{"operation": "chat", "model": "m", "body": {"model": "m", "messages": []}, **named})


def test_requests():
    built = acme(api_key="k", extra_headers={"X-Tenant": "t"}).build_request(request(headers={"x-beta": "b"}))
    assert (built.method, built.url) == ("POST", "https://api.acme.test/v1/chat/completions")
    assert built.headers == [
        ("content-type", "application/json"),
        ("authorization", "Bearer k"),
        ("x-tenant", "t"),
        ("x-beta", "b"),
    ]
    assert json.loads(built.body) == {"model": "m", "messages": []}
    assert "k" not in repr(built).replace("acme", "").split("(")[0]
    assert acme(api_key="k").build_request(request(operation="embeddings")).url.endswith("/v1/embeddings")


def test_where_key_and_address_come_from():
    assert acme(environ={"ACME_API_KEY": "b", "ACME_KEY": "a"}).api_key == "a"
    assert acme(environ={"ACME_API_KEY": "b", "ACME_KEY": ""}).api_key == "b"
    assert acme(api_key="c", environ={"ACME_KEY": "a"}).api_key == "c"
    assert acme(environ={"ACME_BASE": "http://e/"}).api_base == "http://e"
    assert acme(api_base="http://s", environ={"ACME_BASE": "http://e"}).api_base == "http://s"


def test_what_is_missing():
    with pytest.raises(AuthenticationError, match="ACME_KEY or ACME_API_KEY"):
        acme().build_request(request())
    with pytest.raises(UnsupportedCapabilityError):
        acme(api_key="k").build_request(request(operation="completions"))

    class Homeless(Acme):
        default_base = None

    with pytest.raises(ValueError, match="ACME_BASE"):
        Homeless(ProviderSettings())


def test_parameters():
    params = acme().supported_params("m", "chat")
    assert "seed" not in params
    assert "temperature" in params


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b"null", b"5"])
def test_answers_without_sense(body):
    with pytest.raises(BadGatewayError):
        acme().parse_response(request(), UpstreamReply(200, Headers(), body))


def test_an_error_with_status_200():
    with pytest.raises(Exception, match="nope"):
        acme().parse_response(request(), UpstreamReply(200, Headers(), b'{"error": {"message": "nope"}}'))
    body = b'{"error": null, "choices": []}'
    assert acme().parse_response(request(), UpstreamReply(200, Headers(), body))["choices"] == []
