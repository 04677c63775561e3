"""Which model is asked where, and what is Vertex AI's own in it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tianji_core.api.errors import (
    AuthenticationError,
    BadGatewayError,
    BadRequestError,
    ContextWindowExceededError,
    OverloadedError,
    RateLimitError,
    UnsupportedCapabilityError,
)
from tianji_core.api.http import Headers, Media, UpstreamReply, UpstreamRequest
from tianji_core.api.provider import ModelRequest, Operation
from tianji_provider_vertex_ai import VertexProvider, VertexSettings
from tianji_provider_vertex_ai.places import Place, host_of

USER = {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}
IN = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1"


def provider(environ: dict[str, str] | None = None, **settings: Any) -> VertexProvider:
    given = {"vertex_project": "p", "vertex_credentials": USER, **settings, "environ": environ or {}}
    return VertexProvider(VertexSettings.model_validate(given))


def request(model: str, operation: Operation = "chat", *, stream: bool = False, **body: Any) -> ModelRequest:
    content = {"messages": [{"role": "user", "content": "Hi"}]} if operation == "chat" else {}
    return ModelRequest(operation, model, {"model": model, **content, **body}, stream)


def sent(built: UpstreamRequest) -> Any:
    assert isinstance(built.body, bytes)
    return json.loads(built.body)


# -- places ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("global", "https://aiplatform.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
        ("europe-west4", "https://europe-west4-aiplatform.googleapis.com"),
    ],
)
def test_hosts(location: str, host: str) -> None:
    assert host_of(location) == host


@pytest.mark.parametrize("location", ["evil.example/", "a b", "", "us-central1@evil.example"])
def test_a_location_cannot_lead_elsewhere(location: str) -> None:
    with pytest.raises(ValueError, match="location"):
        host_of(location)


def test_versions_in_a_base_are_not_doubled() -> None:
    for base in ("https://proxy.example", "https://proxy.example/v1"):
        assert Place("global", "p", base).url("x").startswith("https://proxy.example/v1/projects/p/")


def test_a_base_up_to_the_location() -> None:
    base = "https://gateway.example/google-vertex-ai/v1/projects/q/locations/l"
    made = provider(api_base=base, vertex_project=None)
    assert made.build_request(request("gemini-2.5-flash")).url == (
        f"{base}/publishers/google/models/gemini-2.5-flash:generateContent"
    )
    assert made.build_request(request("zai-org/glm-5-maas")).url == f"{base}/endpoints/openapi/chat/completions"


@pytest.mark.parametrize(
    ("base", "model", "url"),
    [
        ("publishers/google/models/g", "gemini-2.5-flash", "publishers/google/models/g:streamGenerateContent?alt=sse"),
        ("endpoints/7:generateContent", "7", "endpoints/7:streamGenerateContent?alt=sse"),
        ("endpoints/7", "openai/7", "endpoints/7/chat/completions"),
        ("endpoints/7/chat/completions", "openai/7", "endpoints/7/chat/completions"),
        ("endpoints/7:predict", "gemma/gemma-3-12b", "endpoints/7:predict"),
        ("endpoints/7", "gemma/gemma-3-12b", "endpoints/7:predict"),
    ],
)
def test_a_base_up_to_the_model(base: str, model: str, url: str) -> None:
    root = "https://7.us-central1-1.prediction.vertexai.goog/v1/projects/p/locations/us-central1"
    assert provider(api_base=f"{root}/{base}").build_request(request(model, stream=True)).url == f"{root}/{url}"


@pytest.mark.parametrize(
    ("model", "location"),
    [
        ("gemini-3-pro-preview", "global"),
        ("zai-org/glm-4.7-maas", "global"),
        ("gemini-2.5-flash", "us-central1"),
        ("gemini-embedding-001", "us-central1"),
        ("meta/llama-4-scout-maas", "us-central1"),
    ],
)
def test_where_a_model_is_if_nobody_says(model: str, location: str) -> None:
    assert f"/locations/{location}/" in provider(model=model).build_request(request(model)).url
    there = provider(model=model, vertex_location="europe-west1").build_request(request(model))
    assert "/locations/europe-west1/" in there.url


def test_the_longer_names_of_the_settings() -> None:
    given = {"vertex_ai_project": "q", "vertex_ai_location": "eu", "vertex_ai_credentials": USER, "api_key": "unused"}
    built = VertexProvider(VertexSettings.model_validate(given)).build_request(request("gemini-2.5-flash"))
    assert built.url.startswith("https://aiplatform.eu.rep.googleapis.com/v1/projects/q/locations/eu/")
    assert "x-goog-api-key" not in dict(built.headers)


def test_an_endpoint_that_is_no_number() -> None:
    made = provider(use_psc_endpoint_format=True, api_base="http://10.96.32.8")
    assert made.build_request(request("gemini/mg-endpoint-1")).url == (
        "http://10.96.32.8/v1/projects/p/locations/us-central1/endpoints/mg-endpoint-1:generateContent"
    )


def test_places_from_the_environment() -> None:
    environ = {"VERTEX_LOCATION": "global", "VERTEXAI_API_BASE": "https://proxy.example"}
    url = provider(environ).build_request(request("gemini-2.5-flash")).url
    assert url.startswith("https://proxy.example/v1/projects/p/locations/global/publishers/google/models/")


# -- which model is asked where --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "path", "streamed"),
    [
        (
            "gemini-2.5-flash",
            "publishers/google/models/gemini-2.5-flash:generateContent",
            "publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
        ),
        ("gemini/12345", "endpoints/12345:generateContent", "endpoints/12345:streamGenerateContent?alt=sse"),
        ("12345", "endpoints/12345:generateContent", "endpoints/12345:streamGenerateContent?alt=sse"),
        (
            "claude-sonnet-4-5@20250929",
            "publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict",
            "publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict?alt=sse",
        ),
        (
            "codestral-2501",
            "publishers/mistralai/models/codestral-2501:rawPredict",
            "publishers/mistralai/models/codestral-2501:streamRawPredict",
        ),
        ("meta/llama-4-scout-maas", "endpoints/openapi/chat/completions", "endpoints/openapi/chat/completions"),
        ("deepseek-ai/deepseek-v3.2-maas", "endpoints/openapi/chat/completions", "endpoints/openapi/chat/completions"),
        ("openai/gpt-oss-120b-maas", "endpoints/openapi/chat/completions", "endpoints/openapi/chat/completions"),
        ("google/gemma-3-27b-it-maas", "endpoints/openapi/chat/completions", "endpoints/openapi/chat/completions"),
        ("openai/12345", "endpoints/12345/chat/completions", "endpoints/12345/chat/completions"),
    ],
)
def test_addresses(model: str, path: str, streamed: str) -> None:
    made = provider()
    assert made.build_request(request(model)).url == f"{IN}/{path}"
    assert made.build_request(request(model, stream=True)).url == f"{IN}/{streamed}"


def test_ai21_is_still_a_preview() -> None:
    assert "/v1beta1/projects/p/" in provider().build_request(request("jamba-1.5-large")).url


def test_a_mistral_version_is_for_the_path_only() -> None:
    assert sent(provider().build_request(request("mistral-large@2411-001")))["model"] == "mistral-large"


def test_metadata_is_for_claude() -> None:
    made, metadata = provider(), {"user_id": "u"}
    assert sent(made.build_request(request("claude-haiku-4-5", metadata=metadata)))["metadata"] == metadata
    for model in ("gemini-2.5-flash", "meta/llama-4-scout-maas"):
        assert "metadata" not in sent(made.build_request(request(model, metadata=metadata)))


def test_claude_has_its_version_in_the_body_and_its_betas_in_the_head() -> None:
    made = provider(extra_headers={"anthropic-beta": "one"})
    asked = request("claude-haiku-4-5", tools=[{"type": "web_fetch_20250910", "name": "web_fetch"}])
    asked.headers = {"anthropic-beta": "context-1m-two,three"}
    built = made.build_request(asked)
    assert sent(built)["anthropic_version"] == "vertex-2023-10-16"
    assert "model" not in sent(built)
    betas = set(dict(built.headers)["anthropic-beta"].split(","))
    assert {"one", "context-1m-two"} <= betas
    assert "three" not in betas


def test_claude_answers_by_a_schema_through_a_tool() -> None:
    """Also the newer models, of which Google may have switched the vendor's own way off."""
    made = provider()
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    asked = request("claude-opus-4-6", response_format=wanted)
    body = sent(made.build_request(asked))
    assert "output_config" not in body
    assert body["tool_choice"] == {"name": "json_tool_call", "type": "tool"}
    block = {"type": "tool_use", "id": "1", "name": "json_tool_call", "input": {"a": 1}}
    message = {"id": "m", "type": "message", "role": "assistant", "content": [block], "stop_reason": "tool_use"}
    answer: Any = made.parse_response(asked, UpstreamReply(200, Headers(), json.dumps(message).encode()))
    assert answer["choices"][0]["message"]["content"] == '{"a":1}'
    assert answer["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("model", "has", "lacks"),
    [
        ("gemini-2.5-flash", "seed", "logit_bias"),
        ("claude-sonnet-4-5@20250929", "reasoning_effort", "seed"),
        ("meta/llama-4-scout-maas", "seed", "web_search_options"),
    ],
)
def test_parameters(model: str, has: str, lacks: str) -> None:
    found = provider().supported_params(model, "chat")
    assert found is not None
    assert has in found
    assert lacks not in found


