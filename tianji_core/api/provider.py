"""The provider contract: how a call becomes a vendor's HTTP request, and the vendor's bytes a response.

A provider is pure: no sockets, no HTTP client, no clock. The core owns pools, time-outs, retries and cancellation, so
every method here can be tested offline on bytes (`tianji_core.testing.ProviderConformance`). One provider object is
made for each deployment while the gateway is compiled, so whatever does not depend on the single call (URLs, header
lists) is worked out in `__init__`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from tianji_core.api.batches import BatchAPI
from tianji_core.api.errors import GatewayError, UnsupportedCapabilityError
from tianji_core.api.files import FilesAPI
from tianji_core.api.http import Headers, Network, UpstreamReply, UpstreamRequest
from tianji_core.api.pass_through import Meter, Named, PassThrough, models_in
from tianji_core.api.settings import PluginSettings

Operation = Literal[
    "chat",
    "completions",
    "embeddings",
    "rerank",
    "moderations",
    "images",
    "image_edits",
    "image_variations",
    "speech",
    "transcriptions",
    "translations",
    "realtime",
]
"""What the caller wants done; each is one endpoint in its normal form: OpenAI's, and for rerank Cohere's v2.

`realtime` is the only one that is no request with an answer, but a session: see `Provider.build_realtime`.
"""

UPLOADS: frozenset[Operation] = frozenset({"image_edits", "image_variations", "transcriptions", "translations"})
"""Operations that come as multipart forms: members of their body may be an `Upload`, or a list of them."""

Feature = Literal[
    "streaming",
    "tools",
    "parallel_tools",
    "tool_choice",
    "json_object",
    "json_schema",
    "images",
    "audio",
    "files",
    "reasoning",
    "prompt_caching",
    "logprobs",
    "seed",
    "n",
]
"""What a provider's chat operation can do beyond plain text; `streaming` goes for completions too."""

Body = dict[str, Any]
"""A JSON object in OpenAI's shape (`tianji_core.wire.openai` has the TypedDicts)."""

PATH_DIALECTS = frozenset({"gemini"})
"""Dialects whose paths say the model and whether the answer is a stream; bodies in them hold neither."""


@dataclass(frozen=True, slots=True)
class Binary:
    """An answer that is no JSON: speech, or a transcription as plain text or subtitles.

    `usage` is what the vendor counted, in OpenAI's names, if it said so outside of the answer.
    """

    data: bytes
    content_type: str
    usage: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider declares it can do. What is not declared is refused before any request is sent."""

    operations: frozenset[Operation]
    features: frozenset[Feature] = frozenset()

    @classmethod
    def of(cls, *operations: Operation, features: tuple[Feature, ...] = ()) -> Capabilities:
        return cls(frozenset(operations), frozenset(features))

    def having(self, *features: Feature, operations: tuple[Operation, ...] = ()) -> Capabilities:
        """The same, with these features and operations too."""
        return Capabilities(self.operations.union(operations), self.features.union(features))

    def lacking(self, *features: Feature, operations: tuple[Operation, ...] = ()) -> Capabilities:
        """The same without these features and operations."""
        return Capabilities(self.operations.difference(operations), self.features.difference(features))


class ProviderSettings(PluginSettings):
    """What a deployment's `litellm_params` say to the provider; a plugin subclasses it to add its own keys.

    Every field is a key of `litellm_params`: an unset one is looked up in the environment by the provider.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", arbitrary_types_allowed=True, protected_namespaces=())

    model: str = Field("", description="The vendor's name of the model, without the provider prefix")
    api_key: str | None = Field(None, repr=False, description="The vendor's key")
    api_base: str | None = Field(None, description="Base URL in place of the vendor's own; keeps the vendor's format")
    organization: str | None = Field(None, description="Organization that the vendor bills")
    extra_headers: dict[str, str] = Field(default_factory=dict, repr=False, description="Header fields sent upstream")
    modify_params: bool = Field(False, description="Let the provider mend a request that the vendor would refuse")


