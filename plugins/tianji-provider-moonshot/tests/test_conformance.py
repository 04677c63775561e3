from tianji_core.testing import ProviderConformance
from tianji_provider_moonshot import Moonshot

WISHES = {
    "tool_choice_required": "Call one of the tools now.",
    "tool_choice_named": "Call the tool get_time now.",
}
"""What is said in place of a choice that cannot be made."""
MODELS = {"reasoning": "kimi-k3"}
KIMI_MODELS = {"n": "moonshot-v1-32k", "reasoning": "kimi-k3"}


class TestMoonshot(ProviderConformance):
    provider_class = Moonshot
    model = "moonshot-v1-32k"
    models = MODELS
    base_url = "https://api.moonshot.ai/v1"
    ignored_params = frozenset({"tool_choice"})

    def expected_body(self, name, request):
        body = super().expected_body(name, request)
        if name == "image_url":
            body["messages"] = super().expected_body("image_data", self.request("image_data"))["messages"]
        if name in WISHES:
            del body["tool_choice"]
            body["messages"] = [*body["messages"], {"role": "user", "content": WISHES[name]}]
        return body


class TestKimi(TestMoonshot):
    model = "kimi-k2.6"
    models = KIMI_MODELS
    ignored_params = frozenset({"tool_choice", "reasoning_effort"})

    def expected_body(self, name, request):
        body = super().expected_body(name, request)
        for message in body["messages"]:
            if message.get("tool_calls"):
                message["reasoning_content"] = " "
        return body
