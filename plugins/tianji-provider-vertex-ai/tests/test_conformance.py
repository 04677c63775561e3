"""The standard tests, for the models of each format."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import tianji_provider_vertex_ai
from tianji_core.api.errors import OverloadedError
from tianji_core.api.provider import Body, Capabilities
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.testing import ProviderConformance, overrides_standard_test
from tianji_provider_vertex_ai import VertexBetaProvider, VertexProvider
from tianji_provider_vertex_ai.claude import FEATURES

HOST = "https://europe-west1-aiplatform.googleapis.com/v1/projects/my-project/locations/europe-west1"
GOOGLE = f"{HOST}/publishers/google/models"
CLAUDE = f"{HOST}/publishers/anthropic/models/claude-sonnet-4-5@20250929"
CREDENTIAL = {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}


class _OnVertex(ProviderConformance, kit=True):
    provider_class = VertexProvider
    plugin = tianji_provider_vertex_ai
    settings: ClassVar = {
        "vertex_project": "my-project",
        "vertex_location": "europe-west1",
        "vertex_credentials": CREDENTIAL,
    }
    headers: ClassVar = {"content-type": "application/json"}  # the token comes with `authorize`
    key_in_request = False


class TestGemini(_OnVertex):
    model = "gemini-2.5-flash"
    models: ClassVar = {
        "embeddings": "text-embedding-005",
        "image_data": "gemini-2.5-flash",
        "image_edits": "gemini-2.5-flash-image",
        "image_url": "gemini-2.5-flash",
        "images": "imagen-4.0-generate-001",
        "rerank": "semantic-ranker-default@latest",
        "speech": "gemini-2.5-flash-tts",
    }
    urls: ClassVar = {
        "chat": f"{GOOGLE}/gemini-2.5-flash:generateContent",
        "chat_stream": f"{GOOGLE}/gemini-2.5-flash:streamGenerateContent?alt=sse",
        "embeddings": f"{GOOGLE}/text-embedding-005:predict",
        "images": f"{GOOGLE}/imagen-4.0-generate-001:predict",
        "image_edits": f"{GOOGLE}/gemini-2.5-flash-image:generateContent",
        "speech": f"{GOOGLE}/gemini-2.5-flash-tts:generateContent",
        "rerank": "https://discoveryengine.googleapis.com/v1/projects/my-project/locations/global/rankingConfigs/"
        "default_ranking_config:rank",
    }
    # `user` has no word, usage comes unasked, and what form pictures, vectors and documents come in is our business.
    ignored_params = frozenset({"user", "stream_options", "response_format", "encoding_format", "return_documents"})
    refused_scenarios = frozenset({"parallel_tools_off"})

    @overrides_standard_test("The header field is for Claude; its own class has the standard test")
    def test_forwarded_headers_are_sent_and_do_not_stay(self) -> None:
        request = self.request("chat")
        request.headers = {"anthropic-beta": "kit-value"}
        assert self.provider().build_request(request).headers == self.build("chat").headers

    def samples_dir(self) -> Path:
        return Path(__file__).parent / "samples" / "gemini"


class ClaudeOnVertex(VertexProvider):
    """The provider as far as Claude goes."""

    capabilities = Capabilities(frozenset({"chat"}), FEATURES)


class TestClaude(_OnVertex):
    provider_class = ClaudeOnVertex
    model = "claude-sonnet-4-5@20250929"
    urls: ClassVar = {"chat": f"{CLAUDE}:rawPredict", "chat_stream": f"{CLAUDE}:streamRawPredict?alt=sse"}
    ignored_params = frozenset({"response_format"})
    stream_error_class = OverloadedError

    @overrides_standard_test("Only beta features that Vertex AI knows are asked for")
    def test_forwarded_headers_are_sent_and_do_not_stay(self) -> None:
        request = self.request("chat")
        request.headers = {"anthropic-beta": "context-1m-kit,kit-value"}
        provider = self.provider()
        assert dict(provider.build_request(request).headers)["anthropic-beta"] == "context-1m-kit"
        assert provider.build_request(self.request("chat")).headers == self.build("chat").headers

    def native_body(self, dialect: str, body: Body) -> Body:
        kept = {name: value for name, value in body.items() if name != "model"}
        return {**kept, "anthropic_version": "vertex-2023-10-16"}

    def samples_dir(self) -> Path:
        return Path(__file__).parent / "samples" / "claude"


class LlamaOnVertex(VertexProvider):
    """The provider as far as models go that speak OpenAI's format."""

    capabilities = OpenAICompatible.capabilities


class TestLlama(_OnVertex):
    provider_class = LlamaOnVertex
    model = "meta/llama-3.3-70b-instruct-maas"
    urls: ClassVar = {
        "chat": f"{HOST}/endpoints/openapi/chat/completions",
        "embeddings": f"{HOST}/endpoints/openapi/embeddings",
    }
    openai_shaped = True

    def samples_dir(self) -> Path:
        return Path(__file__).parent / "samples" / "llama"


def test_the_older_name() -> None:
    assert VertexBetaProvider.name == "vertex_ai_beta"
