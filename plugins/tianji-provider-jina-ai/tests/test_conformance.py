from tianji_core.testing import ProviderConformance
from tianji_provider_jina_ai import JinaAI

MODELS = {"rerank": "jina-reranker-v2-base-multilingual"}
RENAMED = {"encoding_format": "embedding_type"}


class TestJinaAI(ProviderConformance):
    provider_class = JinaAI
    model = "jina-embeddings-v3"
    models = MODELS
    base_url = "https://api.jina.ai/v1"
    renamed_params = RENAMED
    has_filter = False
