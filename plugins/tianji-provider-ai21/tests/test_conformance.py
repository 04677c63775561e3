from tianji_core.testing import ProviderConformance
from tianji_provider_ai21 import AI21

RENAMED = {"max_completion_tokens": "max_tokens"}


class TestAI21(ProviderConformance):
    provider_class = AI21
    model = "jamba-large"
    base_url = "https://api.ai21.com/studio/v1"
    renamed_params = RENAMED

    def expected_body(self, name, request):
        body = super().expected_body(name, request)
        for message in body["messages"]:
            if isinstance(message.get("content"), list) and all("text" in part for part in message["content"]):
                message["content"] = "".join(part["text"] for part in message["content"])
        return body
