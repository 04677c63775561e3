"""The standard tests of a provider."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest

import tianji_provider_bedrock
from tianji_core.api.errors import RateLimitError
from tianji_core.api.provider import Body
from tianji_core.testing import ProviderConformance, overrides_standard_test
from tianji_provider_bedrock import Bedrock, BedrockConverse

HOST = "https://bedrock-runtime.us-west-2.amazonaws.com"
MODEL = "anthropic.claude-sonnet-4-5-20250929-v1:0"
PATH = f"{HOST}/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0"


class OnBedrock(ProviderConformance, kit=True):
    def native_body(self, dialect: str, body: Body) -> Body:
        kept = {name: value for name, value in body.items() if name not in ("model", "stream")}
        return {**kept, "anthropic_version": "bedrock-2023-05-31"}


class TestBedrock(OnBedrock):
    provider_class = Bedrock
    model = MODEL
    models: ClassVar = {
        "embeddings": "amazon.titan-embed-text-v2:0",
        "rerank": "cohere.rerank-v3-5:0",
        "images": "amazon.nova-canvas-v1:0",
    }
    urls: ClassVar = {
        "chat": f"{PATH}/converse",
        "chat_stream": f"{PATH}/converse-stream",
        "embeddings": f"{HOST}/model/amazon.titan-embed-text-v2%3A0/invoke",
        "rerank": "https://bedrock-agent-runtime.us-west-2.amazonaws.com/rerank",
        "images": f"{HOST}/model/amazon.nova-canvas-v1%3A0/invoke",
    }
    # `user` has no place at Bedrock; JSON without a schema is for the prompt to ask for; vectors are packed here, and
    # images are always answered by value; `return_documents` is cared for here.
    ignored_params = frozenset({"encoding_format", "response_format", "return_documents", "user"})
    error_classes: ClassVar = {}
    stream_error_class = RateLimitError

    @overrides_standard_test("without a key the request is signed, with credentials that only `authorize` looks for")
    def test_without_a_key_the_error_says_what_to_set(self) -> None:
        request = self.provider(api_key=None).build_request(self.request("chat"))
        assert "authorization" not in dict(request.headers)

    @overrides_standard_test("Claude's beta features are asked for in the body")
    def test_forwarded_headers_are_sent_and_do_not_stay(self) -> None:
        provider = self.provider()
        before = provider.build_request(self.request("chat"))
        request = self.request("chat")
        request.headers = {"anthropic-beta": "context-1m-kit"}
        sent: Any = provider.build_request(request)
        assert json.loads(sent.body)["additionalModelRequestFields"] == {"anthropic_beta": ["context-1m-kit"]}
        assert provider.build_request(self.request("chat")).body == before.body

    @pytest.mark.parametrize("name", ["bedrock", "bedrock_converse"])
    def test_both_names_are_registered(self, name: str) -> None:
        made = self.registered()[name][0](self.make_settings())
        assert isinstance(made, Bedrock)
        assert made.name == name


class ClaudeByInvoke(BedrockConverse):
    """What is declared for the whole provider, but for what Claude lacks."""

    capabilities = Bedrock.capabilities.lacking("audio")


class TestInvoke(OnBedrock):
    """Claude by `invoke/`, and the provider by its other name."""

    provider_class = ClaudeByInvoke
    plugin = tianji_provider_bedrock
    model = f"invoke/{MODEL}"
    models: ClassVar = TestBedrock.models
    urls: ClassVar = {
        **TestBedrock.urls,
        "chat": f"{PATH}/invoke",
        "chat_stream": f"{PATH}/invoke-with-response-stream",
    }
    ignored_params = TestBedrock.ignored_params
    stream_error_class = RateLimitError

    def samples_dir(self) -> Any:
        return super().samples_dir() / "invoke"

    @overrides_standard_test("without a key the request is signed, with credentials that only `authorize` looks for")
    def test_without_a_key_the_error_says_what_to_set(self) -> None:
        request = self.provider(api_key=None).build_request(self.request("chat"))
        assert "authorization" not in dict(request.headers)

    @overrides_standard_test("Claude's beta features are asked for in the body")
    def test_forwarded_headers_are_sent_and_do_not_stay(self) -> None:
        provider = self.provider()
        request = self.request("chat")
        request.headers = {"anthropic-beta": "context-1m-kit"}
        sent: Any = provider.build_request(request)
        assert json.loads(sent.body)["anthropic_beta"] == ["context-1m-kit"]
        plain: Any = provider.build_request(self.request("chat"))
        assert "anthropic_beta" not in json.loads(plain.body)
