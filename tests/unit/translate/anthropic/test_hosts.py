"""What differs between the hosts of Claude, and what is downloaded for them."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from tianji_core.api.errors import BadRequestError
from tianji_core.api.http import Media, UpstreamReply, UpstreamRequest
from tianji_core.translate.anthropic.hosts import ANTHROPIC, BEDROCK, VERTEX, Host
from tianji_core.translate.anthropic.models import traits
from tianji_core.translate.anthropic.request import chat_to_anthropic

MODEL = "claude-sonnet-4-5"
DATA = base64.b64encode(b"bytes").decode()


class FakeNetwork:
    """Gives every address the same content."""

    def __init__(self, content_type: str = "image/png") -> None:
        self.content_type = content_type
        self.asked: list[str] = []

    async def download(self, url: str, *, limit: int = 0) -> Media:
        self.asked.append(url)
        return Media(self.content_type, b"bytes")

    async def fetch(self, request: UpstreamRequest, *, timeout: float = 0, limit: int = 0) -> UpstreamReply:
        raise AssertionError("nothing is to be fetched")


def built(host: Host, content: Any = "Hi", *, stream: bool = False, betas: Any = None, **members: Any) -> Any:
    body = {"messages": [{"role": "user", "content": content}], **members}
    return host.body(chat_to_anthropic(body, traits(MODEL)), MODEL, stream=stream, betas=betas)


def test_what_the_body_says_beside_the_conversation() -> None:
    rest = {name: built(host, stream=True) for name, host in (("a", ANTHROPIC), ("v", VERTEX), ("b", BEDROCK))}
    for body in rest.values():
        del body["messages"], body["max_tokens"]
    assert rest == {
        "a": {"model": MODEL, "stream": True},
        "v": {"anthropic_version": "vertex-2023-10-16", "stream": True},
        "b": {"anthropic_version": "bedrock-2023-05-31"},
    }


def test_betas_are_in_the_body_where_the_host_wants_them_there() -> None:
    tools = [{"type": "computer_20250124", "name": "computer"}]
    assert built(BEDROCK, tools=tools, betas="x, y")["anthropic_beta"] == ["x", "y", "computer-use-2025-01-24"]
    assert "anthropic_beta" not in built(VERTEX, tools=tools, betas="x")
    assert "anthropic_beta" not in built(BEDROCK)


@pytest.mark.parametrize("host", [VERTEX, BEDROCK])
def test_addresses_are_downloaded_for_hosts_that_fetch_none(host: Host) -> None:
    image, page = "https://x.example/a.png", "https://x.example/b.png"
    messages = [
        {"role": "system", "content": "S"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "t"},
                {"type": "image_url", "image_url": {"url": image}},
                {"type": "image", "source": {"type": "url", "url": page}, "cache_control": {"type": "ephemeral"}},
            ],
        },
    ]
    before = repr(messages)
    with pytest.raises(BadRequestError, match="data URI"):
        built(host, messages=messages)
    network = FakeNetwork()
    inlined = asyncio.run(host.inline(messages, network))
    assert network.asked == [image, page]
    assert repr(messages) == before
    assert inlined[0] is messages[0]
    source = {"type": "base64", "media_type": "image/png", "data": DATA}
    assert built(host, messages=inlined)["messages"][0]["content"] == [
        {"type": "text", "text": "t"},
        {"type": "image", "source": source},
        {"type": "image", "source": source, "cache_control": {"type": "ephemeral"}},
    ]


def test_documents_keep_their_title() -> None:
    block = {"type": "document", "source": {"type": "url", "url": "https://x.example/a.pdf"}, "title": "T"}
    inlined = asyncio.run(VERTEX.inline([{"role": "user", "content": [block]}], FakeNetwork("application/pdf")))
    assert built(VERTEX, messages=inlined)["messages"][0]["content"] == [
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": DATA},
            "title": "T",
        }
    ]


def test_anthropic_fetches_https_itself() -> None:
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in ("https://x.example/a", "http://x.example/b")]
    network = FakeNetwork()
    inlined = asyncio.run(ANTHROPIC.inline([{"role": "user", "content": parts}], network))
    assert network.asked == ["http://x.example/b"]
    assert [block["source"]["type"] for block in built(ANTHROPIC, messages=inlined)["messages"][0]["content"]] == [
        "url",
        "base64",
    ]


def test_addresses_in_results_of_tools_are_seen() -> None:
    block = {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}}
    with pytest.raises(BadRequestError):
        built(BEDROCK, messages=[{"role": "tool", "tool_call_id": "c", "content": [block]}])
