"""The standard tests of both providers; Ollama's answers are in `samples`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, ClassVar

from tianji_core.api.errors import InternalServerError
from tianji_core.api.http import Media, UpstreamReply, UpstreamRequest
from tianji_core.api.provider import ModelRequest
from tianji_core.testing import ProviderConformance
from tianji_core.testing.corpus import CHAT, Scenario
from tianji_core.testing.provider_kit.kit import json_of
from tianji_provider_ollama import Ollama, OllamaChat

PNG = b"\x89PNG\r\n\x1a\n"


class FakeNetwork:
    """Every address leads to a picture."""

    async def fetch(self, request: UpstreamRequest, *, timeout: float = 60.0, limit: int = 0) -> UpstreamReply:
        raise AssertionError("nothing is fetched")

    async def download(self, url: str, *, limit: int = 0) -> Media:
        return Media("image/png", PNG)


class OllamaKit(ProviderConformance):
    __test__ = False
    key_in_request = False  # it may be there and need not
    has_filter = False
    stream_error_class = InternalServerError
    ignored_params = frozenset({"encoding_format", "user"})
    models: ClassVar[dict[str, str]] = {"reasoning": "gpt-oss:20b"}
    headers: ClassVar[dict[str, str]] = {"content-type": "application/json", "authorization": "Bearer {api_key}"}

    def request(self, scenario: Scenario | str = CHAT, *, stream: bool = False, **members: Any) -> ModelRequest:
        """As it is after `prepare`, which puts images in place of their addresses."""
        request = super().request(scenario, stream=stream, **members)
        if "https://example.com/cat.png" in str(request.body.get("messages")):
            asyncio.run(self.provider().prepare(request, FakeNetwork()))
        return request

    def assert_refused(self, scenario: Scenario) -> None:
        """A choice of no tool can be said, by sending none; what forces a call is refused."""
        if scenario.name == "tool_choice_none":
            assert "tools" not in json_of(self.build(scenario))
        else:
            super().assert_refused(scenario)


class TestOllamaChat(OllamaKit):
    __test__ = True
    provider_class = OllamaChat
    model = "llama3.1"
    urls: ClassVar[dict[str, str]] = {
        "chat": "http://localhost:11434/api/chat",
        "embeddings": "http://localhost:11434/api/embed",
    }


class TestOllama(OllamaKit):
    __test__ = True
    provider_class = Ollama
    model = "llama3.1"
    urls: ClassVar[dict[str, str]] = {
        "chat": "http://localhost:11434/api/generate",
        "completions": "http://localhost:11434/api/generate",
        "embeddings": "http://localhost:11434/api/embed",
    }

    def samples_dir(self) -> Path:
        """Those of prompts are apart; what goes to `/api/chat` is the same for both."""
        return super().samples_dir() / "generate"

    def sample_file(self, stem: str, suffixes: tuple[str, ...] = (".json", ".bin")) -> Path | None:
        return super().sample_file(stem, suffixes) or next(
            (path for suffix in suffixes if (path := self.samples_dir().parent / f"{stem}{suffix}").is_file()), None
        )
