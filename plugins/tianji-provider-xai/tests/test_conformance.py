from typing import ClassVar

from tianji_core.testing import ProviderConformance
from tianji_provider_xai import XAI


class TestXAI(ProviderConformance):
    provider_class = XAI
    model = "grok-3-mini"
    base_url = "https://api.x.ai/v1"
    urls: ClassVar = {"speech": "https://api.x.ai/v1/tts", "transcriptions": "https://api.x.ai/v1/stt"}
    renamed_params: ClassVar = {"max_completion_tokens": "max_tokens", "voice": "voice_id"}
    ignored_params = frozenset({"response_format"})
    """Sent, but in speech inside `output_format`; the features show the rest."""
