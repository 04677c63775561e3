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

from pydantic import BaseModel, ConfigDict, Field

from tianji_core.api.errors import GatewayError
from tianji_core.api.http import Headers, UpstreamReply, UpstreamRequest

Operation = Literal["chat", "completions", "embeddings"]
"""What the caller wants done; each is one OpenAI endpoint in its normal form."""

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
"""What a provider's chat operation can do beyond plain text."""

Body = dict[str, Any]
"""A JSON object in OpenAI's shape (`tianji_core.wire.openai` has the TypedDicts)."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider declares it can do. What is not declared is refused before any request is sent."""

    operations: frozenset[Operation]
    features: frozenset[Feature] = frozenset()

    @classmethod
    def of(cls, *operations: Operation, features: tuple[Feature, ...] = ()) -> Capabilities:
        return cls(frozenset(operations), frozenset(features))


class ProviderSettings(BaseModel):
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
    environ: Mapping[str, str] = Field(default_factory=dict, repr=False, exclude=True, description="Set by the core")

    def env(self, *names: str) -> str | None:
        """The first of these environment variables that is set and not empty."""
        for name in names:
            value = self.environ.get(name)
            if value:
                return value
        return None


@dataclass(slots=True)
class ModelRequest:
    """One attempt at one deployment, as the provider gets it.

    `body` is in the normal form of the operation (OpenAI's JSON), holds only what is meant for the vendor, and
    belongs to the provider: it may change it in place. `model` is the vendor's name for the model. `headers` are the
    client's header fields that the provider named in `forward_headers`, names in lower case. `drop_params` says that
    a parameter whose value the model refuses is to be left out; otherwise the provider raises UnsupportedParamsError.
    """

    operation: Operation
    model: str
    body: Body
    stream: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    drop_params: bool = False


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
    relays: ClassVar[bool] = False
    """True if answers already are in OpenAI's shape, so that the core may pass their bytes on (see openai_compat)."""

    def __init__(self, settings: ProviderSettings) -> None:
        self.settings = settings

    def supported_params(self, model: str, operation: Operation) -> frozenset[str] | None:
        """The OpenAI parameters that the model takes; None means all. Asked once per deployment and model."""
        return None

    def local_reply(self, request: ModelRequest) -> LocalReply | None:
        """For providers that answer without a network (tests, demonstrations): the answer. None for all others."""
        return None

    @abstractmethod
    def build_request(self, request: ModelRequest) -> UpstreamRequest:
        """The HTTP request for the vendor.

        Raises UnsupportedCapabilityError or BadRequestError for what cannot be said to this vendor.
        """

    async def authorize(self, request: UpstreamRequest) -> UpstreamRequest:
        """For vendors whose credential has to be fetched or computed (OAuth, request signing). Most need nothing."""
        return request

    @abstractmethod
    def parse_response(self, request: ModelRequest, reply: UpstreamReply) -> Body:
        """A whole 2xx answer in OpenAI's shape. Raises BadGatewayError or ValueError if it makes no sense."""

    @abstractmethod
    def stream_decoder(self, request: ModelRequest) -> StreamDecoder:
        """A fresh decoder for one streamed answer."""

    @abstractmethod
    def parse_error(self, status: int, headers: Headers, body: bytes) -> GatewayError:
        """The error that a vendor's answer outside 2xx means. Never raises, whatever the body holds."""
