"""The standard tests of a provider."""

from __future__ import annotations

from typing import ClassVar

from tianji_core.testing import ProviderConformance
from tianji_provider_gemini import GeminiProvider

BASE = "https://generativelanguage.googleapis.com/v1beta/models"


class TestGemini(ProviderConformance):
    provider_class = GeminiProvider
    model = "gemini-2.5-flash"
    models: ClassVar = {
        "embeddings": "gemini-embedding-001",
        "image_edits": "gemini-2.5-flash-image",
        "speech": "gemini-2.5-flash-preview-tts",
        # An operation and a feature of chat have this name in common.
        "image_data": "gemini-2.5-flash",
        "image_url": "gemini-2.5-flash",
        "images": "imagen-4.0-generate-001",
    }
    urls: ClassVar = {
        "chat": f"{BASE}/gemini-2.5-flash:generateContent",
        "chat_stream": f"{BASE}/gemini-2.5-flash:streamGenerateContent?alt=sse",
        "embeddings": f"{BASE}/gemini-embedding-001:batchEmbedContents",
        "images": f"{BASE}/imagen-4.0-generate-001:predict",
        "image_edits": f"{BASE}/gemini-2.5-flash-image:generateContent",
        "speech": f"{BASE}/gemini-2.5-flash-preview-tts:generateContent",
    }
    headers: ClassVar = {"content-type": "application/json", "x-goog-api-key": "{api_key}"}
    # Google has no word for `user`, usage comes unasked, and in which form pictures and vectors come is our business.
    ignored_params = frozenset({"user", "stream_options", "response_format", "encoding_format"})
    # Google has no switch against parallel calls.
    refused_scenarios = frozenset({"parallel_tools_off"})
