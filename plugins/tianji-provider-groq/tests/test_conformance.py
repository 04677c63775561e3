from tianji_core.testing import ProviderConformance
from tianji_provider_groq import Groq


class TestGroq(ProviderConformance):
    provider_class = Groq
    model = "openai/gpt-oss-120b"
    base_url = "https://api.groq.com/openai/v1"
