"""The standard tests, once for the router and once for an endpoint of one's own."""

from __future__ import annotations

from typing import Any, ClassVar

import tianji_provider_huggingface
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.api.provider import Capabilities
from tianji_core.testing import ProviderConformance
from tianji_core.testing.corpus import Scenario
from tianji_provider_huggingface import HuggingFace

MODEL = "meta-llama/Llama-3.1-8B-Instruct"
ENDPOINT = "https://abc123.us-east-1.aws.endpoints.huggingface.cloud"


class RouterOnly(HuggingFace):
    """Without rerank, which the router does not have."""

    capabilities: ClassVar[Capabilities] = HuggingFace.capabilities.lacking(operations=("rerank",))


class HuggingFaceKit(ProviderConformance):
    __test__ = False
    model = MODEL
    models: ClassVar[dict[str, str]] = {"reasoning": "openai/gpt-oss-120b"}
    ignored_params = frozenset({"encoding_format", "top_n", "user"})
    renamed_params: ClassVar[dict[str, str]] = {"return_documents": "return_text"}
    plugin = tianji_provider_huggingface

    def response(self, scenario: Scenario) -> UpstreamReply:
        """With the header field in which TEI tells what it has counted."""
        reply = super().response(scenario)
        return UpstreamReply(reply.status, Headers([*reply.headers, ("x-compute-tokens", "6")]), reply.body)


class TestRouter(HuggingFaceKit):
    __test__ = True
    provider_class = RouterOnly
    urls: ClassVar[dict[str, str]] = {
        "chat": "https://router.huggingface.co/v1/chat/completions",
        "embeddings": f"https://router.huggingface.co/hf-inference/models/{MODEL}/pipeline/feature-extraction",
    }


class TestEndpoint(HuggingFaceKit):
    __test__ = True
    provider_class = HuggingFace
    settings: ClassVar[dict[str, Any]] = {"api_base": ENDPOINT}
    key_in_request = False  # an endpoint may be open to all of a network
    urls: ClassVar[dict[str, str]] = {
        "chat": f"{ENDPOINT}/v1/chat/completions",
        "embeddings": f"{ENDPOINT}/",
        "rerank": f"{ENDPOINT}/rerank",
    }
