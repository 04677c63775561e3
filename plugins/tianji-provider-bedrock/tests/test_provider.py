"""Addresses, downloads, and the operations beside chat."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tianji_core.api.errors import (
    BadGatewayError,
    BadRequestError,
    ContentPolicyViolationError,
    RateLimitError,
    UnsupportedCapabilityError,
)
from tianji_core.api.http import Headers, Media, UpstreamReply, UpstreamRequest
from tianji_core.api.provider import ModelRequest
from tianji_provider_bedrock import Bedrock, BedrockSettings

ARN = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
HI = [{"role": "user", "content": "Hi"}]
PNG = "data:image/png;base64,AAAA"


class FakeNetwork:
    """Answers with what `answer` makes of a request, and remembers how many were under way at once."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.under_way = self.most = 0
        self.requests: list[UpstreamRequest] = []

    async def fetch(self, request: UpstreamRequest, *, timeout: float = 0, limit: int = 0) -> UpstreamReply:
        self.requests.append(request)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0.001)
        self.under_way -= 1
        found: UpstreamReply = self.answer(request)
        return found

    async def download(self, url: str, *, limit: int = 0) -> Media:
        return Media("image/png", b"bytes")


def provider(environ: dict[str, str] | None = None, **settings: Any) -> Bedrock:
    return Bedrock(BedrockSettings.model_validate({"api_key": "k", **settings, "environ": environ or {}}))


def url(model: str, made: Bedrock | None = None, body_with: Any = None, **more: Any) -> str:
    made = made or provider(model=model)
    return made.build_request(ModelRequest("chat", model, {"messages": HI, **(body_with or {})}, **more)).url


def built(operation: Any, model: str, **body: Any) -> Any:
    return json.loads(provider().build_request(ModelRequest(operation, model, body)).body)  # type: ignore[arg-type]


def reply(value: Any, **headers: str) -> UpstreamReply:
    fields = [(name.replace("_", "-"), text) for name, text in headers.items()]
    return UpstreamReply(200, Headers(fields), json.dumps(value).encode())


@pytest.mark.parametrize(
    ("settings", "environ", "region"),
    [
        ({"aws_region_name": "us-east-2", "model": ARN}, {}, "us-east-2"),
        ({"model": ARN}, {"AWS_REGION": "us-east-1"}, "eu-west-1"),
        ({"model": "anthropic.claude-x", "model_id": ARN}, {}, "eu-west-1"),
        ({"model": "us-east-1/anthropic.claude-x"}, {"AWS_REGION_NAME": "x"}, "us-east-1"),
        ({}, {"AWS_REGION": "b", "AWS_REGION_NAME": "a"}, "a"),
        ({}, {"AWS_DEFAULT_REGION": "c"}, "c"),
        ({}, {}, "us-west-2"),
    ],
)
def test_regions(settings: dict[str, Any], environ: dict[str, str], region: str) -> None:
    assert provider(environ, **settings).region == region


def test_addresses() -> None:
    host = "https://bedrock-runtime.us-west-2.amazonaws.com/model"
    assert url("us.amazon.nova-pro-v1:0") == f"{host}/us.amazon.nova-pro-v1%3A0/converse"
    assert url("amazon.nova-pro-v1:0", stream=True).endswith("/converse-stream")
    assert url("invoke/anthropic.claude-x").endswith("/model/anthropic.claude-x/invoke")
    assert url("invoke/anthropic.claude-x", stream=True).endswith("/invoke-with-response-stream")
    assert url(ARN) == (
        "https://bedrock-runtime.eu-west-1.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3A"
        "inference-profile%2Feu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"
    )
    assert "/model/arn%3A" in url("anthropic.claude-x", provider(model_id=ARN))
    assert url("x.y", provider(aws_region_name="cn-north-1")).startswith(
        "https://bedrock-runtime.cn-north-1.amazonaws.com.cn/"
    )
    for own in ({"api_base": "http://p/x/"}, {"aws_bedrock_runtime_endpoint": "http://p/x"}):
        assert url("x.y", provider(**own)) == "http://p/x/model/x.y/converse"
    assert url("x.y", provider({"AWS_BEDROCK_RUNTIME_ENDPOINT": "http://e"})) == "http://e/model/x.y/converse"


