"""OpenAI's models at a host of somebody's own."""

from __future__ import annotations

import json

import pytest

from tianji_core.api.errors import UnsupportedParamsError
from tianji_core.api.provider import ModelRequest, ProviderSettings
from tianji_core.openai_compat import OpenAIModels
from tianji_core.openai_compat.openai_models import Family, family_of


class Host(OpenAIModels):
    """Calls its o3 `thinker`."""

    name = "host"
    default_base = "https://host.test"

    def family(self, model: str) -> Family:
        return family_of("o3" if model == "thinker" else model)


def sent(model, **body):
    request = ModelRequest("chat", model, {"model": model, "messages": [{"role": "system", "content": "a"}], **body})
    return json.loads(Host(ProviderSettings(api_key="k")).build_request(request).body)


def test_the_rules_of_a_model_by_another_name():
    body = sent("thinker", max_tokens=5)
    assert body["max_completion_tokens"] == 5
    assert body["messages"][0]["role"] == "developer"
    assert sent("gpt-4o", max_tokens=5)["max_tokens"] == 5
    supported = Host(ProviderSettings(api_key="k")).supported_params("thinker", "chat")
    assert "reasoning_effort" in supported
    assert "top_p" not in supported


def test_refusals_name_the_host():
    with pytest.raises(UnsupportedParamsError) as caught:
        sent("thinker", temperature=0.2)
    assert caught.value.provider == "host"
