"""What is Azure's own: addresses, versions, credentials, schemas by a tool, the filter."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji_core.api.errors import BadRequestError, ContentPolicyViolationError, UnsupportedParamsError
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.api.provider import ModelRequest, StoredRequest
from tianji_core.testing import Answer
from tianji_core.testing.openai_samples import chat_chunks, sse
from tianji_core.translate.chunks import merge_chunks
from tianji_provider_azure import Azure, AzureSettings
from tianji_provider_azure.address import address_of

HOST = "https://res.openai.azure.com"
OLD = "2024-02-01"
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}


def azure(**settings: Any) -> Azure:
    given = {"api_base": HOST, "api_key": "k", "api_version": "2024-10-21", "environ": {}}
    return Azure(AzureSettings.model_validate({**given, **settings}))


def ask(model: str = "dep", **body: Any) -> ModelRequest:
    return ModelRequest("chat", model, {"model": model, "messages": [{"role": "user", "content": "Hi"}], **body})


def sent(provider: Azure, request: ModelRequest) -> Any:
    data = provider.build_request(request).body
    assert isinstance(data, bytes)
    return json.loads(data)


@pytest.mark.parametrize(
    ("base", "version", "url"),
    [
        (HOST, "2024-10-21", f"{HOST}/openai/deployments/d/chat/completions?api-version=2024-10-21"),
        (HOST, None, f"{HOST}/openai/deployments/d/chat/completions?api-version=2025-02-01-preview"),
        (f"{HOST}/openai/", "2024-10-21", f"{HOST}/openai/deployments/d/chat/completions?api-version=2024-10-21"),
        (
            f"{HOST}/openai/deployments/other",
            "2024-10-21",
            f"{HOST}/openai/deployments/other/chat/completions?api-version=2024-10-21",
        ),
        (
            f"{HOST}/openai/deployments/other/chat/completions?api-version=2024-06-01&a=b",
            "2024-10-21",
            f"{HOST}/openai/deployments/other/chat/completions?a=b&api-version=2024-06-01",
        ),
        (HOST, "v1", f"{HOST}/openai/v1/chat/completions"),
        (HOST, "latest", f"{HOST}/openai/v1/chat/completions"),
        (HOST, "preview", f"{HOST}/openai/v1/chat/completions?api-version=preview"),
        (f"{HOST}/openai/v1/", "2024-10-21", f"{HOST}/openai/v1/chat/completions"),
        (f"{HOST}/openai/v1/chat/completions", None, f"{HOST}/openai/v1/chat/completions"),
        (
            "https://gateway.ai.cloudflare.com/v1/acct/gw/azure-openai/res",
            "2024-10-21",
            "https://gateway.ai.cloudflare.com/v1/acct/gw/azure-openai/res/d/chat/completions?api-version=2024-10-21",
        ),
    ],
)
def test_addresses(base: str, version: str | None, url: str) -> None:
    assert address_of(base, version).url("d", "/chat/completions") == url


@pytest.mark.parametrize("model", ["", ".", ".."])
def test_what_can_be_no_deployment(model: str) -> None:
    with pytest.raises(BadRequestError):
        azure().build_request(ask(model))


def test_the_version_comes_from_the_environment() -> None:
    provider = azure(api_version=None, environ={"OPENAI_API_VERSION": "2024-06-01"})
    assert provider.build_request(ask()).url.endswith("?api-version=2024-06-01")


def test_hints_at_the_model() -> None:
    hinted = ask("o_series/dep", max_tokens=5)
    provider = azure()
    assert "/deployments/dep/" in provider.build_request(hinted).url
    body = sent(provider, ask("gpt5_series/dep", max_tokens=5))
    assert (body["model"], body["max_completion_tokens"]) == ("dep", 5)
    assert sent(azure(base_model="azure/o3-mini"), ask(max_tokens=5))["max_completion_tokens"] == 5
    assert sent(provider, ask(max_tokens=5))["max_tokens"] == 5


@pytest.mark.parametrize(
    ("version", "lacks"),
    [
        ("2023-05-15", {"tool_choice", "stream_options", "service_tier"}),
        (OLD, {"stream_options", "service_tier"}),
        ("2024-10-21", {"service_tier"}),
        ("v1", set()),
    ],
)
def test_what_versions_lack(version: str, lacks: set[str]) -> None:
    supported = azure(api_version=version).supported_params("gpt-4o", "chat")
    assert supported is not None
    assert {"tool_choice", "stream_options", "service_tier"} - supported == lacks


def test_a_tool_that_has_to_be_called_needs_a_later_version() -> None:
    with pytest.raises(UnsupportedParamsError):
        azure(api_version=OLD).build_request(ask(tools=[TOOL], tool_choice="required"))
    request = ask(tools=[TOOL], tool_choice="required")
    request.drop_params = True
    assert "tool_choice" not in sent(azure(api_version=OLD), request)
    assert sent(azure(), ask(tools=[TOOL], tool_choice="required"))["tool_choice"] == "required"


def test_images_are_asked_for_without_the_model() -> None:
    request = ModelRequest("images", "dall-e-3", {"model": "dall-e-3", "prompt": "a fox"})
    assert sent(azure(), request) == {"prompt": "a fox"}
    request = ModelRequest("images", "dall-e-3", {"model": "dall-e-3", "prompt": "a fox"})
    assert sent(azure(api_version="v1"), request)["model"] == "dall-e-3"


# -- schemas ---------------------------------------------------------------------------------------------------


def by_tool(**body: Any) -> tuple[Azure, ModelRequest, Any]:
    provider, request = azure(api_version=OLD), ask(response_format=FORMAT, **body)
    return provider, request, sent(provider, request)


def test_a_schema_is_asked_for_by_a_tool() -> None:
    _, _, body = by_tool()
    assert "response_format" not in body
    assert body["tools"] == [{"type": "function", "function": {"name": "json_tool_call", "parameters": SCHEMA}}]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "json_tool_call"}}
    _, _, body = by_tool(tools=[TOOL])
    assert [tool["function"]["name"] for tool in body["tools"]] == ["f", "json_tool_call"]
    assert body["tool_choice"] == "required"
    assert sent(azure(), ask("gpt-35-turbo", response_format=FORMAT))["tool_choice"]
    assert sent(azure(), ask(response_format=FORMAT))["response_format"] == FORMAT


def call(name: str, arguments: str, index: int = 0) -> dict[str, Any]:
    return {"index": index, "id": f"c{index}", "type": "function", "function": {"name": name, "arguments": arguments}}


def test_the_call_comes_back_as_text() -> None:
    provider, request, _ = by_tool()
    message = {"role": "assistant", "content": None, "tool_calls": [call("json_tool_call", '{"name":"Ana"}')]}
    answer = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    reply = UpstreamReply(200, Headers(), json.dumps(answer).encode())
    parsed = provider.parse_response(request, reply)
    assert isinstance(parsed, dict)
    assert parsed["choices"][0] == {
        "index": 0,
        "message": {"role": "assistant", "content": '{"name":"Ana"}'},
        "finish_reason": "stop",
    }


def test_the_call_comes_back_as_text_in_a_stream() -> None:
    provider, request, _ = by_tool()
    request.stream = True
    assert not provider.relays_stream(request)
    decoder = provider.stream_decoder(request)
    more = {"tool_calls": [{"index": 0, "function": {"arguments": '"Ana"}'}}]}
    data = sse(*chat_chunks({"tool_calls": [call("json_tool_call", '{"name":')]}, more, finish="tool_calls"))
    merged = merge_chunks(decoder.feed(data))
    assert decoder.complete
    assert merged["choices"][0]["message"]["content"] == '{"name":"Ana"}'
    assert merged["choices"][0]["finish_reason"] == "stop"
    assert "tool_calls" not in merged["choices"][0]["message"]


def test_a_gateway_lets_the_stream_through_the_decoder(tianji_gateway: Any, fake_upstream: Any) -> None:
    calls = {"tool_calls": [call("json_tool_call", '{"name":"Ana"}')]}
    fake_upstream.answer(Answer.sse(*chat_chunks(calls, finish="tool_calls")))
    params = {"model": "azure/dep", "api_key": "k", "api_base": fake_upstream.base, "api_version": OLD}
    config = {"model_list": [{"model_name": "m", "litellm_params": params}]}

    async def main() -> list[Any]:
        async with tianji_gateway(config) as gateway:
            messages = [{"role": "user", "content": "Hi"}]
            return [chunk async for chunk in gateway.stream(model="m", messages=messages, response_format=FORMAT)]

    merged = merge_chunks(asyncio.run(main()))
    assert merged["choices"][0]["message"]["content"] == '{"name":"Ana"}'
    assert merged["choices"][0]["finish_reason"] == "stop"


def test_the_callers_own_tools_stay_calls() -> None:
    provider, request, _ = by_tool(tools=[TOOL])
    decoder = provider.stream_decoder(request)
    merged = merge_chunks(decoder.feed(sse(*chat_chunks({"tool_calls": [call("f", "{}")]}, finish="tool_calls"))))
    assert merged["choices"][0]["finish_reason"] == "tool_calls"
    assert merged["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "f"


@given(st.binary(max_size=400), st.integers(0, 2000))
def test_a_stream_of_anything_raises_nothing(junk: bytes, at: int) -> None:
    provider, request, _ = by_tool()
    data = sse(*chat_chunks({"tool_calls": [call("json_tool_call", '{"a":1}')]}, finish="tool_calls"))
    decoder = provider.stream_decoder(request)
    decoder.feed(data[: at % len(data)] + junk)
    decoder.finish()


# -- filter, credentials ---------------------------------------------------------------------------------------


def test_what_the_filter_found_is_told() -> None:
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"hate": {"filtered": True}}}
    body = {"error": {"message": "No.", "code": "BadRequest", "innererror": inner}}
    error = azure().parse_error(400, Headers(), json.dumps(body).encode())
    assert isinstance(error, ContentPolicyViolationError)
    assert error.detail is not None
    assert error.detail["innererror"] == inner


def test_the_first_chunk_of_a_stream_says_what_it_is() -> None:
    chunk = {"id": "", "object": "", "choices": [], "prompt_filter_results": []}
    azure().patch_chunk(chunk)
    assert chunk["object"] == "chat.completion.chunk"


class FakeNetwork:
    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def fetch(self, request: Any, *, timeout: float = 60.0, limit: int = 0) -> UpstreamReply:
        self.bodies.append(request.body)
        return UpstreamReply(200, Headers(), b'{"access_token": "t", "expires_in": 3600}')

    async def download(self, url: str, *, limit: int = 0) -> Any:
        raise AssertionError(url)


def headers_of(provider: Azure, network: FakeNetwork) -> dict[str, str]:
    request = asyncio.run(provider.authorize(provider.build_request(ask()), network))
    return dict(request.headers)


def test_a_key_needs_no_network() -> None:
    network = FakeNetwork()
    assert headers_of(azure(), network)["api-key"] == "k"
    assert not network.bodies


def test_a_token_is_sent_as_it_is() -> None:
    headers = headers_of(azure(api_key=None, azure_ad_token="ready"), FakeNetwork())
    assert headers["authorization"] == "Bearer ready"
    assert "api-key" not in headers


def test_a_token_is_fetched_once() -> None:
    network = FakeNetwork()
    provider = azure(api_key=None, tenant_id="ten", client_id="me", client_secret="s")
    assert headers_of(provider, network)["authorization"] == "Bearer t"
    assert headers_of(provider, network)["authorization"] == "Bearer t"
    assert len(network.bodies) == 1


def test_the_rows_credential_wins_over_the_environments_key() -> None:
    environ = {"AZURE_API_KEY": "env"}
    assert headers_of(azure(api_key=None, environ=environ), FakeNetwork())["api-key"] == "env"
    headers = headers_of(azure(api_key=None, environ=environ, azure_ad_token="row"), FakeNetwork())
    assert headers["authorization"] == "Bearer row"
    assert "api-key" not in headers


@pytest.mark.parametrize(
    ("base", "version", "url"),
    [
        (HOST, "2025-04-01-preview", f"{HOST}/openai/responses?api-version=2025-04-01-preview"),
        (f"{HOST}/openai/deployments/dep", "2025-04-01", f"{HOST}/openai/responses?api-version=2025-04-01"),
        (HOST, "v1", f"{HOST}/openai/v1/responses"),
        (HOST, "preview", f"{HOST}/openai/v1/responses?api-version=preview"),
        (f"{HOST}/openai/v1/", None, f"{HOST}/openai/v1/responses"),
    ],
)
def test_responses_belong_to_the_resource(base: str, version: str | None, url: str) -> None:
    provider = azure(api_base=base, api_version=version)
    request = ask("responses/o_series/dep")
    built = provider.build_request(request)
    assert built.url == url
    assert sent(provider, ask("responses/o_series/dep"))["model"] == "dep"
    native = provider.build_native("responses", ModelRequest("chat", "o_series/dep", {"model": "x", "input": "Hi"}))
    assert (native.url, native.body) == (url, b'{"model":"dep","input":"Hi"}')


def test_answers_that_are_kept_belong_to_the_resource() -> None:
    kept = StoredRequest("GET", ("resp_1",), (("stream", "true"),))
    dated = azure(api_base=HOST, api_version="2025-04-01-preview").build_stored("responses", kept)
    assert dated.url == f"{HOST}/openai/responses/resp_1?api-version=2025-04-01-preview&stream=true"
    assert azure(api_base=HOST, api_version="v1").build_stored("responses", kept).url == (
        f"{HOST}/openai/v1/responses/resp_1?stream=true"
    )


def test_which_models_are_served_by_responses() -> None:
    assert "/responses" in azure(base_model="gpt-5-codex").build_request(ask()).url
    assert "/responses" in azure(mode="responses").build_request(ask()).url
    assert "/responses" not in azure().build_request(ask()).url
    messages = ask()
    messages.dialect = "messages"
    assert "/chat/completions" in azure().build_request(messages).url


def test_an_answer_of_responses() -> None:
    output = [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}]
    body = json.dumps({"id": "r", "status": "completed", "output": output}).encode()
    answer = azure(mode="responses").parse_response(ask(), UpstreamReply(200, Headers(), body))
    assert isinstance(answer, dict)
    assert answer["choices"][0]["message"]["content"] == "Hi"


WSS = "wss://res.openai.azure.com"


@pytest.mark.parametrize(
    ("base", "version", "url"),
    [
        (HOST, "2025-04-01-preview", f"{WSS}/openai/realtime?api-version=2025-04-01-preview&deployment=dep+1"),
        (
            f"{HOST}/openai/deployments/other",
            "2025-04-01-preview",
            f"{WSS}/openai/realtime?api-version=2025-04-01-preview&deployment=other",
        ),
        (HOST, "v1", f"{WSS}/openai/v1/realtime?model=dep+1"),
        (f"{HOST}/openai/v1/", None, f"{WSS}/openai/v1/realtime?model=dep+1"),
        (HOST, "preview", f"{WSS}/openai/v1/realtime?api-version=preview&model=dep+1"),
        ("http://127.0.0.1:9/openai/v1/realtime", None, "ws://127.0.0.1:9/openai/v1/realtime?model=dep+1"),
    ],
)
def test_where_sessions_are_opened(base: str, version: str | None, url: str) -> None:
    request = ModelRequest("realtime", "o_series/dep 1", {"model": "o_series/dep 1"}, True)
    opening = azure(api_base=base, api_version=version).build_realtime(request)
    assert (opening.method, opening.url) == ("GET", url)
    assert dict(opening.headers) == {"api-key": "k"}


def test_sessions_that_transcribe_name_no_deployment() -> None:
    request = ModelRequest("realtime", "dep", {"model": "dep", "intent": "transcription"}, True)
    dated = azure().build_realtime(request).url
    assert dated == f"{WSS}/openai/realtime?api-version=2024-10-21&intent=transcription"
    assert azure(api_version="v1").build_realtime(request).url == f"{WSS}/openai/v1/realtime?intent=transcription"


def test_a_session_is_opened_with_a_token_too() -> None:
    provider = azure(api_key=None, azure_ad_token="tok")
    opening = provider.build_realtime(ModelRequest("realtime", "dep", {"model": "dep"}, True))
    authorized = asyncio.run(provider.authorize(opening, FakeNetwork()))
    assert dict(authorized.headers) == {"authorization": "Bearer tok"}
