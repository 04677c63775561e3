"""The provider: AI Studio as a host of Google's models. The translation is `tianji_core.translate.gemini`."""

from __future__ import annotations

import re
from typing import ClassVar
from urllib.parse import quote, unquote, urlsplit

import orjson
from pydantic import Field

from tianji_core.api.errors import AuthenticationError, GatewayError
from tianji_core.api.http import Headers, Network, UpstreamReply, UpstreamRequest
from tianji_core.api.pass_through import Named, PassThrough, models_in
from tianji_core.api.provider import (
    Binary,
    Body,
    Capabilities,
    Feature,
    ModelRequest,
    Operation,
    Provider,
    ProviderSettings,
    StreamDecoder,
)
from tianji_core.translate.gemini import operations
from tianji_core.translate.gemini.errors import parse_error
from tianji_core.translate.gemini.media import is_read_by_google
from tianji_core.translate.gemini.response import ReplyContext
from tianji_core.translate.gemini.stream import GeminiStreamDecoder
from tianji_core.translate.media import inline_media, needs_download
from tianji_core.translate.urls import below

HOST = "https://generativelanguage.googleapis.com"
VERSION = "v1beta"
_VERSIONED = re.compile(r"/v\d[a-z0-9]*$")
_TRANSFERS = ("/upload/", "/download/")
"""Paths of files' content, where the version comes second."""
_CALL = re.compile(
    r"(?:/v\d[a-z0-9]*)?/(?:models|tunedModels)/([^/:]+):"
    r"(?:generateContent|streamGenerateContent|countTokens|embedContent|batchEmbedContents|predict|predictLongRunning)"
)


class GeminiSettings(ProviderSettings):
    """What `litellm_params` say to this provider beside the usual."""

    api_version: str = Field(VERSION, description="Version of Google's API, if api_base names none: v1beta or v1alpha")


class GeminiProvider(Provider):
    """The Gemini API (https://ai.google.dev/api)."""

    name: ClassVar[str] = "gemini"
    native_dialects: ClassVar[frozenset[str]] = frozenset({"gemini"})
    capabilities: ClassVar[Capabilities] = operations.CAPABILITIES
    api_key_env: ClassVar[tuple[str, ...]] = ("GOOGLE_API_KEY", "GEMINI_API_KEY")
    api_base_env: ClassVar[tuple[str, ...]] = ("GEMINI_API_BASE",)
    pass_through_headers: ClassVar[tuple[str, ...]] = ("x-goog-api-client", "x-goog-fieldmask", "x-goog-upload-*")
    error_dialect: ClassVar[str] = "gemini"

    def __init__(self, settings: ProviderSettings) -> None:
        super().__init__(settings)
        version = settings.api_version if isinstance(settings, GeminiSettings) else VERSION
        self.api_base = base_url(settings.api_base or settings.env(*self.api_base_env) or HOST, version)
        self.api_key = settings.api_key or settings.env(*self.api_key_env)
        fields = {"content-type": "application/json"}
        if self.api_key:
            fields["x-goog-api-key"] = self.api_key
        fields.update((name.lower(), value) for name, value in settings.extra_headers.items())
        self._headers = list(fields.items())

    def supported_params(self, model: str, operation: Operation) -> frozenset[str] | None:
        return operations.supported_params(model, operation)

    def features(self, model: str) -> frozenset[Feature]:
        return operations.features(model)

    async def prepare(self, request: ModelRequest, network: Network) -> None:
        """Fetch pictures and files, which the vendor does not do itself (but for YouTube and its own Files API)."""
        messages = request.body.get("messages")
        if isinstance(messages, list) and needs_download(messages, _is_elsewhere):
            request.body["messages"] = await inline_media(messages, network, _is_elsewhere)

    def build_request(self, request: ModelRequest) -> UpstreamRequest:
        return self._request(request.model, operations.ask(request, modify=self.settings.modify_params))

    def build_native(self, dialect: str, request: ModelRequest) -> UpstreamRequest:
        return self._request(request.model, operations.ask_native(request))

    def build_count(self, dialect: str, request: ModelRequest) -> UpstreamRequest | None:
        return self._request(request.model, operations.ask_count(request, wrapped=True))

    def parse_count(self, answer: Body) -> int:
        return int(answer["totalTokens"])

    def _request(self, model: str, asked: operations.Asked) -> UpstreamRequest:
        self._check_key()
        url = f"{self.api_base}/{model_path(model)}:{asked.method}"
        return UpstreamRequest(
            "POST", f"{url}?{asked.query}" if asked.query else url, self._headers.copy(), orjson.dumps(asked.body)
        )

    def parse_response(self, request: ModelRequest, reply: UpstreamReply) -> Body | Binary:
        return operations.answer(request, reply, self.name)

    def stream_decoder(self, request: ModelRequest) -> StreamDecoder:
        return GeminiStreamDecoder(ReplyContext.of(request.body, request.model, self.name))

    def parse_error(self, status: int, headers: Headers, body: bytes) -> GatewayError:
        return parse_error(status, headers, body, self.name)

    def build_pass_through(self, request: PassThrough) -> UpstreamRequest:
        self._check_key()
        base = self.api_base
        if request.path.startswith(_TRANSFERS):
            base = _VERSIONED.sub("", base)
        fields = [field for field in self._headers if field[0] != "content-type"]
        return request.to(below(base, request.path), fields)

    def pass_through_models(self, request: PassThrough) -> Named:
        found = _CALL.fullmatch(request.path)
        inside = [name.removeprefix("models/") for name in models_in(request.json)]
        names = [unquote(found[1]), *inside] if found is not None else inside
        return Named(tuple(dict.fromkeys(names)), found is not None and request.method == "POST")

    def pass_through_id(self, model: str) -> str:
        return model.removeprefix("models/").removeprefix("tunedModels/")

    def _check_key(self) -> None:
        if not self.api_key:
            raise AuthenticationError(
                f"No API key for provider {self.name!r}: set api_key or {' or '.join(self.api_key_env)}.",
                provider=self.name,
            )


def base_url(base: str, version: str) -> str:
    """The address up to the models. Google's own host needs a version; another one is used as it stands."""
    base = base.rstrip("/")
    parts = urlsplit(base)
    is_google = (parts.hostname or "").endswith(".googleapis.com")
    return f"{base}/{quote(version, safe='')}" if is_google and not parts.path else base


def model_path(model: str) -> str:
    """A model's name as a path; tuned models are no `models/`."""
    for kind in ("models/", "tunedModels/"):
        if model.startswith(kind):
            return kind + quote(model.removeprefix(kind), safe="")
    return "models/" + quote(model, safe="")


def _is_elsewhere(url: str) -> bool:
    return url.lower().startswith(("http://", "https://")) and not is_read_by_google(url)
