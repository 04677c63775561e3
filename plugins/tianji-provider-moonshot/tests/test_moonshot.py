"""What Moonshot does otherwise than OpenAI."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tianji_core.api.http import Media, UpstreamReply, UpstreamRequest
from tianji_core.api.provider import Body, ModelRequest, ProviderSettings
from tianji_provider_moonshot import Moonshot
from tianji_provider_moonshot.models import GRADED, PLAIN, SWITCHED, THINKING, family_of

CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def moonshot() -> Moonshot:
    return Moonshot(ProviderSettings(api_key="k"))


def sent(model: str = "moonshot-v1-8k", **members: Any) -> Any:
    body: Body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], **members}
    data = moonshot().build_request(ModelRequest("chat", model, body)).body
    assert isinstance(data, bytes)
    return json.loads(data)


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("moonshot-v1-8k", PLAIN),
        ("kimi-k2-0905-preview", PLAIN),
        ("kimi-k2-thinking-turbo", THINKING),
        ("kimi-thinking-preview", THINKING),
        ("kimi-k2.5", SWITCHED),
        ("kimi-k2.6", SWITCHED),
        ("kimi-k2.7-code", THINKING),
        ("kimi-k3", GRADED),
        ("kimi-k10", GRADED),
    ],
)
def test_families(model: str, family: Any) -> None:
    assert family_of(model) is family
    supported = moonshot().supported_params(model, "chat") or frozenset()
    assert ("temperature" in supported) is (family is PLAIN)
    assert ("reasoning_effort" in supported) is bool(family.effort)


@pytest.mark.parametrize(
    ("model", "effort", "wanted"),
    [
        ("kimi-k3", "low", {"reasoning_effort": "low"}),
        ("kimi-k3", "medium", {"reasoning_effort": "high"}),
        ("kimi-k3", "xhigh", {"reasoning_effort": "max"}),
        ("kimi-k2.6", "none", {"thinking": {"type": "disabled"}}),
        ("kimi-k2.6", "low", {"thinking": {"type": "enabled"}}),
    ],
)
def test_efforts(model: str, effort: str, wanted: Body) -> None:
    body = sent(model, reasoning_effort=effort)
    assert {key: body[key] for key in body.keys() & {"reasoning_effort", "thinking"}} == wanted


def test_own_thinking_goes_first() -> None:
    thinking = {"type": "disabled"}
    assert sent("kimi-k2.6", reasoning_effort="high", thinking=thinking)["thinking"] == thinking


@pytest.mark.parametrize(
    ("given", "n", "wanted"), [(1.5, None, 1), (0.1, None, 0.1), (0.1, 2, 0.3), (0, 1, 0), (2, 3, 1)]
)
def test_temperatures(given: float, n: int | None, wanted: float) -> None:
    assert sent(temperature=given, n=n)["temperature"] == wanted


def test_tools_cannot_be_forced() -> None:
    assert sent(tool_choice="auto")["tool_choice"] == "auto"
    body = sent(tool_choice={"type": "function", "function": {"name": "f"}})
    assert "tool_choice" not in body
    assert body["messages"][-1] == {"role": "user", "content": "Call the tool f now."}


def test_calls_without_their_reasoning() -> None:
    messages = [
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "assistant", "tool_calls": [CALL], "reasoning_content": "x"},
    ]
    assert [m.get("reasoning_content") for m in sent("kimi-k2.6", messages=messages)["messages"]] == [" ", "x"]
    assert [m.get("reasoning_content") for m in sent(messages=messages)["messages"]] == [None, "x"]


class FakeNetwork:
    """Has one picture at every address."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def fetch(self, request: UpstreamRequest, *, timeout: float = 60.0, limit: int = 0) -> UpstreamReply:
        raise AssertionError

    async def download(self, url: str, *, limit: int = 0) -> Media:
        self.asked.append(url)
        return Media("image/png", b"png")


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://a.test/x.png", "data:image/png;base64,cG5n"),
        ("ms://file-1", "ms://file-1"),
        ("data:image/png;base64,AA==", "data:image/png;base64,AA=="),
    ],
)
def test_pictures_are_fetched(url: str, wanted: str) -> None:
    network = FakeNetwork()
    message = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}
    request = ModelRequest("chat", "kimi-k2.6", {"messages": [message]})
    asyncio.run(moonshot().prepare(request, network))
    assert request.body["messages"][0]["content"][0]["image_url"]["url"] == wanted
    assert network.asked == ([url] if url != wanted else [])
    assert message["content"] == [{"type": "image_url", "image_url": {"url": url}}]


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        (
            {"usage": {"prompt_tokens": 9, "cached_tokens": 4}},
            {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4}},
        ),
        ({"choices": [{"usage": {"prompt_tokens": 9}}, None]}, {"prompt_tokens": 9}),
        ({"choices": [{"usage": {"prompt_tokens": 1}}], "usage": {"prompt_tokens": 9}}, {"prompt_tokens": 9}),
        (
            {"usage": {"cached_tokens": None, "prompt_tokens_details": []}},
            {"cached_tokens": None, "prompt_tokens_details": []},
        ),
        ({"choices": None, "usage": None}, None),
    ],
)
def test_usage(body: Body, usage: Body | None) -> None:
    moonshot().patch_chunk(body)
    assert body["usage"] == usage
    assert all("usage" not in choice for choice in body.get("choices") or () if choice)
