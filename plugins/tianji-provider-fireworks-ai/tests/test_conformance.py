from typing import ClassVar

from tianji_core.testing import ProviderConformance
from tianji_provider_fireworks_ai import FireworksAI


class TestFireworksAI(ProviderConformance):
    provider_class = FireworksAI
    model = "accounts/fireworks/models/gpt-oss-120b"
    base_url = "https://api.fireworks.ai/inference/v1"
    models: ClassVar = {"transcriptions": "whisper-v3", "translations": "whisper-v3"}
    urls: ClassVar = {
        "transcriptions": "https://audio-prod.api.fireworks.ai/v1/audio/transcriptions",
        "translations": "https://audio-prod.api.fireworks.ai/v1/audio/translations",
    }
    renamed_params: ClassVar = {"max_completion_tokens": "max_tokens"}
