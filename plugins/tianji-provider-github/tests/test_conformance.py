from tianji_core.testing import ProviderConformance
from tianji_provider_github import GitHub

MODELS = {"reasoning": "openai/gpt-5", "embeddings": "openai/text-embedding-3-small"}
HEADERS = {**ProviderConformance.headers, "x-github-api-version": "2022-11-28"}


class TestGitHub(ProviderConformance):
    provider_class = GitHub
    model = "openai/gpt-4.1"
    models = MODELS
    base_url = "https://models.github.ai/inference"
    headers = HEADERS
