from typing import ClassVar

from tianji_core.testing import ProviderConformance
from tianji_provider_perplexity import Perplexity


class TestPerplexity(ProviderConformance):
    provider_class = Perplexity
    model = "sonar-pro"
    base_url = "https://api.perplexity.ai"
    urls: ClassVar = {"embeddings": "https://api.perplexity.ai/v1/embeddings"}
    models: ClassVar = {"reasoning": "sonar-reasoning-pro", "embeddings": "pplx-embed-v1-0.6b"}
    renamed_params: ClassVar = {"max_completion_tokens": "max_tokens"}
    ignored_params = frozenset({"user"})
