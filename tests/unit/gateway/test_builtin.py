"""What is built in keeps the same promises as any plugin."""

from __future__ import annotations

import sys

from tianji_core import hookimpl
from tianji_core.api.auth import AuthBackend
from tianji_core.api.routing import RoutingStrategy
from tianji_core.discovery import Registry
from tianji_core.gateway.builtin import AnyOpenAICompatible, MasterKey, register_builtins
from tianji_core.routing import SimpleShuffle
from tianji_core.testing import (
    AuthBackendConformance,
    ProviderConformance,
    RoutingStrategyConformance,
    overrides_standard_test,
)
from tianji_core.testing.auth import credentials

BASE = "http://server.test:8080/v1"
SETTINGS = {"api_base": BASE}
KEY = "sk-a-master-key-of-some-length-0123"


class TestMasterKey(AuthBackendConformance):
    good, compares_in_constant_time = credentials(KEY), True

    def backend(self) -> AuthBackend:
        return MasterKey(KEY)


class TestSimpleShuffle(RoutingStrategyConformance):
    def strategy(self) -> RoutingStrategy:
        return SimpleShuffle()


@hookimpl
def tianji_register_providers(register):
    """What a package's hook does, for the kit: hand over what is built in."""
    registry = Registry()
    register_builtins(registry)
    for name in ("openai_compatible", "custom_openai"):
        found = registry.load("provider", name, "here")
        register(name, found.factory, found.settings)


class TestOpenAICompatible(ProviderConformance):
    provider_class = AnyOpenAICompatible
    plugin = sys.modules[__name__]
    model = "any/model"
    base_url = BASE
    settings = SETTINGS

    @overrides_standard_test("many servers want no key: llama.cpp, LM Studio and their kin")
    def test_without_a_key_the_error_says_what_to_set(self) -> None:
        request = self.provider(api_key=None).build_request(self.request("chat"))
        assert request.headers == [("content-type", "application/json")]

    def test_reasoning_under_its_other_name(self) -> None:
        chunk = {"choices": [{"delta": {"reasoning": "Hm."}}]}
        self.provider().patch_chunk(chunk)
        assert chunk == {"choices": [{"delta": {"reasoning_content": "Hm."}}]}
