"""A client's own request in the Messages API, for hosts of Claude that want some of it said otherwise.

Sources as in `hosts`; Anthropic's "Token counting" and Google's "Count tokens for Claude models" for what is counted.
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.errors import BadRequestError
from tianji_core.api.http import Network
from tianji_core.api.provider import ModelRequest
from tianji_core.translate.anthropic.betas import join_betas
from tianji_core.translate.anthropic.content import base64_source
from tianji_core.translate.anthropic.hosts import Host
from tianji_core.translate.encrypted import messages_without_encrypted
from tianji_core.translate.media import MAX_DOWNLOADS, data_uri, parse_data_uri
from tianji_core.translate.shapes import as_object, as_text

_NOT_COUNTED = frozenset(
    {"max_tokens", "metadata", "service_tier", "stop_sequences", "stream", "temperature", "top_k", "top_p"}
)
"""Members that say nothing of the prompt; where it is only counted, the vendor refuses them."""
_SCOPES = "prompt-caching-scope-"
"""The beta feature by which cache markers have a scope; where it is unknown, the scopes are refused."""


def native_body(body: dict[str, Any], host: Host, betas: str | None) -> dict[str, Any]:
    """The body as the host takes it; `betas` is the client's header field. What lies inside stays as it was."""
    found = {name: value for name, value in body.items() if name != "model" or host.names_model}
    if not host.says_stream:
        found.pop("stream", None)
    if host.version is not None:
        found["anthropic_version"] = host.version
    if isinstance(messages := found.get("messages"), list):
        found["messages"] = messages_without_encrypted(messages)
    if host.betas_in_body:
        given = found.pop("anthropic_beta", None)
        if wanted := join_betas(given if isinstance(given, list) else None, host.admitted(betas)):
            found["anthropic_beta"] = wanted.split(",")
    if host.betas is not None and betas and _SCOPES in betas:
        found.update((name, _without_scopes(found[name])) for name in ("system", "messages", "tools") if name in found)
    return found


def counted(body: dict[str, Any]) -> dict[str, Any]:
    """The body without what has no place where tokens are counted."""
    return {name: value for name, value in body.items() if name not in _NOT_COUNTED}


async def inlined(request: ModelRequest, host: Host, network: Network) -> list[Any]:
    """The messages of a request to Claude, be they Anthropic's already or chat's, with the content of addresses that
    the host does not fetch. Raises BadRequestError.
    """
    messages = request.body["messages"]
    return await (inline_native(messages, host, network) if request.native else host.inline(messages, network))


async def inline_native(messages: list[Any], host: Host, network: Network) -> list[Any]:
    """Messages in Anthropic's form with the content of addresses that the host does not fetch.

    What needs no change stays the same object. Raises BadRequestError.
    """
    fetched: dict[str, str] = {}
    return [await _inlined(message, host, network, fetched) for message in messages]


async def _inlined(value: Any, host: Host, network: Network, fetched: dict[str, str]) -> Any:
    """A message, or a block of one: results of tools hold blocks too."""
    source = as_object(as_object(value).get("source"))
    url = as_text(source.get("url"))
    if source.get("type") == "url" and host.wants(url):
        if url not in fetched:
            if len(fetched) >= MAX_DOWNLOADS:
                raise BadRequestError(f"More than {MAX_DOWNLOADS} files to download.", param="messages")
            media = await network.download(url)
            fetched[url] = data_uri(media.content_type, media.data)
        found = parse_data_uri(fetched[url])
        assert found is not None  # noqa: S101 - just made
        return {**value, "source": base64_source(found.base64, found.content_type, "messages")}
    content = as_object(value).get("content")
    if isinstance(content, list):
        blocks = [await _inlined(block, host, network, fetched) for block in content]
        if any(new is not old for new, old in zip(blocks, content, strict=True)):
            return {**value, "content": blocks}
    return value


def _without_scopes(value: Any) -> Any:
    """The same without the scopes of cache markers; what has none stays the same object."""
    if isinstance(value, list):
        items = [_without_scopes(item) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    if not isinstance(value, dict):
        return value
    found = value
    marker = value.get("cache_control")
    if isinstance(marker, dict) and "scope" in marker:
        found = {**value, "cache_control": {name: each for name, each in marker.items() if name != "scope"}}
    content = value.get("content")
    if isinstance(content, list) and (kept := _without_scopes(content)) is not content:
        found = {**found, "content": kept}
    return found
