"""Standard tests of a provider as a plugin: its name, its registration, its settings."""

from __future__ import annotations

import inspect
import re

from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.api.provider import Provider, ProviderSettings
from tianji_core.testing.corpus import SCENARIOS
from tianji_core.testing.provider_kit.kit import SECRET, ProviderKit, feed, prepared


class MannersTests(ProviderKit, kit=True):
    """How a provider presents itself."""

    def test_the_name_is_a_plain_word(self) -> None:
        assert re.fullmatch(r"[a-z][a-z0-9_-]*", self.provider_class.name), self.provider_class.name

    def test_the_plugin_registers_the_provider(self) -> None:
        hook = getattr(self.plugin_module(), "tianji_register_providers", None)
        where = getattr(self.plugin_module(), "__name__", self.plugin_module())
        assert hook is not None, f"{where} has no hook tianji_register_providers"
        assert hasattr(hook, "tianji_impl"), "the hook is not marked with @hookimpl"
        assert not inspect.iscoroutinefunction(hook), "hooks are plain functions"
        name, registered = self.provider_class.name, self.registered()
        assert name in registered, f"the hook registers {sorted(registered)}, but not {name}"
        made = registered[name][0](self.make_settings())
        assert isinstance(made, Provider)
        assert made.name == name

    def test_settings_are_described_and_keep_the_key_to_themselves(self) -> None:
        model = self.settings_model()
        assert issubclass(model, ProviderSettings)
        bare = [name for name, field in model.model_fields.items() if not field.description]
        assert not bare, f"settings without a description: {bare}"
        assert SECRET not in repr(self.make_settings())

    def test_unknown_settings_are_left_to_others(self) -> None:
        """`litellm_params` also hold what the gateway itself reads."""
        self.make_settings(rpm=5, weight=1, input_cost_per_token=0.1)

    def test_environment_variables_have_their_usual_form(self) -> None:
        for name in (*self.provider_class.api_key_env, *self.provider_class.api_base_env):
            assert re.fullmatch(r"[A-Z][A-Z0-9_]*", name), name

    def test_using_a_provider_leaves_no_trace_on_it(self) -> None:
        provider = self.provider()
        before = {key: repr(value) for key, value in vars(provider).items()}
        for scenario in SCENARIOS:
            if self.declares(scenario):
                request = self.request(scenario)
                prepared(provider, request)
                if scenario.answer:
                    provider.parse_response(request, self.response(scenario))
        for scenario in self.stream_scenarios():
            feed(provider.stream_decoder(self.request(scenario, stream=True)), self.stream_bytes(scenario))
        provider.parse_error(500, Headers(), b"")
        assert {key: repr(value) for key, value in vars(provider).items()} == before

    def test_a_local_reply_can_be_read_by_its_own_provider(self) -> None:
        provider, scenario = self.provider(), self.main_scenario()
        local = provider.local_reply(self.request(scenario))
        if local is not None:
            assert provider.local_reply(self.request(scenario)) == local, "answered in two ways"
            reply = UpstreamReply(local.status, Headers(local.headers), local.whole())
            assert provider.parse_response(self.request(scenario), reply)
