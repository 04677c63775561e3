from typing import ClassVar

from tianji_core.testing import ProviderConformance
from tianji_provider_sambanova import SambaNova


class TestSambaNova(ProviderConformance):
    provider_class = SambaNova
    model = "gpt-oss-120b"
    base_url = "https://api.sambanova.ai/v1"
    renamed_params: ClassVar = {"max_completion_tokens": "max_tokens"}
    ignored_params = frozenset({"user"})

    def expected_body(self, name, request):
        """Content that is nothing but texts is sent as one."""
        body = super().expected_body(name, request)
        for message in body.get("messages", ()):
            content = message.get("content")
            if isinstance(content, list) and all(part["type"] == "text" for part in content):
                message["content"] = "".join(part["text"] for part in content)
        return body