@pytest.mark.parametrize("model", ["agent/A/B", "openai/arn:x", "invoke/meta.llama3-8b", "..", ""])
def test_what_is_not_offered(model: str) -> None:
    with pytest.raises(BadRequestError):
        url(model)


def test_parameters_by_model() -> None:
    made = provider()
    chat = made.supported_params("anthropic.claude-sonnet-4-5", "chat")
    assert chat is not None
    assert {"reasoning_effort", "n", "user", "service_tier"} <= chat
    assert "reasoning_effort" not in (made.supported_params("us.deepseek.r1-v1:0", "chat") or ())
    assert "web_search_options" in (made.supported_params("us.amazon.nova-pro-v1:0", "chat") or ())
    assert "reasoning" not in made.features("amazon.nova-pro-v1:0")
    assert "dimensions" not in (made.supported_params("amazon.titan-embed-text-v1", "embeddings") or ())
    assert "n" not in (made.supported_params("stability.sd3-5-large-v1:0", "images") or ())


@pytest.mark.parametrize("route", ["", "invoke/"])
def test_web_addresses_are_downloaded(route: str) -> None:
    part = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}
    request = ModelRequest(
        "chat", f"{route}anthropic.claude-sonnet-4-5", {"messages": [{"role": "user", "content": [part]}]}
    )
    asyncio.run(provider().prepare(request, FakeNetwork()))
    assert "Ynl0ZXM=" in str(provider().build_request(request).body)


def test_cache_markers_of_the_deployment() -> None:
    made = provider(cache_control_injection_points=[{"location": "message", "role": "user"}])
    request = made.build_request(ModelRequest("chat", "anthropic.claude-sonnet-4-5", {"messages": HI}))
    assert json.loads(request.body)["messages"][0]["content"][1] == {"cachePoint": {"type": "default"}}  # type: ignore[arg-type]


def test_guardrails_of_invoke_are_header_fields() -> None:
    guardrail = {"guardrailIdentifier": "g", "guardrailVersion": 1, "trace": "enabled"}
    body = {"messages": HI, "guardrailConfig": guardrail}
    request = provider().build_request(ModelRequest("chat", "invoke/anthropic.claude-x", body))
    fields = dict(request.headers)
    assert fields["x-amzn-bedrock-guardrailidentifier"] == "g"
    assert fields["x-amzn-bedrock-guardrailversion"] == "1"
    assert fields["x-amzn-bedrock-trace"] == "ENABLED"
    assert b"guardrail" not in request.body  # type: ignore[operator]


def test_what_else_invoke_has_header_fields_for() -> None:
    more = {
        "performanceConfig": {"latency": "optimized"},
        "service_tier": "auto",
        "requestMetadata": {"team": "bl\u00fc"},
    }
    request = provider().build_request(ModelRequest("chat", "invoke/anthropic.claude-x", {"messages": HI, **more}))
    fields = dict(request.headers)
    assert fields["x-amzn-bedrock-performanceconfig-latency"] == "optimized"
    assert fields["x-amzn-bedrock-service-tier"] == "default"
    assert json.loads(fields["x-amzn-bedrock-request-metadata"]) == {"team": "bl\u00fc"}
    assert json.loads(request.body).keys() == {"messages", "max_tokens", "anthropic_version"}  # type: ignore[arg-type]
    for bad in ("a\r\nx: y", "\u00fc"):
        with pytest.raises(BadRequestError):
            url("invoke/anthropic.claude-x", body_with={"service_tier": bad})


# -- embeddings ----------------------------------------------------------------------------------------------------


