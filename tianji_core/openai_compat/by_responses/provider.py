"""The base of those who host OpenAI's models with both of OpenAI's APIs."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote, urlencode

import orjson
from pydantic import Field

from tianji_core.api.errors import BadGatewayError, UnsupportedParamsError
from tianji_core.api.http import UpstreamReply, UpstreamRequest
from tianji_core.api.provider import (
    Binary,
    Body,
    ModelRequest,
    Operation,
    ProviderSettings,
    StoredRequest,
    StreamDecoder,
)
from tianji_core.openai_compat.by_responses.request import NEUTRAL, responses_request, unsayable
from tianji_core.openai_compat.by_responses.response import chat_answer, failure
from tianji_core.openai_compat.by_responses.stream import ResponsesDecoder
from tianji_core.openai_compat.openai_models import OpenAIModels, adjust_params
from tianji_core.openai_compat.provider import PATHS
from tianji_core.translate.stops import StopCutter, stops_of
from tianji_core.translate.surfaces.responses import COMPACTION

PREFIX = "responses/"
"""Before a model's name: it is to be served through Responses."""
COUNTED = frozenset(
    {
        "conversation",
        "input",
        "instructions",
        "model",
        "parallel_tool_calls",
        "previous_response_id",
        "reasoning",
        "text",
        "tool_choice",
        "tools",
        "truncation",
    }
)
"""Members of a request that the vendor takes for counting its tokens."""
ANTHROPICS = frozenset({"top_k"})
"""What clients of Messages send and none of these models takes: left out, as such clients do not know whom they ask."""
MAX_USER = 64
"""Characters that the vendor takes as `user`. Ids of Messages clients are longer."""


class ByResponsesSettings(ProviderSettings):
    """The keys of `litellm_params` that say through which API chat is served."""

    mode: str | None = Field(None, description="`responses` serves chat through the Responses API; see model_info.mode")


