"""The provider kit on the core's own OpenAI base class."""

from __future__ import annotations

from tianji_core.openai_compat import OpenAICompatible
from tianji_core.testing.provider import ProviderConformance, overrides_standard_test


class Plain(OpenAICompatible):
    name = "plain"
    default_base = "https://api.plain.example/v1"
    api_key_env = ("PLAIN_API_KEY", "PLAIN_TOKEN")
    api_base_env = ("PLAIN_API_BASE",)


class TestPlain(ProviderConformance):
    provider_class = Plain
    model = "plain-1"
    base_url = "https://api.plain.example/v1"

    @overrides_standard_test("not a plugin, just a class in a test")
    def test_the_plugin_registers_the_provider(self) -> None:
        assert self.registered() == {}