def test_requests_for_embeddings() -> None:
    titan, image, nova = "amazon.titan-embed-text-v2:0", "amazon.titan-embed-image-v1", "amazon.nova-2-multimodal-v1:0"
    assert built("embeddings", titan, input="a", dimensions=256, normalize=False) == {
        "inputText": "a",
        "dimensions": 256,
        "normalize": False,
    }
    assert built("embeddings", image, input=[PNG], dimensions=256) == {
        "inputImage": "AAAA",
        "embeddingConfig": {"outputEmbeddingLength": 256},
    }
    params = {"embeddingPurpose": "GENERIC_INDEX", "embeddingDimension": 256}
    text = {"truncationMode": "END", "value": "a"}
    assert built("embeddings", nova, input="a", dimensions=256) == {
        "taskType": "SINGLE_EMBEDDING",
        "singleEmbeddingParams": {**params, "text": text},
    }
    found = built("embeddings", nova, input=PNG, embeddingPurpose="CLASSIFICATION")["singleEmbeddingParams"]
    assert found == {
        "embeddingPurpose": "CLASSIFICATION",
        "image": {"format": "png", "source": {"bytes": "AAAA"}},
    }
    assert built("embeddings", "cohere.embed-v4:0", input=["a", "b"], dimensions=256, truncate="END") == {
        "texts": ["a", "b"],
        "input_type": "search_document",
        "output_dimension": 256,
        "truncate": "END",
    }
    assert built("embeddings", "cohere.embed-english-v3", input=PNG) == {"images": [PNG], "input_type": "image"}
    with pytest.raises(BadRequestError):
        built("embeddings", titan, input=[[1, 2]])
    with pytest.raises(BadRequestError, match="nothing"):
        built("embeddings", titan, input=[])
    with pytest.raises(UnsupportedCapabilityError):
        built("embeddings", "twelvelabs.marengo", input="a")


def follow(made: Bedrock, network: FakeNetwork, *inputs: str) -> Any:
    request = ModelRequest("embeddings", "amazon.titan-embed-text-v1", {"input": list(inputs)})
    assert made.follows(request)
    return request, asyncio.run(made.follow(request, reply({"embedding": [0.0], "inputTextTokenCount": 1}), network))


def test_one_request_for_each_input_in_order_and_a_few_at_once() -> None:
    made = provider()

    def answer(request: UpstreamRequest) -> UpstreamReply:
        return reply({"embedding": [float(json.loads(request.body)["inputText"])], "inputTextTokenCount": 2})  # type: ignore[arg-type]

    network = FakeNetwork(answer)
    request, joined = follow(made, network, *(str(number) for number in range(30)))
    parsed = made.parse_response(request, joined)
    assert [vector["embedding"] for vector in parsed["data"]] == [[float(number)] for number in range(30)]
    assert parsed["usage"]["prompt_tokens"] == 1 + 29 * 2
    assert len(network.requests) == 29
    assert network.most == 8
    assert all(("authorization", "Bearer k") in sent.headers for sent in network.requests)


def test_tokens_told_in_header_fields_are_added_up() -> None:
    told = reply({"embedding": [0.5]}, x_amzn_bedrock_input_token_count="3")
    request = ModelRequest("embeddings", "amazon.titan-embed-image-v1", {"input": ["a", "b"]})
    joined = asyncio.run(provider().follow(request, told, FakeNetwork(lambda _: told)))
    assert isinstance(joined, UpstreamReply)
    found: Any = provider().parse_response(request, joined)
    assert found["usage"]["prompt_tokens"] == 6
    silent = asyncio.run(provider().follow(request, told, FakeNetwork(lambda _: reply({"embedding": [0.5]}))))
    assert isinstance(silent, UpstreamReply)
    assert "usage" not in provider().parse_response(request, silent)


def test_one_input_that_fails_fails_the_call() -> None:
    refused = UpstreamReply(429, Headers([("x-amzn-errortype", "ThrottlingException")]), b'{"message": "Slow"}')
    with pytest.raises(RateLimitError, match="Slow"):
        follow(provider(), FakeNetwork(lambda _: refused), "a", "b", "c")


def test_what_is_not_followed() -> None:
    made = provider()
    for request in (
        ModelRequest("chat", "amazon.nova-lite-v1:0", {"messages": HI}, True),
        ModelRequest("embeddings", "amazon.titan-embed-text-v1", {"input": "a"}),
        ModelRequest("embeddings", "cohere.embed-english-v3", {"input": ["a", "b"]}),
    ):
        assert not made.follows(request)


