"""The provider: which of Bedrock's APIs a call goes to, and who signs for it."""

from __future__ import annotations

import asyncio
import re
from typing import ClassVar
from urllib.parse import quote, unquote

import orjson

from tianji_core.api.errors import BadRequestError, GatewayError, UnsupportedCapabilityError
from tianji_core.api.http import Headers, Network, UpstreamReply, UpstreamRequest
from tianji_core.api.pass_through import Meter, Named, PassThrough, models_in
from tianji_core.api.provider import (
    Body,
    Capabilities,
    Feature,
    ModelRequest,
    Operation,
    Provider,
    ProviderSettings,
    StreamDecoder,
    Unwrapper,
)
from tianji_core.translate.anthropic import models as claude_models
from tianji_core.translate.anthropic.betas import HEADER, join_betas
from tianji_core.translate.anthropic.caching import inject_markers
from tianji_core.translate.anthropic.hosts import BEDROCK
from tianji_core.translate.anthropic.native import inlined
from tianji_core.translate.anthropic.response import ReplyContext as ClaudeContext
from tianji_core.translate.anthropic.response import parse_message
from tianji_core.translate.anthropic.stream import AnthropicStreamDecoder
from tianji_core.translate.media import inline_media
from tianji_provider_bedrock import embeddings, images, rerank
from tianji_provider_bedrock.credentials import CredentialSource
from tianji_provider_bedrock.errors import parse_error
from tianji_provider_bedrock.invoke import InvokeDecoder, InvokeUnwrapper, chat_to_invoke, native_to_invoke, to_count
from tianji_provider_bedrock.meter import meter_of
from tianji_provider_bedrock.models import Target, parse_model, traits
from tianji_provider_bedrock.regions import domain, partition, region_of, settled_region, usual_region
from tianji_provider_bedrock.request import chat_to_converse, supported_params
from tianji_provider_bedrock.response import ReplyContext, parse_converse
from tianji_provider_bedrock.settings import BedrockSettings
from tianji_provider_bedrock.sigv4 import load, loaded, sign
from tianji_provider_bedrock.stream import ConverseDecoder

_CALL = re.compile(r"/model/([^/]+)/(converse|converse-stream|invoke|invoke-with-response-stream|count-tokens)")
"""Paths that name the model that answers."""
_AGENTS = (
    "/agents/",
    "/flows/",
    "/generateQuery",
    "/knowledgebases/",
    "/optimize-prompt",
    "/rerank",
    "/retrieve",
    "/sess",
)
_RUNTIME = ("/model/", "/guardrail/", "/async-invoke")
"""Beginnings of paths, by the service that has them; the rest is the control plane's (AWS General Reference)."""

AT_ONCE = 8
"""Requests of one call that are under way together, where a model takes one input for each."""


