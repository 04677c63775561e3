"""Deployments without a vendor behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tianji_core.api.provider import ProviderSettings
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.routing import Deployment
from tianji_core.transport import Timeouts


class Vendor(OpenAICompatible):
    name = "vendor"
    key_required = False
    unsupported_params = frozenset({"seed"})


@pytest.fixture
def deployment() -> Callable[..., Deployment]:
    def make(name: str = "m", model: str = "up", **named: Any) -> Deployment:
        provider = Vendor(ProviderSettings(api_base="http://vendor.test"))
        fields: dict[str, Any] = {
            "id": named.pop("id", f"{name}:{model}"),
            "model_name": name,
            "model": model,
            "provider_name": "vendor",
            "provider": provider,
            "transport": None,
            "network": None,
            "timeouts": Timeouts(),
            "stream_timeouts": Timeouts(),
        }
        return Deployment(**fields, **named)

    return make
