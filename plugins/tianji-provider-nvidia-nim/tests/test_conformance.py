from tianji_core.testing import ProviderConformance
from tianji_provider_nvidia_nim import NvidiaNIM

MODELS = {"reasoning": "openai/gpt-oss-120b", "rerank": "nvidia/llama-3.2-nv-rerankqa-1b-v2"}
URLS = {"rerank": "https://ai.api.nvidia.com/v1/retrieval/nvidia/llama-3_2-nv-rerankqa-1b-v2/reranking"}
RENAMED = {"max_completion_tokens": "max_tokens"}


class TestNvidiaNIM(ProviderConformance):
    provider_class = NvidiaNIM
    model = "meta/llama-3.1-70b-instruct"
    models = MODELS
    base_url = "https://integrate.api.nvidia.com/v1"
    urls = URLS
    renamed_params = RENAMED
    ignored_params = frozenset({"return_documents", "top_n"})