def test_features() -> None:
    made = provider()
    assert "audio" not in made.features("claude-opus-4-6")
    assert "reasoning" not in made.features("gemini-2.0-flash")
    assert "tools" in made.features("meta/llama-4-scout-maas")


@pytest.mark.parametrize(
    ("model", "operation"),
    [("claude-opus-4-6", "images"), ("meta/llama-4-scout-maas", "images"), ("mistral-large", "embeddings")],
)
def test_what_a_publisher_does_not_do(model: str, operation: Operation) -> None:
    with pytest.raises(UnsupportedCapabilityError):
        provider().build_request(request(model, operation, prompt="a", input="a"))


# -- keys ------------------------------------------------------------------------------------------------------


def test_a_key_alone_needs_no_project() -> None:
    made = VertexProvider(VertexSettings(api_key="k"))
    built = made.build_request(request("gemini-2.5-flash"))
    assert built.url == "https://aiplatform.googleapis.com/v1/publishers/google/models/gemini-2.5-flash:generateContent"
    assert dict(built.headers)["x-goog-api-key"] == "k"
    with pytest.raises(AuthenticationError, match="project"):
        made.build_request(request("semantic-ranker-default@latest", "rerank", query="q", documents=["a"]))


def test_another_projects_quota() -> None:
    built = provider(vertex_credentials={**USER, "quota_project_id": "q"}).build_request(request("gemini-2.5-flash"))
    assert dict(built.headers)["x-goog-user-project"] == "q"


