"""The standard tests of a provider."""

from __future__ import annotations

from typing import ClassVar

from tianji_core.api.errors import OverloadedError
from tianji_core.testing import ProviderConformance
from tianji_provider_anthropic import AnthropicProvider


class TestAnthropic(ProviderConformance):
    provider_class = AnthropicProvider
    model = "claude-sonnet-4-5-20250929"
    urls: ClassVar = {"chat": "https://api.anthropic.com/v1/messages"}
    headers: ClassVar = {
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
        "x-api-key": "{api_key}",
    }
    # `json_object` without a schema is for the prompt to ask for: the vendor has no such mode.
    ignored_params = frozenset({"response_format"})
    stream_error_class = OverloadedError
