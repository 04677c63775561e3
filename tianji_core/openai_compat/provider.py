"""The provider base for vendors that speak OpenAI's API."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import ClassVar

import orjson

from tianji_core.api.errors import (
    AuthenticationError,
    BadGatewayError,
    GatewayError,
    UnsupportedCapabilityError,
)
from tianji_core.api.http import Headers, UpstreamReply, UpstreamRequest
from tianji_core.api.pass_through import Named, PassThrough, models_in
from tianji_core.api.provider import (
    UPLOADS,
    Binary,
    Body,
    Capabilities,
    ModelRequest,
    Operation,
    Provider,
    ProviderSettings,
    StreamDecoder,
)
from tianji_core.openai_compat.errors import parse_error
from tianji_core.openai_compat.finish import level_finish
from tianji_core.openai_compat.forms import encode_body
from tianji_core.openai_compat.messages import FOREIGN, clean_messages, clean_tools, plain_content, rename_member
from tianji_core.openai_compat.params import check_format, rename_params
from tianji_core.openai_compat.reasoning import ThinkPatch, rename_reasoning, split_answer
from tianji_core.openai_compat.stream import OpenAIStreamDecoder, error_status
from tianji_core.openai_compat.usage import count_cached
from tianji_core.translate.rerank import rerank_answer
from tianji_core.translate.urls import below, websocket_url
from tianji_core.wire.openai import PARAMS

PATHS: dict[Operation, str] = {
    "chat": "/chat/completions",
    "completions": "/completions",
    "embeddings": "/embeddings",
    "rerank": "/rerank",
    "moderations": "/moderations",
    "images": "/images/generations",
    "image_edits": "/images/edits",
    "image_variations": "/images/variations",
    "speech": "/audio/speech",
    "transcriptions": "/audio/transcriptions",
    "translations": "/audio/translations",
    "realtime": "/realtime",
}
ANSWERS = frozenset({"choices", "data", "results", "text"})
"""Members of which one is in every good answer."""
TEXT_FORMATS = frozenset({"text", "srt", "vtt"})
NAMES_ITS_MODEL = re.compile(
    r"(/[a-z]+)?(/v\d[a-z0-9]*)?/"
    r"(chat/completions|completions|embeddings|rerank|moderations|images/generations|audio/speech|responses|messages)"
)
"""Paths of the API whose JSON body names the one model that answers."""


class OpenAICompatible(Provider):
    """An OpenAI-shaped vendor: a subclass gives its name, its address, and what it does otherwise.

    Answers are relayed as bytes. Where a vendor's chunks differ from OpenAI's, `patch_markers` names byte strings
    (such as `b'"reasoning"'`): only events that hold one of them are decoded and go through `patch_chunk`.
    """

    default_base: ClassVar[str | None] = None
    """The vendor's base URL, up to and without `/chat/completions`; None where every customer has his own."""
    key_required: ClassVar[bool] = True
    unsupported_params: ClassVar[frozenset[str]] = frozenset()
    """OpenAI parameters that the vendor does not take."""
    lacking: ClassVar[Mapping[Operation, frozenset[str]]] = {}
    """The same of single operations."""
    models_lacking: ClassVar[Mapping[str, frozenset[str]]] = {}
    """The same of chat with some models: by a pattern for their names, in lower case."""
    paths: ClassVar[Mapping[Operation, str]] = {}
    """Where operations are below the base, if not where OpenAI has them."""
    system_name: ClassVar[str | None] = None
    """The role in place of `system` and `developer`; None leaves both as they are."""
    ignored_params: ClassVar[frozenset[str]] = frozenset()
    """Parameters that change nothing about an answer and that the vendor does not have: left out, not refused."""
    renamed_params: ClassVar[Mapping[str, str]] = {}
    """OpenAI parameters that the vendor calls otherwise; where both names are in a body, OpenAI's wins."""
    renamed_values: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    """Words that the vendor calls otherwise, by parameter."""
    plain_models: ClassVar[str] = ""
    """A pattern for names of models, in lower case, that do not think, so that they take no `reasoning_effort`."""
    think_models: ClassVar[str] = ""
    """A pattern for those that write their thinking into the text, in `<think>` tags; it is taken out there."""
    reasoning_back: ClassVar[str | None] = "reasoning_content"
    """What the vendor calls the reasoning of earlier answers in messages; None if it takes none back."""
    reasoning_name: ClassVar[str | None] = None
    """What it calls the reasoning of its answers otherwise. Chunks need a marker, as with the next two."""
    cached_name: ClassVar[str | None] = None
    """What it calls the cached tokens in a usage, beside the other counts."""
    choice_needs_tools: ClassVar[bool] = False
    """Whether `tool_choice` and `parallel_tool_calls` are an error without tools; they are left out then."""
    text_as_string: ClassVar[bool] = False
    """Whether content that is a list of texts has to be one text."""
    foreign: ClassVar[frozenset[str]] = FOREIGN
    """Members of messages, content parts and tools that are not for this vendor. Without `cache_control` among them
    cache markers are sent, those of messages in their last content part."""
    finish_reasons: ClassVar[Mapping[str, str]] = {}
    """The vendor's words for why an answer ended that are not OpenAI's; in chunks a word that is empty counts too."""
    patch_markers: ClassVar[tuple[bytes, ...]] = ()
    pass_through_headers: ClassVar[tuple[str, ...]] = ("openai-beta",)
    capabilities: ClassVar[Capabilities] = Capabilities.of(
        "chat",
        "embeddings",
        features=(
            "streaming",
            "tools",
            "parallel_tools",
            "tool_choice",
            "json_object",
            "json_schema",
            "images",
            "reasoning",
            "logprobs",
            "seed",
            "n",
        ),
    )
    relays: ClassVar[bool] = True

    def __init__(self, settings: ProviderSettings) -> None:
        super().__init__(settings)
        base = settings.api_base or settings.env(*self.api_base_env) or self.default_base
        if not base:
            wanted = " or ".join(self.api_base_env)
            raise ValueError(f"api_base is needed{f' (or {wanted} in the environment)' if wanted else ''}")
        self.api_base = base.rstrip("/")
        self.api_key = self.own_key()
        self._urls = {operation: self.url(operation) for operation in self.capabilities.operations}
        self._headers = self.headers()

    # -- what a vendor may do otherwise ------------------------------------------------------------------------

    def url(self, operation: Operation) -> str:
        """The address of an operation; asked once, while the gateway is compiled. A base may name it in full."""
        path = self.paths.get(operation) or PATHS[operation]
        return self.api_base if self.api_base.endswith(path) else self.api_base + path

    def headers(self) -> list[tuple[str, str]]:
        """Header fields of every request; asked once, while the gateway is compiled."""
        fields = [("content-type", "application/json"), *self.credential_fields()]
        own = {name.lower(): value for name, value in self.settings.extra_headers.items()}
        return [*((name, value) for name, value in fields if name not in own), *own.items()]

    def own_key(self) -> str | None:
        """The row's key, else the environment's."""
        return self.settings.api_key or self.settings.env(*self.api_key_env)

    def credential_fields(self) -> list[tuple[str, str]]:
        """The header fields that hold the key."""
        return [("authorization", f"Bearer {self.api_key}")] if self.api_key else []

    def has_credential(self) -> bool:
        """Whether there is something to be let in with; for vendors that take more than a key."""
        return not self.key_required or bool(self.api_key)

    def check_credential(self) -> None:
        """Raises AuthenticationError, which says what to set, if there is none."""
        if not self.has_credential():
            names = " or ".join(self.api_key_env)
            raise AuthenticationError(
                f"No API key for provider {self.name!r}: set api_key{f' or {names}' if names else ''}.",
                provider=self.name,
            )

    def system_role(self, model: str) -> str | None:
        """The role that the model wants in place of `system` and `developer`; None leaves both as they are."""
        return self.system_name

    def adjust_body(self, request: ModelRequest) -> None:
        """Set members of `request.body` as the vendor wants them. What lies inside is shared: copy it to change it."""

    def patch_response(self, body: Body) -> None:
        """Change a whole answer in place to OpenAI's shape."""
        if self.reasoning_name:
            rename_reasoning(body, "message", self.reasoning_name)
        if self.cached_name:
            count_cached(body.get("usage"), self.cached_name)

    def patch_chunk(self, chunk: Body) -> None:
        """Change a chunk of a stream in place to OpenAI's shape."""
        if self.reasoning_name:
            rename_reasoning(chunk, "delta", self.reasoning_name)
        if self.cached_name:
            count_cached(chunk.get("usage"), self.cached_name)
        if self.finish_reasons:
            level_finish(chunk, self.finish_reasons)

    def chunk_patch(self, request: ModelRequest) -> Callable[[Body], None] | None:
        """What changes all chunks of one stream in place, after `patch_chunk`, if that takes a memory of the stream.

        Such a stream is decoded from end to end, not relayed.
        """
        return ThinkPatch() if self._thinks_aloud(request.model) else None

    # -- the contract ------------------------------------------------------------------------------------------

    def supported_params(self, model: str, operation: Operation) -> frozenset[str] | None:
        supported = PARAMS[operation] - self.unsupported_params - self.lacking.get(operation, frozenset())
        if operation == "chat":
            if self.plain_models and re.search(self.plain_models, model.lower()):
                supported -= {"reasoning_effort"}
            for names, lacked in self.models_lacking.items():
                if re.search(names, model.lower()):
                    supported -= lacked
        return supported

    def build_request(self, request: ModelRequest) -> UpstreamRequest:
        url = self._urls.get(request.operation)
        if url is None:
            raise UnsupportedCapabilityError(f"Provider {self.name!r} has no {request.operation}.", provider=self.name)
        if not self.api_key:
            self.check_credential()
        body = request.body
        if request.operation == "chat":
            self._clean(request)
        for name in self.ignored_params:
            body.pop(name, None)
        if self.renamed_params or self.renamed_values:
            rename_params(body, self.renamed_params, self.renamed_values)
        self.adjust_body(request)
        headers = self._headers
        if request.headers:
            headers = [*headers, *request.headers.items()]
        if request.operation in UPLOADS:
            content_type, data = encode_body(body)
            headers = [("content-type", content_type), *(field for field in headers if field[0] != "content-type")]
            return UpstreamRequest("POST", url, headers, data)
        return UpstreamRequest("POST", url, headers, orjson.dumps(body))

    def build_realtime(self, request: ModelRequest) -> UpstreamRequest:
        url = self._urls.get("realtime")
        if url is None:
            return super().build_realtime(request)
        self.check_credential()
        # Sessions that only transcribe take no model here: it is a part of what the client sets up in them.
        intent = request.body.get("intent")
        query = {"intent": intent} if intent else {"model": request.model}
        return UpstreamRequest("GET", websocket_url(url, query), self.realtime_headers(request))

    def realtime_headers(self, request: ModelRequest) -> list[tuple[str, str]]:
        """The header fields that open a realtime session: those of all requests, but for the type of a body."""
        fields = [field for field in self._headers if field[0] not in ("content-type", *request.headers)]
        return [*fields, *request.headers.items()]

    def _clean(self, request: ModelRequest) -> None:
        """Messages, tools and the answer's format as the vendor takes them."""
        body = request.body
        messages = clean_messages(body["messages"], self.system_role(request.model), self.foreign)
        if self.text_as_string:
            messages = plain_content(messages)
        if self.reasoning_back != "reasoning_content":
            messages = rename_member(messages, "reasoning_content", self.reasoning_back)
        body["messages"] = messages
        if body.get("tools"):
            body["tools"] = clean_tools(body["tools"], self.foreign)
        elif self.choice_needs_tools:
            body.pop("tool_choice", None)
            body.pop("parallel_tool_calls", None)
        if "response_format" in body:
            check_format(body, self.capabilities, self.name, drop=request.drop_params)

    def _thinks_aloud(self, model: str) -> bool:
        return bool(self.think_models and re.search(self.think_models, model.lower()))

    def relays_answer(self, request: ModelRequest) -> bool:
        return request.operation == "speech" or (request.stream and request.operation not in ("chat", "completions"))

    def parse_response(self, request: ModelRequest, reply: UpstreamReply) -> Body | Binary:
        if request.operation == "speech":
            return Binary(reply.body, reply.headers.get("content-type") or "audio/mpeg")
        if request.operation in ("transcriptions", "translations"):
            content_type = reply.headers.get("content-type", "") or ""
            if request.body.get("response_format") in TEXT_FORMATS and "json" not in content_type:
                return Binary(reply.body, content_type or "text/plain; charset=utf-8")
        try:
            body = orjson.loads(reply.body)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise BadGatewayError("The provider's answer is not a JSON object.", provider=self.name)
        if body.get("error") and not ANSWERS.intersection(body):
            # Some vendors report failures with status 200.
            raise self.parse_error(error_status(body["error"]), reply.headers, reply.body)
        if self.think_models and request.operation == "chat" and self._thinks_aloud(request.model):
            split_answer(body)
        self.patch_response(body)
        level_finish(body, self.finish_reasons)
        return rerank_answer(body) if request.operation == "rerank" else body

    def stream_decoder(self, request: ModelRequest) -> StreamDecoder:
        memory = self.chunk_patch(request)
        if memory is None:
            return OpenAIStreamDecoder(self.parse_error, self.patch_chunk if self.patch_markers else None)

        def patch(chunk: Body) -> None:
            self.patch_chunk(chunk)
            memory(chunk)

        return OpenAIStreamDecoder(self.parse_error, patch)

    def parse_error(self, status: int, headers: Headers, body: bytes) -> GatewayError:
        return parse_error(status, headers, body, self.name)

    # -- pass-through ------------------------------------------------------------------------------------------

    def build_pass_through(self, request: PassThrough) -> UpstreamRequest:
        self.check_credential()
        return request.to(self.pass_through_url(request.path), self.pass_through_fields())

    def pass_through_url(self, path: str) -> str:
        """Where a path of the vendor's own API is; with or without the version that `api_base` ends with."""
        base = self.api_base
        for operation in PATHS.values():
            base = base.removesuffix(operation)
        return below(base, path)

    def pass_through_fields(self) -> list[tuple[str, str]]:
        """The header fields that are the row's to say: the credential, whom the vendor bills, `extra_headers`."""
        return [field for field in self._headers if field[0] != "content-type"]

    def pass_through_models(self, request: PassThrough) -> Named:
        names = models_in(request.json)
        named_in_body = request.json is not None and isinstance(request.json.get("model"), str)
        only = request.method == "POST" and named_in_body and NAMES_ITS_MODEL.fullmatch(request.path) is not None
        return Named(names, only)