# -- embeddings ------------------------------------------------------------------------------------------------


def embed(model: str, **body: Any) -> Any:
    return sent(provider().build_request(request(model, "embeddings", **body)))


def test_texts_to_embed() -> None:
    assert embed("text-embedding-005", input=["a", "b"], dimensions=2, task_type="CLUSTERING", autoTruncate=False) == {
        "instances": [{"content": text, "task_type": "CLUSTERING"} for text in "ab"],
        "parameters": {"autoTruncate": False, "outputDimensionality": 2},
    }


def test_pictures_to_embed() -> None:
    given = ["a", "data:image/png;base64,aGk=", "gs://b/a.png", "gs://b/a.mp4"]
    assert embed("multimodalembedding@001", input=given, dimensions=128) == {
        "instances": [
            {"text": "a"},
            {"image": {"bytesBase64Encoded": "aGk=", "mimeType": "image/png"}},
            {"image": {"gcsUri": "gs://b/a.png"}},
            {"video": {"gcsUri": "gs://b/a.mp4"}},
        ],
        "parameters": {"dimension": 128},
    }


@pytest.mark.parametrize(("model", "member"), [("12345", "inputs"), ("bge/12345", "prompt")])
def test_endpoints_of_ones_own_that_embed(model: str, member: str) -> None:
    built = provider().build_request(request(model, "embeddings", input=["a", "b"]))
    assert built.url == f"{IN}/endpoints/12345:predict"
    assert sent(built)["instances"] == [{member: "a"}, {member: "b"}]
    for vector in ([0.5, 1.0], [[0.5, 1.0]]):
        found = read(model, {"predictions": [vector, vector]}, input=["a", "b"])
        assert [each["embedding"] for each in found["data"]] == [[0.5, 1.0]] * 2


