from tianji_core.testing import ProviderConformance, overrides_standard_test
from tianji_provider_azure_ai import AzureAI

FOUNDRY = "https://res.services.ai.azure.com"
SERVERLESS = "https://mine.eastus2.models.ai.azure.com"
QUERY = "?api-version=2024-05-01-preview"
MODELS = {"embeddings": "text-embedding-3-small", "rerank": "Cohere-rerank-v4.0-pro"}


class AzureAIKit(ProviderConformance, kit=True):
    provider_class = AzureAI
    model = "Llama-3.3-70B-Instruct"
    models = MODELS

    def expected_body(self, name, request):
        body = super().expected_body(name, request)
        for message in body.get("messages", ()):
            content = message.get("content")
            if isinstance(content, list) and all(part["type"] == "text" for part in content):
                message["content"] = "".join(part["text"] for part in content)
        return body


class TestServerless(AzureAIKit):
    settings = {"api_base": SERVERLESS}  # noqa: RUF012
    urls = {  # noqa: RUF012
        "chat": f"{SERVERLESS}/chat/completions",
        "embeddings": f"{SERVERLESS}/embeddings",
        "rerank": f"{SERVERLESS}/v1/rerank",
    }


class TestFoundry(AzureAIKit):
    settings = {"api_base": FOUNDRY}  # noqa: RUF012
    headers = {"content-type": "application/json", "api-key": "{api_key}"}  # noqa: RUF012
    urls = {  # noqa: RUF012
        "chat": f"{FOUNDRY}/models/chat/completions{QUERY}",
        "embeddings": f"{FOUNDRY}/models/embeddings{QUERY}",
        "rerank": f"{FOUNDRY}/providers/cohere/v2/rerank",
    }

    @overrides_standard_test("the header field of the key and the path go by the host; see test_azure_ai.py")
    def test_another_api_base_keeps_the_format(self) -> None: ...
