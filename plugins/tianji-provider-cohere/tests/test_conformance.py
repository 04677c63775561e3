from tianji_core.api.errors import InternalServerError
from tianji_core.testing import ProviderConformance
from tianji_provider_cohere import Cohere

BASE = "https://api.cohere.com"
URLS = {"chat": f"{BASE}/v2/chat", "embeddings": f"{BASE}/v2/embed", "rerank": f"{BASE}/v2/rerank"}
MODELS = {
    "reasoning": "command-a-reasoning-08-2025",
    "images": "command-a-vision-07-2025",
    "embeddings": "embed-v4.0",
    "rerank": "rerank-v3.5",
}


class TestCohere(ProviderConformance):
    provider_class = Cohere
    model = "command-a-03-2025"
    urls = URLS
    models = MODELS
    ignored_params = frozenset({"user"})
    has_filter = False
    stream_error_class = InternalServerError