def test_open_models_that_embed() -> None:
    built = provider().build_request(request("intfloat/multilingual-e5-small-maas", "embeddings", input=["a"]))
    assert built.url == f"{IN}/endpoints/openapi/embeddings"
    assert sent(built) == {"model": "intfloat/multilingual-e5-small-maas", "input": ["a"]}


def test_litellms_words_for_texts() -> None:
    body = embed("text-embedding-005", input="a", input_type="RETRIEVAL_QUERY", auto_truncate=False)
    assert body == {
        "instances": [{"content": "a", "task_type": "RETRIEVAL_QUERY"}],
        "parameters": {"autoTruncate": False},
    }


def test_newer_models_have_a_method_of_their_own() -> None:
    built = provider().build_request(request("gemini-embedding-2", "embeddings", input=["a"], dimensions=2))
    assert built.url == f"{IN}/publishers/google/models/gemini-embedding-2:embedContent"
    assert sent(built) == {"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 2}
    assert embed("gemini-embedding-2", input="gs://b/a.png", input_type="CLUSTERING", auto_truncate=True) == {
        "content": {"parts": [{"fileData": {"fileUri": "gs://b/a.png", "mimeType": "image/png"}}]},
        "taskType": "CLUSTERING",
        "autoTruncate": True,
    }


@pytest.mark.parametrize("model", ["text-embedding-005", "gemini-embedding-2"])
def test_nothing_to_embed(model: str) -> None:
    with pytest.raises(BadRequestError, match="input"):
        embed(model, input=[])


def read(model: str, value: Any, **body: Any) -> Any:
    reply = UpstreamReply(200, Headers(), json.dumps(value).encode())
    return provider().parse_response(request(model, "embeddings", **body), reply)


def test_vectors() -> None:
    statistics = {"statistics": {"token_count": 3.0}}
    value = {
        "predictions": [{"embeddings": {"values": [0.5], **statistics}}] * 2,
        "metadata": {"billableCharacterCount": 9},
    }
    found = read("text-embedding-005", value, input=["a", "b"])
    assert [each["embedding"] for each in found["data"]] == [[0.5], [0.5]]
    assert found["usage"]["prompt_tokens"] == 6
    assert found["usage"]["prompt_tokens_details"] == {"character_count": 9}
    for name in ("textEmbedding", "imageEmbedding"):
        assert read("multimodalembedding@001", {"predictions": [{name: [1.0]}]}, input="a")["data"][0]["embedding"] == [
            1.0
        ]
    video = {"predictions": [{"videoEmbeddings": [{"embedding": [2.0]}]}]}
    assert read("multimodalembedding@001", video, input="gs://b/a.mp4")["data"][0]["embedding"] == [2.0]
    newer = {"embedding": {"values": [3.0]}, "usageMetadata": {"promptTokenCount": 1}}
    assert read("gemini-embedding-2", newer, input="a")["data"][0]["embedding"] == [3.0]


@pytest.mark.parametrize("value", [{}, {"predictions": []}, {"predictions": [{}]}, {"predictions": [5]}])
def test_vectors_that_are_none(value: Any) -> None:
    with pytest.raises(BadGatewayError):
        read("text-embedding-005", value, input="a")


class Embedder:
    """A network with an embedding model on it that takes one text for each request."""

    def __init__(self, *, newer: bool = False, failing: str = "") -> None:
        self.newer, self.failing = newer, failing
        self.under_way = self.most = 0

    def answer(self, text: str) -> UpstreamReply:
        if text == self.failing:
            error = {"error": {"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED"}}
            return UpstreamReply(429, Headers(), json.dumps(error).encode())
        vector = {"values": [float(text)]}
        if self.newer:
            value: Any = {"embedding": vector, "usageMetadata": {"promptTokenCount": 2}}
        else:
            counted = {**vector, "statistics": {"token_count": 2}}
            value = {"predictions": [{"embeddings": counted}], "metadata": {"billableCharacterCount": 1}}
        return UpstreamReply(200, Headers(), json.dumps(value).encode())

    async def fetch(self, asked: UpstreamRequest, *, timeout: float = 0.0, limit: int = 0) -> UpstreamReply:
        if "oauth2" in asked.url:
            return UpstreamReply(200, Headers(), b'{"access_token": "t", "expires_in": 3600}')
        assert ("authorization", "Bearer t") in asked.headers
        body = sent(asked)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0.001)
        self.under_way -= 1
        content = body["content"]["parts"][0]["text"] if self.newer else body["instances"][0]["content"]
        return self.answer(content)

    async def download(self, url: str, *, limit: int = 0) -> Media:
        raise AssertionError("nothing is to be downloaded")


