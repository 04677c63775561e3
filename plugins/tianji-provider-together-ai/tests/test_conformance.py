from typing import ClassVar

from tianji_core.testing import ProviderConformance
from tianji_provider_together_ai import TogetherAI


class TestTogetherAI(ProviderConformance):
    provider_class = TogetherAI
    model = "openai/gpt-oss-120b"
    base_url = "https://api.together.ai/v1"
    renamed_params: ClassVar = {"max_completion_tokens": "max_tokens", "size": "width", "top_logprobs": "logprobs"}
    ignored_params = frozenset({"user"})