@pytest.mark.parametrize(
    ("answer", "vectors"),
    [
        ({"embedding": [0.1], "inputTextTokenCount": 1}, [[0.1]]),
        ({"embeddingsByType": {"float": [0.1]}, "inputTextTokenCount": 1}, [[0.1]]),
        ({"embeddings": [[0.1], [0.2]]}, [[0.1], [0.2]]),
        ({"embeddings": {"float": [[0.1], [0.2]]}}, [[0.1], [0.2]]),
        ({"embeddings": [{"embeddingType": "TEXT", "embedding": [0.1]}]}, [[0.1]]),
    ],
)
def test_answers_with_embeddings(answer: Any, vectors: list[list[float]]) -> None:
    request = ModelRequest("embeddings", "cohere.embed-v4:0", {"input": "a"})
    found = provider().parse_response(request, reply(answer, x_amzn_bedrock_input_token_count="4"))
    assert [each["embedding"] for each in found["data"]] == vectors
    assert found["usage"]["prompt_tokens"] == (1 if "inputTextTokenCount" in answer else 4)
    packed = ModelRequest("embeddings", "m", {"input": "a", "encoding_format": "base64"})
    assert isinstance(provider().parse_response(packed, reply(answer))["data"][0]["embedding"], str)


@pytest.mark.parametrize("answer", [{}, {"embedding": "x"}, {"embeddings": 5}, [], 7])
def test_answers_without_embeddings(answer: Any) -> None:
    with pytest.raises(BadGatewayError):
        provider().parse_response(ModelRequest("embeddings", "m", {"input": "a"}), reply(answer))


# -- rerank and images ---------------------------------------------------------------------------------------------


def test_rerank() -> None:
    body = {"query": "q", "documents": ["a", {"text": "b"}, {"k": 1}], "return_documents": True, "own": 1}
    request = ModelRequest("rerank", "cohere.rerank-v3-5:0", body)
    sent = provider(aws_region_name="us-gov-west-1").build_request(request)
    assert sent.url == "https://bedrock-agent-runtime.us-gov-west-1.amazonaws.com/rerank"
    found = json.loads(sent.body)  # type: ignore[arg-type]
    assert [each["inlineDocumentSource"]["type"] for each in found["sources"]] == ["TEXT", "TEXT", "JSON"]
    config = found["rerankingConfiguration"]["bedrockRerankingConfiguration"]
    assert config == {
        "modelConfiguration": {
            "modelArn": "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/cohere.rerank-v3-5:0",
            "additionalModelRequestFields": {"own": 1},
        }
    }
    results = [{"index": 0, "relevanceScore": 0.1}, {"index": 1, "relevanceScore": 0.9}]
    answer = provider().parse_response(request, reply({"results": results}))
    assert [(each["index"], each["document"]) for each in answer["results"]] == [(1, {"text": "b"}), (0, {"text": "a"})]
    for broken in ({}, {"results": [{}]}, []):
        with pytest.raises(BadGatewayError):
            provider().parse_response(request, reply(broken))


def test_images() -> None:
    canvas = built(
        "images", "amazon.nova-canvas-v1:0", prompt="p", n=2, size="512x768", quality="hd", textToImageParams={"x": 1}
    )
    assert canvas == {
        "taskType": "TEXT_IMAGE",
        "textToImageParams": {"text": "p", "x": 1},
        "imageGenerationConfig": {"numberOfImages": 2, "width": 512, "height": 768, "quality": "premium"},
    }
    assert built("images", "us.stability.sd3-5-large-v1:0", prompt="p", size="1792x1024", seed=1) == {
        "prompt": "p",
        "aspect_ratio": "16:9",
        "seed": 1,
    }
    for bad in ({"size": "big"}, {"response_format": "url"}):
        with pytest.raises(BadRequestError):
            built("images", "amazon.nova-canvas-v1:0", prompt="p", **bad)
    with pytest.raises(UnsupportedCapabilityError):
        built("images", "luma.ray-v2:0", prompt="p")
    request = ModelRequest("images", "m", {})
    assert provider().parse_response(request, reply({"images": ["a", "b"]}))["data"] == [
        {"b64_json": "a"},
        {"b64_json": "b"},
    ]
    for refused in (
        {"images": [], "error": "Filtered."},
        {"images": [None], "finish_reasons": ["Filter reason: prompt"]},
    ):
        with pytest.raises(ContentPolicyViolationError):
            provider().parse_response(request, reply(refused))
    with pytest.raises(BadGatewayError):
        provider().parse_response(request, reply({}))
