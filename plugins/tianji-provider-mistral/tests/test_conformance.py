from tianji_core.testing import ProviderConformance
from tianji_provider_mistral import Codestral, CodestralText, Mistral

MODELS = {"reasoning": "magistral-medium-latest", "transcriptions": "voxtral-mini-latest"}
RENAMED = {"seed": "random_seed", "max_completion_tokens": "max_tokens", "reasoning_effort": "prompt_mode"}
SEED = {"seed": "random_seed"}
FIM = {"completions": "https://codestral.mistral.ai/v1/fim/completions"}


class MistralKit(ProviderConformance, kit=True):
    renamed_params = RENAMED
    ignored_params = frozenset({"user"})
    has_filter = False

    def expected_body(self, name, request):
        body = super().expected_body(name, request)
        if body.get("tool_choice") == "required":
            body["tool_choice"] = "any"
        if "prompt_mode" in body:
            body["prompt_mode"] = "reasoning"
        for message in body.get("messages", ()):
            content = message.get("content")
            if isinstance(content, list):
                if all(part["type"] == "text" for part in content):
                    message["content"] = "".join(part["text"] for part in content)
                else:
                    message["content"] = [self.expected_part(part) for part in content]
        return body

    @staticmethod
    def expected_part(part):
        if part["type"] == "file":
            file = part["file"]
            return {"type": "document_url", "document_url": file["file_data"], "document_name": file["filename"]}
        if part["type"] == "input_audio":
            return {"type": "input_audio", "input_audio": part["input_audio"]["data"]}
        return part


class TestMistral(MistralKit):
    provider_class = Mistral
    model = "mistral-large-latest"
    models = MODELS
    base_url = "https://api.mistral.ai/v1"


class TestCodestral(MistralKit):
    provider_class = Codestral
    model = "codestral-latest"
    base_url = "https://codestral.mistral.ai/v1"


class TestCodestralText(ProviderConformance):
    provider_class = CodestralText
    model = "codestral-latest"
    urls = FIM
    renamed_params = SEED
    has_filter = False
