from tianji_core.testing import ProviderConformance, overrides_standard_test
from tianji_core.testing.provider_kit.kit import json_of
from tianji_provider_watsonx import Watsonx

BASE = "https://us-south.ml.cloud.ibm.com"
QUERY = "?version=2024-03-13"
URLS = {
    "chat": f"{BASE}/ml/v1/text/chat{QUERY}",
    "chat_stream": f"{BASE}/ml/v1/text/chat_stream{QUERY}",
    "embeddings": f"{BASE}/ml/v1/text/embeddings{QUERY}",
    "rerank": f"{BASE}/ml/v1/text/rerank{QUERY}",
}
HEADERS = {"content-type": "application/json"}
SETTINGS = {"api_base": BASE, "project_id": "p-1"}
RENAMED = {"max_completion_tokens": "max_tokens", "tool_choice": "tool_choice_option"}


class TestWatsonx(ProviderConformance):
    provider_class = Watsonx
    model = "meta-llama/llama-3-3-70b-instruct"
    urls = URLS
    headers = HEADERS
    settings = SETTINGS
    renamed_params = RENAMED
    ignored_params = frozenset({"return_documents", "top_n"})
    key_in_request = False

    def expected_body(self, name, request):
        body = {"model_id": request.model, "project_id": "p-1", **request.body}
        del body["model"]
        if isinstance(body.get("tool_choice"), str):
            body["tool_choice_option"] = body.pop("tool_choice")
        return body

    @overrides_standard_test("streams have another address and nothing in their body; cloud.ibm.com/apidocs/watsonx-ai")
    def test_a_stream_is_asked_for_or_refused(self, declared_operation):
        if declared_operation == "chat":
            streamed = self.build("chat", stream=True)
            assert streamed.url == self.urls["chat_stream"]
            assert json_of(streamed) == json_of(self.build("chat"))
