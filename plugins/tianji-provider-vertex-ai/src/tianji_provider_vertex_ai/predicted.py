"""Gemma and its kin on endpoints that take chats by `predict`: OpenAI's bodies inside of Google's.

Source: the notebooks of Vertex AI's Model Garden for models in vLLM's container (`@requestFormat`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tianji_core.api.errors import BadGatewayError, GatewayError, UnsupportedCapabilityError
from tianji_core.api.http import Headers, UpstreamReply, UpstreamRequest
from tianji_core.api.provider import Body, ModelRequest, Operation, ProviderSettings, StreamDecoder
from tianji_core.translate.chunks import split_response
from tianji_core.translate.gemini.response import ReplyContext, read_answer
from tianji_core.translate.shapes import as_object
from tianji_core.wire.sse import MAX_EVENT_BYTES
from tianji_provider_vertex_ai.partners import Format
from tianji_provider_vertex_ai.places import Place, model_name
from tianji_provider_vertex_ai.publisher import NAME, Publisher

PREFIX = "gemma/"
"""Put before the endpoint's name, as LiteLLM has it."""
_NOT_SENT = frozenset({"metadata", "model", "stream", "stream_options"})


class Predicted(Publisher):
    """Endpoints of one's own, most often dedicated ones: `api_base` is their address then."""

    def __init__(self, place: Place, settings: ProviderSettings) -> None:
        self._place = place
        self._format = _Wrapped(settings.model_copy(update={"api_base": place.root, "api_key": None}))

    def supported_params(self, model: str, operation: Operation) -> frozenset[str]:
        return (self._format.supported_params(model, operation) or frozenset()) if operation == "chat" else frozenset()

    def build(self, request: ModelRequest) -> UpstreamRequest:
        if request.operation != "chat":
            raise UnsupportedCapabilityError(f"Model {request.model!r} has no {request.operation}.", provider=NAME)
        # The body stays as it was: it tells the gateway what was asked.
        built = self._format.build_request(replace(request, body=dict(request.body)))
        path = f"endpoints/{model_name(request.model.removeprefix(PREFIX))}"
        return replace(built, url=self._place.url(path, "predict"))

    def parse(self, request: ModelRequest, reply: UpstreamReply) -> Body:
        answer = read_answer(reply.body, ReplyContext(request.model, NAME)).get("predictions")
        body = as_object(answer[0] if isinstance(answer, list) and answer else answer)
        choices = body.get("choices")
        if not isinstance(choices, list) or not choices or not all(map(_is_choice, choices)):
            raise BadGatewayError("The provider's answer holds no chat.", provider=NAME)
        return body

    def decoder(self, request: ModelRequest) -> StreamDecoder:
        return _WholeAnswer(self, request)


class _Wrapped(Format):
    """OpenAI's body as the only instance of a prediction."""

    def adjust_body(self, request: ModelRequest) -> None:
        inner = {name: value for name, value in request.body.items() if name not in _NOT_SENT}
        request.body.clear()
        request.body["instances"] = [{"@requestFormat": "chatCompletions", **inner}]


class _WholeAnswer(StreamDecoder):
    """A stream of an endpoint that does not stream: everything comes at its end."""

    def __init__(self, publisher: Predicted, request: ModelRequest) -> None:
        self._publisher = publisher
        self._request = request
        self._data = bytearray()

    def feed(self, data: bytes) -> list[Body]:
        if len(self._data) + len(data) > MAX_EVENT_BYTES:
            self.error = BadGatewayError("The provider's answer is too large.", provider=NAME)
        elif self.error is None:
            self._data += data
        return []

    def finish(self) -> list[Body]:
        if self.error is not None:
            return []
        try:
            answer = self._publisher.parse(self._request, UpstreamReply(200, Headers(), bytes(self._data)))
        except GatewayError as error:
            self.error = error
            return []
        self.complete = True
        return split_response(answer)


def _is_choice(value: Any) -> bool:
    """Whether this is a choice with a message whose calls are calls."""
    message = as_object(value).get("message")
    if not isinstance(message, dict):
        return False
    calls = message.get("tool_calls")
    return not calls or (isinstance(calls, list) and all(isinstance(call, dict) for call in calls))
