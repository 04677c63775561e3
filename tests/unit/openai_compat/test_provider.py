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


class Odd(Acme):
    lacking: ClassVar = {"speech": frozenset({"speed"})}
    ignored_params = frozenset({"user"})
    renamed_params: ClassVar = {"max_completion_tokens": "max_tokens"}
    renamed_values: ClassVar = {"reasoning_effort": {"minimal": "low"}}
    plain_models = "llama"
    think_models = "r1"
    text_as_string = True
    reasoning_back = "reasoning"
    finish_reasons: ClassVar = {"eos": "stop"}
    capabilities = OpenAICompatible.capabilities.lacking("json_schema").having(operations=("speech",))


def sent(provider, **members):
    body = {"model": "m", "messages": [], **members}
    return json.loads(provider.build_request(request(body=body, drop_params=bool(members.pop("drop", False)))).body)


def test_parameters_that_only_some_operations_or_models_lack():
    odd = Odd(ProviderSettings(api_key="k"))
    assert "speed" not in odd.supported_params("m", "speech")
    assert "speed" in acme(api_key="k").supported_params("m", "speech")
    assert "reasoning_effort" in odd.supported_params("r1", "chat")
    assert "reasoning_effort" not in odd.supported_params("Llama-3", "chat")


def test_words_under_other_names():
    odd = Odd(ProviderSettings(api_key="k"))
    body = sent(odd, max_completion_tokens=5, reasoning_effort="minimal", user="u", top_k=1)
    assert body == {"model": "m", "messages": [], "max_tokens": 5, "reasoning_effort": "low", "top_k": 1}


def test_messages_as_the_vendor_takes_them():
    odd = Odd(ProviderSettings(api_key="k"))
    picture = {"type": "image_url", "image_url": {"url": "https://a.test/b.png"}}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "a, "}, {"type": "text", "text": "b"}]},
        {"role": "user", "content": [{"type": "text", "text": "c"}, picture]},
        {"role": "assistant", "content": "d", "reasoning_content": "because"},
    ]
    assert sent(odd, messages=messages)["messages"] == [
        {"role": "user", "content": "a, b"},
        messages[1],
        {"role": "assistant", "content": "d", "reasoning": "because"},
    ]


def test_an_answer_of_a_model_that_thinks_aloud():
    odd = Odd(ProviderSettings(api_key="k"))
    choice = {"message": {"role": "assistant", "content": "<think>a</think>b"}, "finish_reason": "eos"}
    reply = UpstreamReply(200, Headers(), json.dumps({"choices": [choice]}).encode())
    assert odd.parse_response(request(model="R1"), reply)["choices"][0] == {
        "message": {"role": "assistant", "content": "b", "reasoning_content": "a"},
        "finish_reason": "stop",
    }
    assert odd.parse_response(request(), reply)["choices"][0]["message"]["content"] == "<think>a</think>b"
    chunks = odd.stream_decoder(request(model="R1", stream=True)).feed(
        b'data: {"choices": [{"index": 0, "delta": {"content": "<think>a"}}]}\n\n'
    )
    assert chunks[0]["choices"][0]["delta"] == {"content": "", "reasoning_content": "a"}
