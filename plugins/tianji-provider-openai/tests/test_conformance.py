from pathlib import Path
from typing import ClassVar

import tianji_provider_openai
from tianji_core.api.provider import Capabilities
from tianji_core.testing import ProviderConformance
from tianji_provider_openai import OpenAI, OpenAIText

BASE = "https://api.openai.com/v1"
MODELS = {"reasoning": "gpt-5", "audio": "gpt-4o-audio-preview", "logprobs": "gpt-4o"}
RENAMED = {"max_tokens": "max_completion_tokens"}


class TestOpenAI(ProviderConformance):
    provider_class = OpenAI
    model = "gpt-4o-mini"
    models = MODELS
    base_url = BASE


class TestGPT5(ProviderConformance):
    provider_class = OpenAI
    model = "gpt-5"
    models = MODELS
    renamed_params = RENAMED
    base_url = BASE
    ignored_params = frozenset({"web_search_options"})  # served through Responses: see test_by_responses.py

    def expected_body(self, name, request):
        body = super().expected_body(name, request)
        for message in body.get("messages", ()):
            if message["role"] == "system":
                message["role"] = "developer"
        return body


class TestOpenAIText(ProviderConformance):
    provider_class = OpenAIText
    model = "gpt-3.5-turbo-instruct"
    base_url = BASE


class ChatByResponses(OpenAI):
    """What models that have nothing but Responses can do."""

    capabilities = Capabilities.of(
        "chat",
        features=(
            "streaming",
            "tools",
            "parallel_tools",
            "tool_choice",
            "json_object",
            "json_schema",
            "images",
            "audio",
            "files",
            "reasoning",
            "prompt_caching",
            "logprobs",
        ),
    )


class TestByResponses(ProviderConformance):
    """The other wire format, with samples of its own."""

    provider_class = ChatByResponses
    plugin = tianji_provider_openai
    model = "gpt-5-pro"
    models: ClassVar = {"logprobs": "responses/gpt-4o"}
    refused_scenarios = frozenset({"sampling"})  # it has stop sequences
    urls: ClassVar = {"chat": f"{BASE}/responses"}
    openai_shaped = False

    def samples_dir(self):
        return Path(__file__).parent / "responses_samples"
