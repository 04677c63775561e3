"""Claude in Foundry: Anthropic's Messages API at an address of Azure's."""

from __future__ import annotations

import orjson

from tianji_core.api.http import UpstreamReply, UpstreamRequest
from tianji_core.api.provider import Body, ModelRequest, StreamDecoder
from tianji_core.translate.anthropic.betas import HEADER, join_betas
from tianji_core.translate.anthropic.hosts import ANTHROPIC
from tianji_core.translate.anthropic.models import traits
from tianji_core.translate.anthropic.native import counted, native_body
from tianji_core.translate.anthropic.request import chat_to_anthropic
from tianji_core.translate.anthropic.response import ReplyContext, parse_message
from tianji_core.translate.anthropic.stream import AnthropicStreamDecoder

VERSION = "2023-06-01"


def build_request(
    request: ModelRequest, url: str, headers: list[tuple[str, str]], known_as: str, *, modify: bool
) -> UpstreamRequest:
    """The request for Claude; `known_as` is the model that a deployment's name hides."""
    body, betas = _translated(request, known_as, modify=modify)
    return _post(request, url, headers, body, betas)


def build_native(request: ModelRequest, url: str, headers: list[tuple[str, str]]) -> UpstreamRequest:
    """The request for a body that is Anthropic's already."""
    return _post(request, url, headers, native_body(request.body, ANTHROPIC, None), [])


def build_count(
    dialect: str, request: ModelRequest, url: str, headers: list[tuple[str, str]], known_as: str, *, modify: bool
) -> UpstreamRequest:
    """The request that has a prompt counted."""
    body: Body
    if dialect == "openai":
        body, betas = _translated(request, known_as, modify=modify)
    else:
        body, betas = native_body(request.body, ANTHROPIC, None), []
    return _post(request, f"{url}/count_tokens", headers, counted(body), betas)


def _translated(request: ModelRequest, known_as: str, *, modify: bool) -> tuple[Body, list[str]]:
    translated = chat_to_anthropic(request.body, traits(known_as), modify=modify, drop=request.drop_params)
    return ANTHROPIC.body(translated, request.model, stream=request.stream), translated.betas


def _post(
    request: ModelRequest, url: str, headers: list[tuple[str, str]], body: Body, betas: list[str]
) -> UpstreamRequest:
    fields = [(name, value) for name, value in headers if name != HEADER]
    if not any(name == "anthropic-version" for name, _ in fields):
        fields.append(("anthropic-version", VERSION))
    if wanted := join_betas(dict(headers).get(HEADER), betas, request.headers.get(HEADER)):
        fields.append((HEADER, wanted))
    return UpstreamRequest("POST", url, fields, orjson.dumps(body))


def parse_response(request: ModelRequest, reply: UpstreamReply, provider: str) -> Body:
    return parse_message(reply.body, ReplyContext.of(request.body, request.model, provider))


def stream_decoder(request: ModelRequest, provider: str) -> StreamDecoder:
    return AnthropicStreamDecoder(ReplyContext.of(request.body, request.model, provider))


def is_error(body: bytes) -> bool:
    """Whether an error is in Anthropic's shape."""
    try:
        value = orjson.loads(body)
    except ValueError:
        return False
    return isinstance(value, dict) and value.get("type") == "error"
