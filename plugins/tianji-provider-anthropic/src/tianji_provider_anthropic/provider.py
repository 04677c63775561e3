"""The provider: Anthropic's own API as a host of Claude. The translation is `tianji_core.translate.anthropic`."""

from __future__ import annotations

import re
from typing import ClassVar

import orjson
from pydantic import Field

from tianji_core.api.errors import AuthenticationError, GatewayError, UnsupportedCapabilityError
from tianji_core.api.files import FilesAPI
from tianji_core.api.http import Headers, Network, UpstreamReply, UpstreamRequest
from tianji_core.api.pass_through import Named, PassThrough, models_in
from tianji_core.api.provider import (
    Body,
    Capabilities,
    ModelRequest,
    Operation,
    Provider,
    ProviderSettings,
    StreamDecoder,
)
from tianji_core.translate.anthropic.betas import HEADER, join_betas
from tianji_core.translate.anthropic.caching import InjectionPoint, inject_markers
from tianji_core.translate.anthropic.errors import parse_error
from tianji_core.translate.anthropic.hosts import ANTHROPIC
from tianji_core.translate.anthropic.models import supported_params, traits
from tianji_core.translate.anthropic.native import counted, inlined, native_body
from tianji_core.translate.anthropic.request import chat_to_anthropic
from tianji_core.translate.anthropic.response import ReplyContext, parse_message
from tianji_core.translate.anthropic.stream import AnthropicStreamDecoder
from tianji_core.translate.urls import below
from tianji_provider_anthropic.batches import MessageBatches

DEFAULT_BASE = "https://api.anthropic.com"
VERSION = "2023-06-01"
OAUTH_BETA = "oauth-2025-04-20"
FILES_BETA = "files-api-2025-04-14"
OAUTH_PREFIX = "sk-ant-oat"
"""How a token of a subscription begins: it goes as a bearer token, with a beta of its own."""
VERSION_HEADER = "anthropic-version"
_NAMES_ITS_MODEL = re.compile(r"(/v1)?/(messages|messages/count_tokens|complete)")
"""Paths whose body names the one model that answers."""


class AnthropicSettings(ProviderSettings):
    """What `litellm_params` say to this provider beside the usual."""

    cache_control_injection_points: tuple[InjectionPoint, ...] = Field(
        (), description="Where to put cache markers into every request of this deployment"
    )


