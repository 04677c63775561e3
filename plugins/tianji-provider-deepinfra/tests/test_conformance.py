from tianji_core.testing import ProviderConformance
from tianji_provider_deepinfra import DeepInfra

MODELS = {"rerank": "Qwen/Qwen3-Reranker-8B"}
URLS = {"rerank": "https://api.deepinfra.com/v1/inference/Qwen/Qwen3-Reranker-8B"}


class TestDeepInfra(ProviderConformance):
    provider_class = DeepInfra
    model = "meta-llama/Llama-3.3-70B-Instruct"
    models = MODELS
    base_url = "https://api.deepinfra.com/v1/openai"
    urls = URLS
    ignored_params = frozenset({"return_documents", "top_n"})
