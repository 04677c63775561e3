from tianji_core.testing import ProviderConformance
from tianji_provider_azure import Azure, AzureText

HOST = "https://res.openai.azure.com"
QUERY = "?api-version=2024-10-21"
PATHS = {
    "chat": "/chat/completions",
    "completions": "/completions",
    "embeddings": "/embeddings",
    "images": "/images/generations",
    "image_edits": "/images/edits",
    "speech": "/audio/speech",
    "transcriptions": "/audio/transcriptions",
    "translations": "/audio/translations",
}
MODELS = {"reasoning": "gpt-5", "audio": "gpt-4o-audio-preview", "logprobs": "gpt-4o"}
HEADERS = {"content-type": "application/json", "api-key": "{api_key}"}

DATED = {"api_base": HOST, "api_version": "2024-10-21"}
UNDATED = {"api_base": HOST, "api_version": "v1"}
DATED_URLS = {name: f"{HOST}/openai/deployments/gpt-4o-mini{path}{QUERY}" for name, path in PATHS.items()}
UNDATED_URLS = {name: f"{HOST}/openai/v1{path}" for name, path in PATHS.items()}
TEXT_URLS = {"completions": f"{HOST}/openai/deployments/gpt-35-turbo-instruct/completions{QUERY}"}


class TestAzure(ProviderConformance):
    provider_class = Azure
    model = "gpt-4o-mini"
    models = MODELS
    headers = HEADERS
    settings = DATED
    urls = DATED_URLS

    def expected_body(self, name, request):
        body = super().expected_body(name, request)
        if name in ("images", "image_edits"):
            del body["model"]
        return body


class TestV1(ProviderConformance):
    provider_class = Azure
    model = "gpt-4o-mini"
    models = MODELS
    headers = HEADERS
    settings = UNDATED
    urls = UNDATED_URLS


class TestAzureText(ProviderConformance):
    provider_class = AzureText
    model = "gpt-35-turbo-instruct"
    headers = HEADERS
    settings = DATED
    urls = TEXT_URLS
