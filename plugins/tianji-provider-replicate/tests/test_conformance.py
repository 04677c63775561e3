"""The standard tests; Replicate's predictions are in `samples`."""

from __future__ import annotations

from typing import ClassVar

from tianji_core.api.errors import InternalServerError
from tianji_core.testing import ProviderConformance
from tianji_provider_replicate import Replicate

CLAUDE = "anthropic/claude-4.5-sonnet"
BASE = "https://api.replicate.com/v1"


class TestReplicate(ProviderConformance):
    provider_class = Replicate
    model = CLAUDE
    models: ClassVar[dict[str, str]] = {
        "reasoning": "openai/gpt-5",
        "image_data": CLAUDE,
        "image_url": CLAUDE,
        "images": "black-forest-labs/flux-schnell",
    }
    urls: ClassVar[dict[str, str]] = {
        "chat": f"{BASE}/models/{CLAUDE}/predictions",
        "images": f"{BASE}/models/black-forest-labs/flux-schnell/predictions",
    }
    ignored_params = frozenset({"response_format", "user"})
    stream_error_class = InternalServerError
    stream_usage = False