@dataclass(slots=True)
class ModelRequest:
    """One attempt at one deployment, as the provider gets it.

    `body` is in the normal form of the operation (OpenAI's JSON), holds only what is meant for the vendor, and
    belongs to the provider: it may change it in place. `model` is the vendor's name for the model. `headers` are the
    client's header fields that the provider named in `forward_headers`, names in lower case. `drop_params` says that
    a parameter whose value the model refuses is to be left out; otherwise the provider raises UnsupportedParamsError.
    `dialect` is what the client speaks (`openai`, `messages`, `responses`, `gemini`), for vendors that serve it in a
    better way.
    `native` says that the request goes out in this dialect (`build_native`), and that what is read comes in it: an
    answer, or what `unwrap_native` makes of a stream.
    """

    operation: Operation
    model: str
    body: Body
    stream: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    drop_params: bool = False
    dialect: str = "openai"
    native: bool = False


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """What is asked of an answer that the vendor keeps: `path` is what follows the dialect's own, as segments."""

    method: str
    path: tuple[str, ...]
    query: tuple[tuple[str, str], ...] = ()
    body: Body | None = None


@dataclass(frozen=True, slots=True)
class LocalReply:
    """An answer that a provider makes itself, without any network, in its own wire format.

    `body` is the whole of it, or pieces, each with the seconds to wait before it. Everything after the transport runs
    as for any vendor.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | tuple[tuple[float, bytes], ...] = b""

    @property
    def delay(self) -> float:
        """Seconds until the whole answer is there."""
        return 0.0 if isinstance(self.body, bytes) else sum(seconds for seconds, _ in self.body)

    def whole(self) -> bytes:
        """The body in one piece."""
        return self.body if isinstance(self.body, bytes) else b"".join(data for _, data in self.body)


class StreamDecoder(ABC):
    """Turns the bytes of a streamed answer into chunks in OpenAI's shape.

    `feed` gets the bytes as they arrive, cut anywhere. When the vendor reports a failure inside the stream, set
    `error`; when its terminal event was seen, set `complete`: a stream that ends without it was cut off, and the
    core tells the client so.
    """

    error: GatewayError | None = None
    complete: bool = False

    @abstractmethod
    def feed(self, data: bytes) -> list[Body]:
        """The chunks that `data` completes, in order. Raises nothing for what a vendor may send."""

    def finish(self) -> list[Body]:
        """What is left once the body has ended."""
        return []


class Unwrapper(ABC):
    """Takes a stream in a client's dialect out of the vendor's own framing.

    `feed` gets the bytes as they arrive, cut anywhere, and gives the dialect's bytes. When the framing itself tells a
    failure, or makes no sense, set `error`.
    """

    error: GatewayError | None = None

    @abstractmethod
    def feed(self, data: bytes) -> bytes:
        """The dialect's bytes that `data` completes. Raises nothing for what a vendor may send."""


