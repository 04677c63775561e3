"""What watsonx.ai does otherwise than OpenAI."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tianji_core.api.errors import AuthenticationError, BadGatewayError, BadRequestError
from tianji_core.api.http import Headers, Media, UpstreamReply, UpstreamRequest
from tianji_core.api.provider import Body, ModelRequest, Operation
from tianji_provider_watsonx import Watsonx, WatsonxSettings

BASE = "https://eu-de.ml.cloud.ibm.com"


def watsonx(**settings: Any) -> Watsonx:
    return Watsonx(
        WatsonxSettings.model_validate({"api_base": BASE, "api_key": "ibm-key", "project_id": "p", **settings})
    )


def build(operation: Operation = "chat", model: str = "ibm/granite", *, stream: bool = False, **members: Any) -> Any:
    provider = watsonx(**members.pop("settings", {}))
    body = {"model": model, **({"messages": []} if operation == "chat" else {}), **members}
    return provider.build_request(ModelRequest(operation, model, body, stream))


def sent(*args: Any, **members: Any) -> Any:
    return json.loads(build(*args, **members).body)


class FakeIAM:
    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.requests: list[UpstreamRequest] = []

    async def fetch(self, request: UpstreamRequest, *, timeout: float = 60.0, limit: int = 0) -> UpstreamReply:
        self.requests.append(request)
        body = {"access_token": "t", "expires_in": 3600}
        if self.status != 200:
            body = {"errorCode": "BXNIM0415E", "errorMessage": "Provided API key could not be found."}
        return UpstreamReply(self.status, Headers(), json.dumps(body).encode())

    async def download(self, url: str, *, limit: int = 0) -> Media:
        raise AssertionError


def test_a_key_is_changed_for_a_token() -> None:
    provider, iam = watsonx(iam_url="https://iam.test/token"), FakeIAM()
    request = ModelRequest("chat", "m", {"model": "m", "messages": []})

    async def calls() -> UpstreamRequest:
        await provider.authorize(provider.build_request(request), iam)
        return await provider.authorize(provider.build_request(request), iam)

    assert ("authorization", "Bearer t") in asyncio.run(calls()).headers
    (asked,) = iam.requests
    assert asked.url == "https://iam.test/token"
    assert asked.body == b"grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey=ibm-key"
    fresh = watsonx()
    with pytest.raises(AuthenticationError, match="could not be found"):
        asyncio.run(fresh.authorize(fresh.build_request(request), FakeIAM(400)))


@pytest.mark.parametrize(
    ("settings", "authorization"),
    [
        ({"token": "t1"}, "Bearer t1"),
        ({"zen_api_key": "z"}, "ZenApiKey z"),
        ({"api_key": None, "environ": {"WATSONX_TOKEN": "t2"}}, "Bearer t2"),
        ({"api_key": None, "environ": {"WATSONX_ZENAPIKEY": "z2"}}, "ZenApiKey z2"),
        ({"extra_headers": {"Authorization": "Basic x"}}, "Basic x"),
    ],
)
def test_other_credentials(settings: Body, authorization: str) -> None:
    built = build(settings=settings)
    assert [value for name, value in built.headers if name == "authorization"] == [authorization]
    assert asyncio.run(watsonx(**settings).authorize(built, FakeIAM())) is built


@pytest.mark.parametrize("name", ["WATSONX_APIKEY", "WATSONX_API_KEY", "WX_API_KEY"])
def test_keys_of_the_environment(name: str) -> None:
    assert watsonx(api_key=None, environ={name: "e"}).api_key == "e"


def test_without_any() -> None:
    with pytest.raises(AuthenticationError, match="WATSONX_APIKEY"):
        build(settings={"api_key": None})


@pytest.mark.parametrize(
    ("settings", "ids"),
    [
        ({}, {"project_id": "p"}),
        ({"project_id": None, "space_id": "s"}, {"space_id": "s"}),
        ({"project_id": None, "space_id": "s", "environ": {"WATSONX_PROJECT_ID": "e"}}, {"space_id": "s"}),
        ({"project_id": None, "environ": {"WX_PROJECT_ID": "e", "WX_SPACE_ID": "f"}}, {"project_id": "e"}),
        ({"project_id": None, "environ": {"WATSONX_DEPLOYMENT_SPACE_ID": "f"}}, {"space_id": "f"}),
        ({"project_id": None}, {}),
    ],
)
def test_who_is_billed(settings: Body, ids: Body) -> None:
    assert sent(settings=settings) == {"model_id": "ibm/granite", "messages": [], **ids}


@pytest.mark.parametrize(
    ("model", "stream", "settings", "url"),
    [
        ("m", False, {}, f"{BASE}/ml/v1/text/chat?version=2024-03-13"),
        ("m", True, {"api_version": "2025-02-06"}, f"{BASE}/ml/v1/text/chat_stream?version=2025-02-06"),
        ("m", False, {"api_base": f"{BASE}/ml/v1/"}, f"{BASE}/ml/v1/text/chat?version=2024-03-13"),
        ("deployment/d-1", False, {}, f"{BASE}/ml/v1/deployments/d-1/text/chat?version=2024-03-13"),
        ("deployment/d-1", True, {}, f"{BASE}/ml/v1/deployments/d-1/text/chat_stream?version=2024-03-13"),
    ],
)
def test_addresses(model: str, stream: bool, settings: Body, url: str) -> None:
    assert build("chat", model, stream=stream, settings=settings).url == url


def test_deployments() -> None:
    assert sent("chat", "deployment/d-1", temperature=0) == {"messages": [], "temperature": 0}
    with pytest.raises(BadRequestError):
        build("chat", "deployment/../x")


def test_how_tools_are_chosen() -> None:
    named = {"type": "function", "function": {"name": "f"}}
    assert sent(tool_choice="required") == {
        "model_id": "ibm/granite",
        "project_id": "p",
        "messages": [],
        "tool_choice_option": "required",
    }
    assert sent(tool_choice=named)["tool_choice"] == named


def test_texts_to_embed_and_rerank() -> None:
    body = sent("embeddings", input=["a"], parameters={"truncate_input_tokens": 9})
    assert body == {
        "model_id": "ibm/granite",
        "project_id": "p",
        "inputs": ["a"],
        "parameters": {"truncate_input_tokens": 9},
    }
    body = sent("rerank", query="q", documents=["a", {"text": "b"}], top_n=1, parameters={"truncate_input_tokens": 9})
    assert body["inputs"] == [{"text": "a"}, {"text": "b"}]
    assert body["parameters"] == {"return_options": {"top_n": 1}, "truncate_input_tokens": 9}


def test_documents_come_back_if_wanted() -> None:
    body: Body = {"query": "q", "documents": ["a", "b"], "return_documents": True}
    reply = UpstreamReply(
        200, Headers(), b'{"results": [{"index": 1, "score": 0.5}, {"index": 0, "score": 0, "input": {"text": "A"}}]}'
    )
    found = watsonx().parse_response(ModelRequest("rerank", "m", body), reply)
    assert isinstance(found, dict)
    assert [each["document"] for each in found["results"]] == [{"text": "b"}, {"text": "A"}]


@pytest.mark.parametrize("operation", ["embeddings", "rerank"])
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"results": {}}'])
def test_answers_without_sense(operation: Operation, body: bytes) -> None:
    with pytest.raises(BadGatewayError):
        watsonx().parse_response(ModelRequest(operation, "m", {"documents": []}), UpstreamReply(200, Headers(), body))
