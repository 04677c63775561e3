"""What a plugin's tests are made of: conformance kits for the six kinds, a scripted fake upstream, pytest fixtures.

Subclass the kit of your kind in a test module; see docs/plugins/testing.md. The fixtures of
`tianji_core.testing.pytest_plugin` are there by themselves once tianji-core is installed. Needs pytest
(`pip install "tianji-core[testing]"`). Everything is loaded on first use, so that importing this costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tianji_core.testing.auth import AuthBackendConformance
    from tianji_core.testing.cache import CacheConformance
    from tianji_core.testing.callback import CallbackConformance
    from tianji_core.testing.fake_upstream import Answer, FakeUpstream
    from tianji_core.testing.guardrail import GuardrailConformance
    from tianji_core.testing.provider import ProviderConformance
    from tianji_core.testing.routing import RoutingStrategyConformance
    from tianji_core.testing.standard import overrides_standard_test

__all__ = [
    "Answer",
    "AuthBackendConformance",
    "CacheConformance",
    "CallbackConformance",
    "FakeUpstream",
    "GuardrailConformance",
    "ProviderConformance",
    "RoutingStrategyConformance",
    "overrides_standard_test",
]

_HOMES = {
    "Answer": "fake_upstream",
    "AuthBackendConformance": "auth",
    "CacheConformance": "cache",
    "CallbackConformance": "callback",
    "FakeUpstream": "fake_upstream",
    "GuardrailConformance": "guardrail",
    "ProviderConformance": "provider",
    "RoutingStrategyConformance": "routing",
    "overrides_standard_test": "standard",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{home}"), name)
