"""Where Claude is asked, and what differs there: Anthropic's own API, Vertex AI, Bedrock.

Sources: Anthropic's pages "Claude on Vertex AI" and "Claude on Amazon Bedrock" (version in the body, the model in the
path), "Vision" and "PDF support" (who fetches addresses); for beta features the Bedrock User Guide's "Anthropic Claude
Messages API" and what LiteLLM's users have found out.
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
    betas: tuple[str, ...] | None = None
    """The beta features that the host knows, without their dates; it refuses all others. None if it is the vendor's own
    API, where an unknown one does no harm."""

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

    def admitted(self, header: str | None) -> list[str]:
        """Of the beta features that a client asks for, those that the host knows, by the host's own names.

        Clients that believe to talk to Anthropic send all that they have, and need not know better.
        """
        asked = join_betas(header).split(",") if header else []
        if self.betas is None:
            return asked
        named = (_NAMES_OF_HOSTS.get(beta, beta) for beta in asked)
        return list(dict.fromkeys(beta for beta in named if beta.startswith(self.betas)))

    def wants(self, url: str) -> bool:
        """Whether the content of an address has to be downloaded before the host is asked."""
        return url[:7].lower() == "http://" or (not self.fetches and url[:8].lower() == "https://")

    async def inline(self, messages: list[Any], network: Network) -> list[Any]:
        """Chat messages with the content of such addresses in them. Raises BadRequestError."""
        return await inline_media([_with_openai_parts(each, self) for each in messages], network, self.wants)


_NAMES_OF_HOSTS = {"advanced-tool-use-2025-11-20": "tool-search-tool-2025-10-19"}
"""Features that go by another name at the other hosts."""
_ALL_HOSTS = (
    "compact-",
    "computer-use-",
    "context-1m-",
    "context-management-",
    "interleaved-thinking-",
    "tool-search-",
)
ANTHROPIC = Host()
VERTEX = Host(
    version="vertex-2023-10-16",
    names_model=False,
    fetches=False,
    betas=(*_ALL_HOSTS, "web-search-"),
)
BEDROCK = Host(
    version="bedrock-2023-05-31",
    names_model=False,
    says_stream=False,
    betas_in_body=True,
    fetches=False,
    betas=(
        *_ALL_HOSTS,
        "dev-full-thinking-",
        "effort-",
        "fine-grained-tool-streaming-",
        "output-128k-",
        "token-efficient-tools-",
        "tool-examples-",
    ),
)


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