@pytest.mark.parametrize(("model", "newer"), [("gemini-embedding-001", False), ("gemini-embedding-2", True)])
def test_several_texts_for_a_model_that_takes_one(model: str, newer: bool) -> None:
    network, made = Embedder(newer=newer), provider()
    texts = [str(number) for number in range(30)]
    asked = request(model, "embeddings", input=texts)
    assert made.follows(asked)
    followed = asyncio.run(made.follow(asked, network.answer("0"), network))
    assert isinstance(followed, UpstreamReply)
    answer: Any = made.parse_response(asked, followed)
    assert [each["embedding"] for each in answer["data"]] == [[float(text)] for text in texts]
    assert answer["usage"]["prompt_tokens"] == 60
    assert network.most <= 8


def test_one_of_several_texts_fails() -> None:
    network, made = Embedder(failing="3"), provider()
    asked = request("gemini-embedding-001", "embeddings", input=["0", "1", "2", "3"])
    followed = asyncio.run(made.follow(asked, network.answer("0"), network))
    assert isinstance(followed, UpstreamReply)
    assert followed.status == 429


def test_a_connection_that_breaks_among_several_texts() -> None:
    made = provider()

    class Broken(Embedder):
        async def fetch(self, asked: UpstreamRequest, *, timeout: float = 0.0, limit: int = 0) -> UpstreamReply:
            if "oauth2" in asked.url:
                return await super().fetch(asked)
            raise RateLimitError("No.")

    with pytest.raises(RateLimitError):
        asyncio.run(
            made.follow(
                request("gemini-embedding-001", "embeddings", input=["0", "1"]), Embedder().answer("0"), Broken()
            )
        )


@pytest.mark.parametrize(
    ("model", "given"),
    [("text-embedding-005", ["a", "b"]), ("gemini-embedding-001", "a"), ("gemini-embedding-001", ["a"])],
)
def test_what_is_not_followed(model: str, given: Any) -> None:
    assert not provider().follows(request(model, "embeddings", input=given))


# -- rerank ----------------------------------------------------------------------------------------------------


def test_ranking() -> None:
    made, model = provider(), "semantic-ranker-default@latest"
    documents = ["a", {"text": "b", "title": "B"}]
    asked = request(model, "rerank", query="q", documents=documents, return_documents=True, userLabels={"x": "y"})
    body = sent(made.build_request(asked))
    assert body["records"] == [{"id": "0", "content": "a"}, {"id": "1", "content": "b", "title": "B"}]
    assert body["userLabels"] == {"x": "y"}
    value = {"records": [{"id": "1", "score": 0.9}, {"id": "0", "score": 0.1}]}
    answer: Any = made.parse_response(asked, UpstreamReply(200, Headers(), json.dumps(value).encode()))
    assert answer["results"][0] == {"index": 1, "relevance_score": 0.9, "document": documents[1]}


@pytest.mark.parametrize("value", [{}, {"records": [{"id": "x", "score": 1}]}, {"records": [{"id": "0"}]}])
def test_rankings_that_are_none(value: Any) -> None:
    asked = request("semantic-ranker-default@latest", "rerank", query="q", documents=["a"])
    with pytest.raises(BadGatewayError):
        provider().parse_response(asked, UpstreamReply(200, Headers(), json.dumps(value).encode()))


# -- files -----------------------------------------------------------------------------------------------------


