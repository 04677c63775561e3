"""The base of OpenAI-shaped vendors."""

from __future__ import annotations

import json
from typing import ClassVar

import pytest

from tianji_core.api.errors import AuthenticationError, BadGatewayError, RateLimitError, UnsupportedCapabilityError
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


def test_an_error_with_status_200_tells_its_status():
    reply = UpstreamReply(200, Headers(), b'{"error": {"message": "slow down", "code": 429}}')
    with pytest.raises(RateLimitError):
        acme().parse_response(request(), reply)


def test_a_base_may_name_the_operation():
    provider = acme(api_key="k", api_base="http://e/v2/embeddings")
    assert provider.build_request(request(operation="embeddings")).url == "http://e/v2/embeddings"
    assert provider.build_request(request()).url == "http://e/v2/embeddings/chat/completions"


def test_parameters_under_other_names():
    class Renaming(Acme):
        renamed_params: ClassVar = {"max_completion_tokens": "max_tokens"}

    body = {"messages": [], "max_tokens": 1, "max_completion_tokens": 2}
    built = Renaming(ProviderSettings(api_key="k")).build_request(request(body=body))
    assert json.loads(built.body) == {"messages": [], "max_tokens": 2}


def test_other_credentials_than_a_key():
    class Trusting(Acme):
        def has_credential(self):
            return True

    assert Trusting(ProviderSettings()).build_request(request()).headers == [("content-type", "application/json")]


def test_rerank_answers_are_levelled():
    reply = UpstreamReply(200, Headers(), b'{"object": "list", "data": [{"index": 3, "score": 0.5}]}')
    wanted = {"results": [{"index": 3, "relevance_score": 0.5}]}
    assert acme().parse_response(request(operation="rerank"), reply) == wanted
    with pytest.raises(BadGatewayError):
        acme().parse_response(request(operation="rerank"), UpstreamReply(200, Headers(), b"{}"))
