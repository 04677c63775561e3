from tianji_core.testing import ProviderConformance
from tianji_provider_openrouter import OpenRouter


class TestOpenRouter(ProviderConformance):
    provider_class = OpenRouter
    model = "anthropic/claude-sonnet-4.5"
    base_url = "https://openrouter.ai/api/v1"
