"""What is built in keeps the same promises as any plugin."""

from __future__ import annotations

from tianji_core.api.auth import AuthBackend
from tianji_core.api.routing import RoutingStrategy
from tianji_core.gateway.builtin import MasterKey
from tianji_core.routing import SimpleShuffle
from tianji_core.testing import AuthBackendConformance, RoutingStrategyConformance
from tianji_core.testing.auth import credentials

KEY = "sk-a-master-key-of-some-length-0123"


class TestMasterKey(AuthBackendConformance):
    good, compares_in_constant_time = credentials(KEY), True

    def backend(self) -> AuthBackend:
        return MasterKey(KEY)


class TestSimpleShuffle(RoutingStrategyConformance):
    def strategy(self) -> RoutingStrategy:
        return SimpleShuffle()
