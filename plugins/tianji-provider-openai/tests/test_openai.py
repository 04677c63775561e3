"""OpenAI's rules by model, and what is left out of messages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tianji_core.api.errors import UnsupportedParamsError
from tianji_core.api.http import UpstreamRequest
from tianji_core.api.provider import ModelRequest
from tianji_core.openai_compat.openai_models import family_of
from tianji_provider_openai import OpenAI, OpenAISettings


def provider(**settings: Any) -> OpenAI:
    environ = settings.pop("environ", {})
    return OpenAI(OpenAISettings.model_validate({"api_key": "k", "environ": environ, **settings}))


def build(model: str, _provider: OpenAI | None = None, **body: Any) -> UpstreamRequest:
    messages = [{"role": "user", "content": "Hi"}]
    request = ModelRequest("chat", model, {"model": model, "messages": messages, **body})
    return (_provider or provider()).build_request(request)


def sent(model: str, _provider: OpenAI | None = None, **body: Any) -> Any:
    data = build(model, _provider, **body).body
    assert isinstance(data, bytes)
    return json.loads(data)


@pytest.mark.parametrize(
    ("model", "taken", "refused"),
    [
        ("gpt-4o-mini", {"temperature", "logprobs", "stop", "user"}, {"reasoning_effort", "verbosity"}),
        ("gpt-4.1-2025-04-14", {"temperature", "prediction"}, {"reasoning_effort"}),
        ("my-own-model", {"temperature", "web_search_options"}, {"reasoning_effort"}),
        ("ft:o3-mini:acme::1", {"reasoning_effort", "stop"}, {"top_p", "logprobs", "presence_penalty"}),
        ("o1-mini", {"max_tokens"}, {"reasoning_effort", "top_p"}),
        ("gpt-5", {"reasoning_effort", "verbosity", "max_tokens"}, {"top_p", "stop", "audio", "logit_bias"}),
        ("gpt-5.1", {"top_p", "logprobs", "verbosity"}, {"stop", "presence_penalty"}),
        ("gpt-5-chat-latest", {"top_p", "stop"}, {"reasoning_effort"}),
        ("gpt-5-search-api", {"web_search_options", "max_tokens"}, {"temperature", "n"}),
        ("gpt-4o-search-preview", {"web_search_options"}, {"temperature", "top_p"}),
        ("gpt-4o-audio-preview", {"audio", "modalities"}, {"web_search_options", "reasoning_effort"}),
    ],
)
def test_params_by_family(model: str, taken: set[str], refused: set[str]) -> None:
    supported = provider().supported_params(model, "chat")
    assert supported is not None
    assert taken <= supported
    assert not refused & supported


def test_a_path_before_the_name_does_not_matter() -> None:
    assert family_of("acme/o3") == family_of("o3") != family_of("gpt-4o")


def test_reasoning_models_count_tokens_under_another_name() -> None:
    assert sent("o3", max_tokens=5)["max_completion_tokens"] == 5
    both = sent("gpt-5", max_tokens=5, max_completion_tokens=7)
    assert both["max_completion_tokens"] == 7
    assert "max_tokens" not in both
    assert sent("gpt-4o", max_tokens=5)["max_tokens"] == 5


def test_reasoning_models_take_one_temperature() -> None:
    assert sent("o3", temperature=1)["temperature"] == 1
    with pytest.raises(UnsupportedParamsError) as caught:
        build("o3", temperature=0.2)
    assert caught.value.param == "temperature"
    body = {"model": "o3", "messages": [], "temperature": 0.2}
    dropped = provider().build_request(ModelRequest("chat", "o3", body, drop_params=True)).body
    assert dropped == b'{"model":"o3","messages":[]}'


def test_gpt_5_1_samples_freely_while_it_does_not_think() -> None:
    assert sent("gpt-5.1", temperature=0.2, top_p=0.5)["top_p"] == 0.5
    assert sent("gpt-5.1", temperature=0.2, reasoning_effort="none")["temperature"] == 0.2
    with pytest.raises(UnsupportedParamsError):
        build("gpt-5.1", top_p=0.5, reasoning_effort="high")


@pytest.mark.parametrize(
    ("model", "system", "developer"),
    [
        ("gpt-4o", "system", "system"),
        ("o3", "developer", "developer"),
        ("gpt-5", "developer", "developer"),
        ("o1-mini", "user", "user"),
    ],
)
def test_who_speaks_for_the_system(model: str, system: str, developer: str) -> None:
    messages = [{"role": "system", "content": "a"}, {"role": "developer", "content": "b"}]
    assert [m["role"] for m in sent(model, messages=messages)["messages"]] == [system, developer]


def test_messages_lose_what_is_foreign() -> None:
    marker = {"type": "ephemeral"}
    messages = [
        {"role": "user", "cache_control": marker, "content": [{"type": "text", "text": "x", "cache_control": marker}]},
        {"role": "assistant", "content": "y", "thinking_blocks": [{}], "provider_specific_fields": {"a": 1}},
        {"role": "assistant", "content": None, "function_call": None, "reasoning_content": "kept"},
        {"role": "user", "content": [{"type": "image_url", "image_url": "https://example.com/a.png"}]},
        {"role": "user", "content": [{"type": "file", "file": {"file_id": "f", "format": "application/pdf"}}]},
    ]
    assert sent("gpt-4o", messages=messages)["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "x"}]},
        {"role": "assistant", "content": "y"},
        {"role": "assistant", "reasoning_content": "kept"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]},
        {"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]},
    ]


def test_tools_lose_cache_markers_and_a_lone_tool_choice_goes() -> None:
    tool = {"type": "function", "function": {"name": "f", "cache_control": {}}, "cache_control": {}}
    body = sent("gpt-4o", tools=[tool], tool_choice="auto")
    assert body["tools"] == [{"type": "function", "function": {"name": "f"}}]
    assert body["tool_choice"] == "auto"
    assert "tool_choice" not in sent("gpt-4o", tool_choice="auto")


def test_legacy_functions_are_passed_on() -> None:
    body = sent("gpt-4o", functions=[{"name": "f"}], function_call="auto")
    assert body["functions"] == [{"name": "f"}]
    assert body["function_call"] == "auto"


def test_organization_and_project() -> None:
    environ = {"OPENAI_ORGANIZATION": "org-env", "OPENAI_PROJECT": "proj-env"}
    assert dict(provider(environ=environ).headers())["openai-project"] == "proj-env"
    headers = dict(provider(environ=environ, organization="org-set", project="proj-set").headers())
    assert (headers["openai-organization"], headers["openai-project"]) == ("org-set", "proj-set")
    given = provider(organization="org-set", extra_headers={"OpenAI-Organization": "org-header"}).headers()
    assert [value for name, value in given if name == "openai-organization"] == ["org-header"]