class AnthropicProvider(Provider):
    """Anthropic's Messages API (https://platform.claude.com/docs/en/api/messages)."""

    name: ClassVar[str] = "anthropic"
    takes_metadata: ClassVar[bool] = True  # for `metadata.user_id`
    native_dialects: ClassVar[frozenset[str]] = frozenset({"messages"})
    counts_chat: ClassVar[bool] = True
    capabilities: ClassVar[Capabilities] = Capabilities.of(
        "chat",
        features=(
            "streaming",
            "tools",
            "parallel_tools",
            "tool_choice",
            "json_object",
            "json_schema",
            "images",
            "files",
            "reasoning",
            "prompt_caching",
        ),
    )
    api_key_env: ClassVar[tuple[str, ...]] = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
    api_base_env: ClassVar[tuple[str, ...]] = ("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL")
    forward_headers: ClassVar[frozenset[str]] = frozenset({HEADER})
    batch_api = MessageBatches()
    pass_through_headers: ClassVar[tuple[str, ...]] = (HEADER, VERSION_HEADER)
    error_dialect: ClassVar[str] = "messages"
    files_api: ClassVar[FilesAPI | None] = FilesAPI(None, headers=((HEADER, FILES_BETA),))

    def __init__(self, settings: ProviderSettings) -> None:
        super().__init__(settings)
        self._points = settings.cache_control_injection_points if isinstance(settings, AnthropicSettings) else ()
        self._url = messages_url(settings.api_base or settings.env(*self.api_base_env) or DEFAULT_BASE)
        fields = {"content-type": "application/json", VERSION_HEADER: VERSION}
        fields.update(self._credentials())
        extra = {name.lower(): value for name, value in settings.extra_headers.items()}
        self._betas = join_betas(fields.pop(HEADER, None), extra.pop(HEADER, None))
        self._headers = list({**fields, **extra}.items())
        self._has_key = any(name in ("x-api-key", "authorization") for name, _ in self._headers)

    def supported_params(self, model: str, operation: Operation) -> frozenset[str] | None:
        return supported_params(model)

    async def prepare(self, request: ModelRequest, network: Network) -> None:
        if request.operation == "chat" and isinstance(request.body.get("messages"), list):
            request.body["messages"] = await inlined(request, ANTHROPIC, network)

    def build_request(self, request: ModelRequest) -> UpstreamRequest:
        if request.operation != "chat":
            raise UnsupportedCapabilityError(f"Provider {self.name!r} has no {request.operation}.", provider=self.name)
        self._check_key()
        body, betas = self._translated(request)
        return self._post(self._url, body, join_betas(self._betas, betas, request.headers.get(HEADER)))

    def build_native(self, dialect: str, request: ModelRequest) -> UpstreamRequest:
        self._check_key()
        body = native_body(request.body, ANTHROPIC, None)
        return self._post(self._url, body, join_betas(self._betas, request.headers.get(HEADER)))

    def build_count(self, dialect: str, request: ModelRequest) -> UpstreamRequest | None:
        self._check_key()
        if dialect == "openai":
            body, betas = self._translated(request)
        else:
            body, betas = native_body(request.body, ANTHROPIC, None), []
        wanted = join_betas(self._betas, betas, request.headers.get(HEADER))
        return self._post(f"{self._url}/count_tokens", counted(body), wanted)

    def _translated(self, request: ModelRequest) -> tuple[Body, list[str]]:
        """A chat as the vendor's body, and the beta features that it needs."""
        # The body stays as it came: the answer is read with its help.
        chat = inject_markers(request.body, self._points) if self._points else request.body
        translated = chat_to_anthropic(
            chat, traits(request.model), modify=self.settings.modify_params, drop=request.drop_params
        )
        return ANTHROPIC.body(translated, request.model, stream=request.stream), translated.betas

    def _post(self, url: str, body: Body, betas: str) -> UpstreamRequest:
        headers = [*self._headers, (HEADER, betas)] if betas else self._headers.copy()
        return UpstreamRequest("POST", url, headers, orjson.dumps(body))

    def build_pass_through(self, request: PassThrough) -> UpstreamRequest:
        self._check_key()
        asked = dict(request.headers)
        fields = dict(self._headers)
        del fields["content-type"]
        if fields[VERSION_HEADER] == VERSION:  # of ours, not of the row's
            fields[VERSION_HEADER] = asked.get(VERSION_HEADER, VERSION)
        if betas := join_betas(self._betas, *(value for name, value in request.headers if name == HEADER)):
            fields[HEADER] = betas
        return request.to(below(self._url.removesuffix("/messages"), request.path), fields.items())

    def pass_through_models(self, request: PassThrough) -> Named:
        only = request.method == "POST" and _NAMES_ITS_MODEL.fullmatch(request.path) is not None
        return Named(models_in(request.json), only)

    def _check_key(self) -> None:
        if not self._has_key:
            raise AuthenticationError(
                f"No API key for provider {self.name!r}: set api_key or {' or '.join(self.api_key_env)}.",
                provider=self.name,
            )

    def parse_response(self, request: ModelRequest, reply: UpstreamReply) -> Body:
        return parse_message(reply.body, ReplyContext.of(request.body, request.model, self.name))

    def stream_decoder(self, request: ModelRequest) -> StreamDecoder:
        return AnthropicStreamDecoder(ReplyContext.of(request.body, request.model, self.name))

    def parse_error(self, status: int, headers: Headers, body: bytes) -> GatewayError:
        return parse_error(status, headers, body, self.name)

    def _credentials(self) -> dict[str, str]:
        """The header fields of the key: an API key, a bearer token, or a subscription's token."""
        settings = self.settings
        key = settings.api_key or settings.env("ANTHROPIC_API_KEY")
        token = None if key else settings.env("ANTHROPIC_AUTH_TOKEN")
        if key and key.startswith(OAUTH_PREFIX):
            key, token = None, key
        if key:
            return {"x-api-key": key}
        if not token:
            return {}
        fields = {"authorization": f"Bearer {token}"}
        if token.startswith(OAUTH_PREFIX):
            fields.update({"anthropic-dangerous-direct-browser-access": "true", HEADER: OAUTH_BETA})
        return fields


def messages_url(base: str) -> str:
    """The address of the Messages API for a base with or without `/v1` or the whole path."""
    base = base.rstrip("/")
    if base.endswith("/v1/messages"):
        return base
    return f"{base}/messages" if base.endswith("/v1") else f"{base}/v1/messages"
