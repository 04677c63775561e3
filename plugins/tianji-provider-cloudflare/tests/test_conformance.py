"""The standard tests; Cloudflare's own formats are in `samples`."""

from __future__ import annotations

from typing import Any, ClassVar

from tianji_core.testing import ProviderConformance
from tianji_provider_cloudflare import Cloudflare

BASE = "https://api.cloudflare.com/client/v4/accounts/acc0"
LLAMA = "@cf/meta/llama-3.3-70b-instruct-fp8-fast"


class TestCloudflare(ProviderConformance):
    provider_class = Cloudflare
    model = LLAMA
    models: ClassVar[dict[str, str]] = {
        "reasoning": "@cf/openai/gpt-oss-120b",
        "rerank": "@cf/baai/bge-reranker-base",
        "image_data": LLAMA,
        "image_url": LLAMA,
        "images": "@cf/black-forest-labs/flux-1-schnell",
    }
    settings: ClassVar[dict[str, Any]] = {"account_id": "acc0"}
    urls: ClassVar[dict[str, str]] = {
        "chat": f"{BASE}/ai/v1/chat/completions",
        "embeddings": f"{BASE}/ai/v1/embeddings",
        "rerank": f"{BASE}/ai/run/@cf/baai/bge-reranker-base",
        "images": f"{BASE}/ai/run/@cf/black-forest-labs/flux-1-schnell",
    }
    renamed_params: ClassVar[dict[str, str]] = {"top_n": "top_k"}
    ignored_params = frozenset({"response_format", "return_documents", "size", "user"})
