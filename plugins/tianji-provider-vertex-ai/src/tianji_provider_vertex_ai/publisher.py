"""What the models of one publisher have in common: how they are asked, and how they answer."""

from __future__ import annotations

from abc import ABC, abstractmethod

from tianji_core.api.http import Network, UpstreamReply, UpstreamRequest
from tianji_core.api.provider import Binary, Body, ModelRequest, Operation, StreamDecoder

NAME = "vertex_ai"


class Publisher(ABC):
    """A part of the provider: the models that speak one format. All of it is as pure as a provider."""

    @abstractmethod
    def supported_params(self, model: str, operation: Operation) -> frozenset[str]:
        """The OpenAI parameters that the model takes."""

    async def prepare(self, request: ModelRequest, network: Network) -> None:
        """Fetch files that the models cannot fetch."""

    @abstractmethod
    def build(self, request: ModelRequest) -> UpstreamRequest:
        """The request, but for the credential and the header fields of the deployment."""

    @abstractmethod
    def parse(self, request: ModelRequest, reply: UpstreamReply) -> Body | Binary:
        """A whole 2xx answer in OpenAI's shape."""

    @abstractmethod
    def decoder(self, request: ModelRequest) -> StreamDecoder:
        """A decoder for one streamed answer."""


JSON_HEADERS = [("content-type", "application/json")]
