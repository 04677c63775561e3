from tianji_core.testing import ProviderConformance
from tianji_provider_openai import OpenAI, OpenAIText

BASE = "https://api.openai.com/v1"
MODELS = {"reasoning": "gpt-5", "audio": "gpt-4o-audio-preview", "logprobs": "gpt-4o"}
RENAMED = {"max_tokens": "max_completion_tokens"}


class TestOpenAI(ProviderConformance):
    provider_class = OpenAI
    model = "gpt-4o-mini"
    models = MODELS
    base_url = BASE


class TestGPT5(ProviderConformance):
    provider_class = OpenAI
    model = "gpt-5"
    models = MODELS
    renamed_params = RENAMED
    base_url = BASE

    def expected_body(self, name, request):
        body = super().expected_body(name, request)
        for message in body.get("messages", ()):
            if message["role"] == "system":
                message["role"] = "developer"
        return body


class TestOpenAIText(ProviderConformance):
    provider_class = OpenAIText
    model = "gpt-3.5-turbo-instruct"
    base_url = BASE
