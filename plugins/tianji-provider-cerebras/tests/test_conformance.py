from typing import ClassVar

from tianji_core.testing import ProviderConformance
from tianji_provider_cerebras import Cerebras


class TestCerebras(ProviderConformance):
    provider_class = Cerebras
    model = "gpt-oss-120b"
    base_url = "https://api.cerebras.ai/v1"
    renamed_params: ClassVar = {"max_completion_tokens": "max_tokens"}