class Provider(ABC):
    """A vendor's wire format. See docs/plugins/writing.md for a walk through one."""

    name: ClassVar[str]
    """The word in front of the slash in `model: groq/llama-3`; also the entry point's name."""
    capabilities: ClassVar[Capabilities]
    api_key_env: ClassVar[tuple[str, ...]] = ()
    """Environment variables that may hold the key; the first one set wins."""
    api_base_env: ClassVar[tuple[str, ...]] = ()
    forward_headers: ClassVar[frozenset[str]] = frozenset()
    """Client header fields (lower case) that the vendor may see, e.g. `anthropic-beta`. All others stay here."""
    takes_metadata: ClassVar[bool] = False
    """True if the body's `metadata`, which otherwise is for the gateway alone, is to reach the provider."""
    native_dialects: ClassVar[frozenset[str]] = frozenset()
    """Dialects of clients that the vendor speaks itself (`messages`, `responses`, …): see `build_native`."""
    remembers: ClassVar[frozenset[str]] = frozenset()
    """Those of them in which the vendor keeps its answers, unless it is told not to: see `build_stored`."""
    counts_chat: ClassVar[bool] = False
    """True if `build_count` takes chats in OpenAI's form too, as the dialect `openai`."""
    fixed_params: ClassVar[frozenset[str]] = frozenset()
    """Parameters that clients may not change where the deployment's row says them: a guardrail at the vendor, say."""
    relays: ClassVar[bool] = False
    """True if answers already are in OpenAI's shape, so that the core may pass their bytes on (see openai_compat)."""

    route_name: ClassVar[str] = ""
    """The first segment of its pass-through routes, if that is not its name (`cohere` of `cohere_chat`)."""
    pass_through_headers: ClassVar[tuple[str, ...]] = ()
    """Client header fields (lower case, `acme-*` for a family) that pass-through keeps beside those of all vendors."""
    pass_through_signs: ClassVar[bool] = False
    """True if `authorize` has to see the whole body of a pass-through request, which then is held and limited."""
    batch_api: ClassVar[BatchAPI | None] = None
    """How the vendor takes batches; None if it takes none, and the gateway does them."""
    error_dialect: ClassVar[str] = "openai"
    """The dialect that the vendor's own clients read errors in: `openai`, `messages` (Anthropic's) or `gemini`."""

    resources: ClassVar[frozenset[str]] = frozenset()
    """The stored things of OpenAI's API that the vendor has in the same shape: `assistants`, `conversations`,
    `fine_tuning`, `uploads`, `vector_stores`. They are asked for by `build_pass_through`."""
    files_api: ClassVar[FilesAPI | None] = None
    """How the vendor takes files; None if it takes none."""

    def __init__(self, settings: ProviderSettings) -> None:
        self.settings = settings

    def supported_params(self, model: str, operation: Operation) -> frozenset[str] | None:
        """The OpenAI parameters that the model takes; None means all. Asked once per deployment and model."""
        return None

    def features(self, model: str) -> frozenset[Feature]:
        """What the chat operation can do with this model: for listings, where the models of a vendor differ."""
        return self.capabilities.features

    def local_reply(self, request: ModelRequest) -> LocalReply | None:
        """For providers that answer without a network (tests, demonstrations): the answer. None for all others."""
        return None

    @abstractmethod
    def build_request(self, request: ModelRequest) -> UpstreamRequest:
        """The HTTP request for the vendor.

        Raises UnsupportedCapabilityError or BadRequestError for what cannot be said to this vendor.
        """

    def speaks(self, dialect: str, model: str) -> bool:
        """Whether this model is asked in a dialect of clients; for vendors whose models differ there."""
        return dialect in self.native_dialects

    def build_native(self, dialect: str, request: ModelRequest) -> UpstreamRequest:
        """The HTTP request for a body that is in one of `native_dialects` already. `request.body` is that body, with
        the vendor's name of the model (but in `PATH_DIALECTS`) and the row's own members; the answer goes to the client
        as it comes. Streams of `gemini` are asked for as server-sent events.
        """
        raise UnsupportedCapabilityError(f"Provider {self.name!r} does not speak {dialect}.", provider=self.name)

    def unwrap_native(self, dialect: str, request: ModelRequest) -> Unwrapper | None:
        """What takes a dialect's stream out of the vendor's own framing. None if there is none, and its bytes come as
        the dialect has them.
        """
        return None

    def build_count(self, dialect: str, request: ModelRequest) -> UpstreamRequest | None:
        """The request that has the vendor count a prompt in one of `native_dialects`, or a chat if it `counts_chat`.

        None if it does not count; then the gateway does.
        """
        return None

    def build_stored(self, dialect: str, request: StoredRequest) -> UpstreamRequest:
        """The request about an answer that the vendor keeps, in one of `remembers`."""
        raise UnsupportedCapabilityError(f"Provider {self.name!r} keeps no {dialect}.", provider=self.name)

    def parse_count(self, answer: Body) -> int:
        """The tokens that the vendor has counted. Raises KeyError, TypeError or ValueError if it makes no sense."""
        return int(answer["input_tokens"])

    def build_realtime(self, request: ModelRequest) -> UpstreamRequest:
        """The GET that opens a WebSocket (RFC 6455) to the vendor, whose events are those of OpenAI's Realtime API.

        They pass between client and vendor as they are. Asked of providers that declare `realtime`.

        The URL begins with `ws://` or `wss://`; the fields of the handshake itself are the transport's business.
        `request.body` has `intent: transcription` where the client wants no more than that, and `request.headers` has
        `openai-beta` where it speaks the API's beta. An answer other than 101 goes to `parse_error`.
        """
        raise UnsupportedCapabilityError(f"Provider {self.name!r} has no realtime sessions.", provider=self.name)

    # The next three are for the few vendors that need them; one that is not overridden costs nothing.

    async def prepare(self, request: ModelRequest, network: Network) -> None:
        """Fetch what `build_request` needs, such as images that the vendor does not fetch itself.

        It may change members of `request.body`; what lies inside them is shared, so copy it to change it. Raises
        BadRequestError for an address that cannot be fetched (see `tianji_core.translate.media`).
        """

    async def authorize(self, request: UpstreamRequest, network: Network) -> UpstreamRequest:
        """Put a credential on that has to be fetched or computed: OAuth (`tianji_core.api.tokens`), signatures."""
        return request

    def follows(self, request: ModelRequest) -> bool:
        """Whether `follow` has to see the answer to this request: it is read whole for it, which ends streaming."""
        return True

    async def follow(
        self, request: ModelRequest, reply: UpstreamReply, network: Network
    ) -> UpstreamReply | UpstreamRequest:
        """What comes after a first 2xx answer: poll until a job is done, or fetch the rest of a batch.

        Returns the answer that `parse_response` gets, or the request whose answer is it, streamed if the call is.
        The call's own time-out ends it.
        """
        return reply

    @abstractmethod
    def parse_response(self, request: ModelRequest, reply: UpstreamReply) -> Body | Binary:
        """A whole 2xx answer in OpenAI's shape. Raises BadGatewayError or ValueError if it makes no sense.

        `usage` is what the vendor counted; where it counts nothing, leave it out: the gateway then counts the tokens.
        """

    def relays_answer(self, request: ModelRequest) -> bool:
        """Whether the answer goes to the client as its bytes come, unread: audio, or streams of other operations."""
        return False

    def relays_stream(self, request: ModelRequest) -> bool:
        """Where `relays` is true: whether this stream's events may go on as they came, without `stream_decoder`."""
        return True

    @abstractmethod
    def stream_decoder(self, request: ModelRequest) -> StreamDecoder:
        """A fresh decoder for one streamed answer."""

    @abstractmethod
    def parse_error(self, status: int, headers: Headers, body: bytes) -> GatewayError:
        """The error that a vendor's answer outside 2xx means. Never raises, whatever the body holds."""

    # The rest is for native pass-through: clients that speak the vendor's own API, under a prefix of ours.

    def build_pass_through(self, request: PassThrough) -> UpstreamRequest:
        """A client's request at the vendor's own address, with the credential on it (`PassThrough.to`).

        It must stay within what the row's address covers, whatever the path says. A provider that does not override
        this offers no pass-through. Raises AuthenticationError without a credential.
        """
        raise UnsupportedCapabilityError(f"Provider {self.name!r} offers no pass-through.", provider=self.name)

    def pass_through_models(self, request: PassThrough) -> Named:
        """The models that a request names, to choose a row by and to keep callers to the models that are theirs."""
        return Named(models_in(request.json))

    def pass_through_id(self, model: str) -> str:
        """What such requests call the model that a row calls so."""
        return model

    def pass_through_meter(self, request: PassThrough, headers: Headers) -> Meter | None:
        """What reads usage out of an answer with these header fields; None for what OpenAI, Anthropic and Google send,
        which the gateway reads itself.
        """
        return None

    def resource_path(self, path: str) -> str:
        """What `build_pass_through` has to be asked for to get to a path of OpenAI's API, such as `/files`."""
        return path