class Files:
    """A network on which a picture stands at every address."""

    def __init__(self) -> None:
        self.fetched: list[str] = []

    async def download(self, url: str, *, limit: int = 0) -> Media:
        self.fetched.append(url)
        return Media("image/png", b"hi")

    async def fetch(self, asked: UpstreamRequest, *, timeout: float = 0.0, limit: int = 0) -> UpstreamReply:
        raise AssertionError("nothing is to be fetched")


@pytest.mark.parametrize(
    ("model", "fetched"),
    [
        ("gemini-2.5-flash", ["https://a.example/x", "http://a.example/y.png"]),
        ("claude-opus-4-6", ["https://a.example/x.png", "https://a.example/x", "http://a.example/y.png"]),
        ("meta/llama-4-scout-maas", []),
    ],
)
def test_who_fetches_what(model: str, fetched: list[str]) -> None:
    files, made = Files(), provider()
    urls = ["https://a.example/x.png", "https://a.example/x", "http://a.example/y.png"]
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    asked = request(model, messages=[{"role": "user", "content": parts}])
    asyncio.run(made.prepare(asked, files))
    assert files.fetched == fetched
    made.build_request(asked)


def test_a_video_of_youtube_is_read_by_google() -> None:
    files = Files()
    part = {"type": "video_url", "video_url": {"url": "https://www.youtube.com/watch?v=x"}}
    asyncio.run(provider().prepare(request("gemini-2.5-flash", messages=[{"role": "user", "content": [part]}]), files))
    assert not files.fetched


# -- errors ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "wanted"),
    [
        (429, {"error": {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}}, RateLimitError),
        (429, [{"error": {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}}], RateLimitError),
        (
            400,
            {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"}},
            ContextWindowExceededError,
        ),
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, OverloadedError),
        (
            400,
            {"error": {"message": "This model's maximum context length is 8 tokens.", "type": "BadRequestError"}},
            ContextWindowExceededError,
        ),
    ],
)
def test_errors_of_every_publisher(status: int, body: Any, wanted: Any) -> None:
    error = provider().parse_error(status, Headers(), json.dumps(body).encode())
    assert type(error) is wanted
    assert error.provider == "vertex_ai"


@pytest.mark.parametrize(
    ("model", "dialect"),
    [
        ("gemini-2.5-pro", "gemini"),
        ("1234567890", "gemini"),
        ("gemini/1234567890", "gemini"),
        ("claude-sonnet-4-5", "messages"),
        ("meta/llama-4-maas", None),
        ("mistral-large", None),
    ],
)
def test_which_models_are_asked_in_the_words_of_clients(model: str, dialect: str | None) -> None:
    spoken = [name for name in ("gemini", "messages", "openai", "responses") if provider().speaks(name, model)]
    assert spoken == ([dialect] if dialect else [])


@pytest.mark.parametrize(
    ("model", "path"),
    [("gemini-2.5-pro", "publishers/google/models/gemini-2.5-pro"), ("gemini/123", "endpoints/123")],
)
def test_googles_own_words(model: str, path: str) -> None:
    body = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}], "labels": {"a": "b"}}
    asked = ModelRequest("chat", model, dict(body), dialect="gemini", native=True)
    built = provider().build_native("gemini", asked)
    assert (built.url, sent(built)) == (f"{IN}/{path}:generateContent", body)
    asked.stream = True
    assert provider().build_native("gemini", asked).url == f"{IN}/{path}:streamGenerateContent?alt=sse"
    count = provider().build_count("gemini", asked)
    assert count is not None
    assert (count.url, sent(count)) == (f"{IN}/{path}:countTokens", {"contents": body["contents"]})
    assert provider().parse_count({"totalTokens": 3}) == 3


def test_googles_own_words_need_a_project_too() -> None:
    machine = provider(vertex_project=None, vertex_credentials=None)

    class Metadata:
        async def fetch(self, request: UpstreamRequest, timeout: float = 5.0) -> UpstreamReply:
            assert request.url.endswith("/project/project-id")
            return UpstreamReply(200, Headers(), b"of-the-machine")

    asked = ModelRequest("chat", "gemini-2.5-pro", {"contents": []}, dialect="gemini", native=True)
    asyncio.run(machine.prepare(asked, Metadata()))  # type: ignore[arg-type]
    assert "/projects/of-the-machine/" in machine.build_native("gemini", asked).url