class Bedrock(Provider):
    """Amazon Bedrock (https://docs.aws.amazon.com/bedrock/latest/APIReference/)."""

    name: ClassVar[str] = "bedrock"
    fixed_params: ClassVar[frozenset[str]] = frozenset({"guardrailConfig"})
    native_dialects: ClassVar[frozenset[str]] = frozenset({"messages"})
    counts_chat: ClassVar[bool] = True
    capabilities: ClassVar[Capabilities] = Capabilities.of(
        "chat",
        "embeddings",
        "rerank",
        "images",
        features=(
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
        ),
    )
    api_key_env: ClassVar[tuple[str, ...]] = ("AWS_BEARER_TOKEN_BEDROCK",)
    api_base_env: ClassVar[tuple[str, ...]] = ("AWS_BEDROCK_RUNTIME_ENDPOINT",)
    forward_headers: ClassVar[frozenset[str]] = frozenset({HEADER})
    pass_through_headers: ClassVar[tuple[str, ...]] = ("x-amzn-bedrock-*",)
    pass_through_signs: ClassVar[bool] = True

    def __init__(self, settings: ProviderSettings) -> None:
        super().__init__(settings)
        own = settings if isinstance(settings, BedrockSettings) else BedrockSettings(**dict(settings))
        self._own = own
        self._settled = settled_region(own)
        self.region = self._settled or usual_region(own)
        base = own.api_base or own.aws_bedrock_runtime_endpoint or own.env(*self.api_base_env)
        self._base = (base or "").rstrip("/")
        bearer = own.api_key or (None if own.explicit_credentials() else own.env(*self.api_key_env))
        fields = {"content-type": "application/json"}
        if bearer:
            fields["authorization"] = f"Bearer {bearer}"
        fields.update((name.lower(), value) for name, value in own.extra_headers.items())
        self._headers = list(fields.items())
        self._credentials = CredentialSource(own, self.region)

    def supported_params(self, model: str, operation: Operation) -> frozenset[str] | None:
        target = parse_model(model)
        if operation == "embeddings":
            return embeddings.supported_params(target.name)
        if operation == "rerank":
            return rerank.PARAMS
        if operation == "images":
            return images.supported_params(target.name)
        if target.route == "invoke":
            return claude_models.supported_params(target.name) - {"web_search_options"}
        return supported_params(traits(target.name))

    def features(self, model: str) -> frozenset[Feature]:
        lacks = {"reasoning"} if traits(parse_model(model).name).reasoning == "none" else set()
        return self.capabilities.features - lacks

    def speaks(self, dialect: str, model: str) -> bool:
        """Claude speaks Messages by invoke; where the row says `converse/`, that is what it gets."""
        target = parse_model(model)
        converses = target.route == "converse" and target.settled
        return dialect == "messages" and not (converses or target.api) and traits(target.name).claude is not None

    # -- requests ----------------------------------------------------------------------------------------------

    async def prepare(self, request: ModelRequest, network: Network) -> None:
        messages = request.body.get("messages")
        if request.operation != "chat" or not isinstance(messages, list):
            return
        if request.native or parse_model(request.model).route == "invoke":
            request.body["messages"] = await inlined(request, BEDROCK, network)
        else:
            request.body["messages"] = await inline_media(messages, network, _is_web_address)

    def build_request(self, request: ModelRequest) -> UpstreamRequest:
        target = self._target(request.model)
        if request.operation == "embeddings":
            inputs = embeddings.inputs_of(request.body)
            many = embeddings.takes_many(target.name)
            return self._embeddings_request(request, target, inputs if many else inputs[:1])
        if request.operation == "rerank":
            return self._rerank_request(request, target)
        if request.operation == "images":
            return self._request(target, "invoke", images.build_image(request.body, target.name))
        if request.operation != "chat":
            raise UnsupportedCapabilityError(f"Provider {self.name!r} has no {request.operation}.", provider=self.name)
        found, betas = traits(target.name), _betas(request)
        modify, drop = self.settings.modify_params, request.drop_params
        if target.route == "converse":
            chat = self._marked(request.body)
            body = chat_to_converse(chat, found, stream=request.stream, modify=modify, drop=drop, betas=betas)
            return self._request(target, "converse-stream" if request.stream else "converse", body)
        if found.claude is None:
            raise UnsupportedCapabilityError("Only Claude is asked by invoke here: leave `invoke/` out.")
        body, headers = chat_to_invoke(self._marked(request.body), found.claude, modify=modify, drop=drop, betas=betas)
        return self._request(target, _invoke(request), body, headers)

    def build_native(self, dialect: str, request: ModelRequest) -> UpstreamRequest:
        body, headers = native_to_invoke(request.body, request.headers.get(HEADER))
        return self._request(self._target(request.model), _invoke(request), body, headers)

    def build_count(self, dialect: str, request: ModelRequest) -> UpstreamRequest | None:
        """Only Claude is counted, and only the model itself: profiles are not known there."""
        target = self._target(request.model)
        found = traits(target.name).claude
        if found is None:
            return None
        if dialect == "openai":
            modify, drop = self.settings.modify_params, request.drop_params
            body, _ = chat_to_invoke(request.body, found, modify=modify, drop=drop, betas=_betas(request))
        else:
            body, _ = native_to_invoke(request.body, request.headers.get(HEADER))
        return self._request(target, "count-tokens", to_count(body), model=target.foundation)

    def parse_count(self, answer: Body) -> int:
        return int(answer["inputTokens"])

    def unwrap_native(self, dialect: str, request: ModelRequest) -> Unwrapper:
        return InvokeUnwrapper(self.name)

    def _marked(self, body: Body) -> Body:
        """The body with the row's cache markers. It stays as it came itself: the answer is read with its help."""
        points = self._own.cache_control_injection_points
        return inject_markers(body, points) if points else body

    async def authorize(self, request: UpstreamRequest, network: Network) -> UpstreamRequest:
        if any(name == "authorization" for name, _ in request.headers):
            return request
        credentials = await self._credentials.get(network)
        if not loaded():
            await asyncio.to_thread(load)
        return sign(request, credentials, region_of(request.url) or self.region)

    def _target(self, model: str) -> Target:
        target = parse_model(model)
        if target.api:
            raise UnsupportedCapabilityError(f"Bedrock's {target.api!r} API is not offered here.", provider=self.name)
        return target

    def _request(
        self,
        target: Target,
        action: str,
        body: Body,
        headers: list[tuple[str, str]] | None = None,
        *,
        model: str | None = None,
    ) -> UpstreamRequest:
        model = model or self._own.model_id or target.id
        if model in ("", ".", ".."):
            raise BadRequestError("The model has no name.", param="model")
        url = f"{self._host('bedrock-runtime', target)}/model/{quote(model, safe='')}/{action}"
        return UpstreamRequest("POST", url, [*self._headers, *(headers or ())], orjson.dumps(body))

    def _region(self, target: Target) -> str:
        return self._settled or target.region or self.region

    def _host(self, service: str, target: Target) -> str:
        if self._base:
            return self._base.replace("bedrock-runtime", service)
        region = self._region(target)
        return f"https://{service}.{region}.{domain(region)}"

    def _embeddings_request(self, request: ModelRequest, target: Target, inputs: list[str]) -> UpstreamRequest:
        return self._request(target, "invoke", embeddings.build_embeddings(request.body, target.name, inputs))

    def _rerank_request(self, request: ModelRequest, target: Target) -> UpstreamRequest:
        model = self._own.model_id or target.id
        region = self._region(target)
        arn = (
            model if model.startswith("arn:") else f"arn:{partition(region)}:bedrock:{region}::foundation-model/{model}"
        )
        body = orjson.dumps(rerank.build_rerank(request.body, arn))
        signs = self._signs()
        headers = [field for field in self._headers if not signs or field[0] != "authorization"]
        return UpstreamRequest("POST", f"{self._host('bedrock-agent-runtime', target)}/rerank", headers, body)

    def _signs(self) -> bool:
        """Whether there is something to sign with. The agent runtime takes no API keys: there that counts."""
        return self._own.explicit_credentials() or bool(self._own.env("AWS_ACCESS_KEY_ID"))

    # -- answers -----------------------------------------------------------------------------------------------

    def follows(self, request: ModelRequest) -> bool:
        if request.operation != "embeddings" or embeddings.takes_many(parse_model(request.model).name):
            return False
        return len(embeddings.inputs_of(request.body)) > 1

    async def follow(
        self, request: ModelRequest, reply: UpstreamReply, network: Network
    ) -> UpstreamReply | UpstreamRequest:
        """Ask for the other inputs of embeddings, a few at once. The first answer that is an error ends it."""
        target, inputs = self._target(request.model), embeddings.inputs_of(request.body)[1:]
        places = asyncio.Semaphore(AT_ONCE)

        async def ask(given: str) -> UpstreamReply:
            async with places:
                upstream = self._embeddings_request(request, target, [given])
                answer = await network.fetch(await self.authorize(upstream, network))
            if not 200 <= answer.status < 300:
                raise self.parse_error(answer.status, answer.headers, answer.body)
            return answer

        tasks = [asyncio.ensure_future(ask(given)) for given in inputs]
        try:
            return embeddings.join_replies([reply, *await asyncio.gather(*tasks)])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def parse_response(self, request: ModelRequest, reply: UpstreamReply) -> Body:
        if request.operation == "embeddings":
            return embeddings.parse_embeddings(reply, request.body, request.model)
        if request.operation == "rerank":
            return rerank.parse_rerank(reply.body, request.body)
        if request.operation == "images":
            return images.parse_images(reply.body)
        if request.native or parse_model(request.model).route == "invoke":
            return parse_message(reply.body, self._claude_context(request))
        return parse_converse(reply, ReplyContext.of(request.body))

    def stream_decoder(self, request: ModelRequest) -> StreamDecoder:
        if request.native:
            return AnthropicStreamDecoder(self._claude_context(request))
        if parse_model(request.model).route == "invoke":
            return InvokeDecoder(self._claude_context(request), self.name)
        return ConverseDecoder(ReplyContext.of(request.body), self.name)

    def parse_error(self, status: int, headers: Headers, body: bytes) -> GatewayError:
        return parse_error(status, headers, body, self.name)

    def _claude_context(self, request: ModelRequest) -> ClaudeContext:
        return ClaudeContext.of(request.body, parse_model(request.model).name, self.name)

    # -- pass-through ------------------------------------------------------------------------------------------

    def build_pass_through(self, request: PassThrough) -> UpstreamRequest:
        """The host follows from the path; the region is the row's, whatever an ARN in the path says."""
        path = request.path
        service = "bedrock-runtime" if path.startswith(_RUNTIME) else "bedrock"
        if path.startswith(_AGENTS):
            service = "bedrock-agent-runtime"
        host = self._host(service, Target("", "", None, "converse"))
        left_out = {"content-type"}
        if service == "bedrock-agent-runtime" and self._signs():
            left_out.add("authorization")
        return request.to(host + path, [field for field in self._headers if field[0] not in left_out])

    def pass_through_models(self, request: PassThrough) -> Named:
        found = _CALL.fullmatch(request.path)
        if found is None or request.method != "POST":
            return Named(models_in(request.json))
        return Named((unquote(found[1]),), True)

    def pass_through_id(self, model: str) -> str:
        return self._own.model_id or parse_model(model).id

    def pass_through_meter(self, request: PassThrough, headers: Headers) -> Meter | None:
        return meter_of(headers)


class BedrockConverse(Bedrock):
    """The same by the name that LiteLLM's price map has for it."""

    name: ClassVar[str] = "bedrock_converse"
    route_name: ClassVar[str] = "bedrock"


def _betas(request: ModelRequest) -> str:
    """The beta features that the client asks for and Bedrock knows."""
    return join_betas(BEDROCK.admitted(request.headers.get(HEADER)))


def _invoke(request: ModelRequest) -> str:
    return "invoke-with-response-stream" if request.stream else "invoke"


def _is_web_address(url: str) -> bool:
    return url[:8].lower().startswith(("http://", "https://"))