class ByResponses(OpenAIModels):
    """Serves chat through Responses where a model has nothing else, where the row says so, and where the client speaks
    a dialect whose reasoning only survives there; everything else as it comes.
    """

    native_dialects = frozenset({"responses", COMPACTION})
    remembers = frozenset({"responses"})

    def __init__(self, settings: ProviderSettings) -> None:
        super().__init__(settings)
        self._dialects = self.dialects_by_responses()
        self._only = lru_cache(maxsize=1024)(self.only_by_responses)

    def responses_url(self) -> str:
        return self.api_base.removesuffix(PATHS["chat"]) + "/responses"

    def responses_model(self, model: str) -> str:
        """What the vendor calls the model."""
        return model.removeprefix(PREFIX)

    def dialects_by_responses(self) -> frozenset[str]:
        """Dialects of clients that are served through Responses whatever the model; asked once."""
        return self.native_dialects

    def only_by_responses(self, model: str) -> bool:
        """Whether all chat with this model goes through Responses; asked once for each model."""
        settings = self.settings
        said = isinstance(settings, ByResponsesSettings) and settings.mode == "responses"
        return said or model.startswith(PREFIX) or self.family(model).only_responses

    def by_responses(self, request: ModelRequest) -> bool:
        """Whether this call goes through Responses."""
        if request.operation != "chat":
            return False
        if request.dialect in self._dialects or self._only(request.model):
            return True
        # Models that think search the web there only.
        return request.body.get("web_search_options") is not None and self.family(request.model).thinks

    def supported_params(self, model: str, operation: Operation) -> frozenset[str] | None:
        supported = super().supported_params(model, operation)
        if supported is None or operation != "chat":
            return supported
        if self.only_by_responses(model):
            supported -= frozenset(NEUTRAL)
        return supported | {"web_search_options"} if self.family(model).thinks else supported

    def build_count(self, dialect: str, request: ModelRequest) -> UpstreamRequest | None:
        if dialect != "responses":
            return None
        body = {name: value for name, value in request.body.items() if name in COUNTED}
        body["model"] = self.responses_model(request.model)
        return self.build_stored(dialect, StoredRequest("POST", ("input_tokens",), body=body))

    def build_native(self, dialect: str, request: ModelRequest) -> UpstreamRequest:
        if dialect == COMPACTION:
            body = {**request.body, "model": self.responses_model(request.model)}
            return self.build_stored(dialect, StoredRequest("POST", ("compact",), body=body))
        self.check_credential()
        request.body["model"] = self.responses_model(request.model)
        return UpstreamRequest("POST", self.responses_url(), self._headers.copy(), orjson.dumps(request.body))

    def build_stored(self, dialect: str, request: StoredRequest) -> UpstreamRequest:
        self.check_credential()
        url, _, query = self.responses_url().partition("?")
        url = "/".join([url, *(quote(segment, safe="") for segment in request.path)])
        query = "&".join(filter(None, (query, urlencode(request.query))))
        body = b"" if request.body is None else orjson.dumps(request.body)
        return UpstreamRequest(request.method, f"{url}?{query}" if query else url, self._headers.copy(), body)

    def build_request(self, request: ModelRequest) -> UpstreamRequest:
        if request.operation == "chat" and request.dialect == "messages":
            _without_anthropics(request.body)
        if not self.by_responses(request):
            return super().build_request(request)
        self.check_credential()
        body, family = request.body, self.family(request.model)
        adjust_params(body, family, drop=request.drop_params or self.settings.modify_params, provider=self.name)
        self._check(request)
        sent = responses_request(body, system=self.system_role(request.model), thinks=family.thinks)
        sent["model"] = self.responses_model(request.model)
        headers = [*self._headers, *request.headers.items()]
        return UpstreamRequest("POST", self.responses_url(), headers, orjson.dumps(sent))

    def _check(self, request: ModelRequest) -> None:
        """Raises UnsupportedParamsError for parameters that Responses have nothing for, unless they are to be dropped.

        Of other dialects than chat the stop sequences are heeded here: see `translate.stops`.
        """
        refused = [name for name in unsayable(request.body) if name != "stop" or not self._stops(request)]
        if refused and not request.drop_params:
            raise UnsupportedParamsError(
                f"{request.model} is served through OpenAI's Responses API, which has no {', '.join(refused)}. "
                "To drop parameters set `drop_params: true` in litellm_settings or litellm_params.",
                param=refused[0],
                provider=self.name,
            )

    def _stops(self, request: ModelRequest) -> tuple[str, ...]:
        """The stop sequences that have to be looked for here."""
        return stops_of(request.body.get("stop")) if request.dialect == "messages" else ()

    def relays_stream(self, request: ModelRequest) -> bool:
        return not self.by_responses(request)

    def parse_response(self, request: ModelRequest, reply: UpstreamReply) -> Body | Binary:
        if not self.by_responses(request):
            return super().parse_response(request, reply)
        try:
            body = orjson.loads(reply.body)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise BadGatewayError("The provider's answer is not a JSON object.", provider=self.name)
        if body.get("error") or body.get("status") == "failed":
            status, error = failure(body.get("error"))
            raise self.parse_error(status, reply.headers, orjson.dumps(error))
        if (body.get("status") or "completed") not in ("completed", "incomplete"):
            raise BadGatewayError(f"The provider's answer is {body['status']!r}.", provider=self.name)
        if not isinstance(body.get("output"), list):
            raise BadGatewayError("The provider's answer has no output.", provider=self.name)
        answer = chat_answer(body)
        _cut(answer, self._stops(request))
        return answer

    def stream_decoder(self, request: ModelRequest) -> StreamDecoder:
        if not self.by_responses(request):
            return super().stream_decoder(request)
        return ResponsesDecoder(self.parse_error, self._stops(request))


def _without_anthropics(body: Body) -> None:
    """Leave out in place what OpenAI would refuse of a Messages client."""
    for name in ANTHROPICS:
        body.pop(name, None)
    if isinstance(body.get("user"), str):
        body["user"] = body["user"][:MAX_USER]


def _cut(answer: Body, stops: tuple[str, ...]) -> None:
    """End an answer's text in place where a stop sequence begins."""
    choice = answer["choices"][0]
    message = choice["message"]
    cutter = StopCutter(stops)
    text = cutter.feed(message["content"] or "")
    if cutter.stopped:
        message["content"] = text
        message.pop("tool_calls", None)
        choice["finish_reason"] = "stop"
