"""Where Claude is asked, and what differs there: Anthropic's own API, Vertex AI, Bedrock.

Sources: Anthropic's pages "Claude on Vertex AI" and "Claude on Amazon Bedrock" (version in the body, the model in the
path), "Vision" and "PDF support" (who fetches addresses).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tianji_core.api.errors import BadRequestError
from tianji_core.api.http import Network
from tianji_core.translate.anthropic.betas import join_betas
from tianji_core.translate.anthropic.content import Block
from tianji_core.translate.anthropic.request import MessagesRequest
from tianji_core.translate.media import inline_media
from tianji_core.translate.shapes import as_list, as_object, as_text


@dataclass(frozen=True, slots=True)
class Host:
    """What a host of the Messages API wants otherwise."""

    version: str | None = None
    """`anthropic_version` in the body; None where a header field says it."""
    names_model: bool = True
    """Whether the body names the model; elsewhere the path does."""
    says_stream: bool = True
    """Whether the body says `stream`; elsewhere the path alone does."""
    betas_in_body: bool = False
    """Whether beta features are asked for by `anthropic_beta` in the body instead of a header field."""
    fetches: bool = True
    """Whether the host fetches pictures and documents from https addresses itself."""

    def body(
        self, request: MessagesRequest, model: str, *, stream: bool, betas: Iterable[str] | str | None = None
    ) -> dict[str, Any]:
        """The body to send. `betas` are more beta features, which count only where the body holds them."""
        body: dict[str, Any] = {"model": model} if self.names_model else {}
        body.update(request.body)
        if self.version is not None:
            body.setdefault("anthropic_version", self.version)
        if stream and self.says_stream:
            body["stream"] = True
        if self.betas_in_body and (found := join_betas(betas, request.betas)):
            body["anthropic_beta"] = found.split(",")
        if not self.fetches and any(_names_address(block) for turn in body["messages"] for block in turn["content"]):
            raise BadRequestError("Claude takes no addresses here; send the content as a data URI.", param="messages")
        return body

    def wants(self, url: str) -> bool:
        """Whether the content of an address has to be downloaded before the host is asked."""
        return url[:7].lower() == "http://" or (not self.fetches and url[:8].lower() == "https://")

    async def inline(self, messages: list[Any], network: Network) -> list[Any]:
        """Chat messages with the content of such addresses in them. Raises BadRequestError."""
        return await inline_media([_with_openai_parts(each, self) for each in messages], network, self.wants)


ANTHROPIC = Host()
VERTEX = Host(version="vertex-2023-10-16", names_model=False, fetches=False)
BEDROCK = Host(version="bedrock-2023-05-31", names_model=False, says_stream=False, betas_in_body=True, fetches=False)


def _with_openai_parts(message: Any, host: Host) -> Any:
    """The message with blocks in the vendor's own form as OpenAI's parts where their content is to be downloaded."""
    content = as_object(message).get("content")
    if not isinstance(content, list):
        return message
    parts = [_openai_part(part, host) for part in content]
    return {**message, "content": parts} if any(a is not b for a, b in zip(parts, content, strict=True)) else message


def _openai_part(part: Any, host: Host) -> Any:
    block = as_object(part)
    url = as_text(as_object(block.get("source")).get("url"))
    if block.get("type") not in ("image", "document") or not host.wants(url):
        return part
    rest = {name: value for name, value in block.items() if name not in ("type", "source")}
    marker = {"cache_control": rest.pop("cache_control")} if "cache_control" in rest else {}
    if block["type"] == "image":
        return {"type": "image_url", "image_url": {"url": url}, **marker}
    return {"type": "file", "file": {"file_id": url, **rest}, **marker}


def _names_address(block: Block) -> bool:
    """Whether a block refers to a web address; results of tools may hold such blocks."""
    if as_object(block.get("source")).get("type") == "url":
        return True
    return any(_names_address(as_object(part)) for part in as_list(block.get("content")))
