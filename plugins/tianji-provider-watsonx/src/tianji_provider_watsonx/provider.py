"""watsonx.ai's chat, embeddings and reranking (https://cloud.ibm.com/apidocs/watsonx-ai)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import ClassVar
from urllib.parse import quote

import orjson

from tianji_core.api.errors import BadGatewayError
from tianji_core.api.http import Network, UpstreamReply, UpstreamRequest
from tianji_core.api.pass_through import Named, PassThrough, models_in
from tianji_core.api.provider import Binary, Body, ModelRequest, ProviderSettings
from tianji_core.api.tokens import Token, TokenCache
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.translate.oauth import fetch_token
from tianji_core.translate.rerank import rerank_answer, rerank_meta
from tianji_core.translate.urls import below, model_path
from tianji_provider_watsonx import body as bodies
from tianji_provider_watsonx.settings import IAM, VERSION, project_or_space

DEPLOYMENT = "deployment/"
"""In front of the id of a deployed model, which has an address of its own."""
_NAMES_ITS_MODEL = re.compile(r"(/ml/v1)?/text/(chat|generation|embeddings|rerank|tokenization)(_stream)?")
_PATHS = {"chat": "/text/chat", "embeddings": "/text/embeddings", "rerank": "/text/rerank"}


class Watsonx(OpenAICompatible):
    """watsonx.ai: tokens for keys, own addresses with a version, OpenAI's messages in a body of its own."""

    name = "watsonx"
    api_key_env = ("WATSONX_APIKEY", "WATSONX_API_KEY", "WX_API_KEY")
    api_base_env = ("WATSONX_API_BASE", "WATSONX_URL", "WX_URL", "WML_URL")
    system_name = "system"
    renamed_params: ClassVar = {"max_completion_tokens": "max_tokens"}
    unsupported_params = frozenset(
        {
            "audio",
            "dimensions",
            "encoding_format",
            "function_call",
            "functions",
            "max_chunks_per_doc",
            "max_tokens_per_doc",
            "modalities",
            "parallel_tool_calls",
            "prediction",
            "prompt_cache_key",
            "prompt_cache_retention",
            "rank_fields",
            "safety_identifier",
            "service_tier",
            "store",
            "stream_options",
            "user",
            "verbosity",
            "web_search_options",
        }
    )
    patch_markers = (b'"choices"',)  # each chunk lacks members of OpenAI's
    capabilities = OpenAICompatible.capabilities.lacking("parallel_tools").having(operations=("rerank",))

    def __init__(self, settings: ProviderSettings) -> None:
        self._token = getattr(settings, "token", None) or settings.env("WATSONX_TOKEN")
        self._zen_key = getattr(settings, "zen_api_key", None) or settings.env("WATSONX_ZENAPIKEY")
        super().__init__(settings)
        self._iam = getattr(settings, "iam_url", None) or settings.env("WATSONX_IAM_URL") or IAM
        self._version = quote(getattr(settings, "api_version", None) or VERSION, safe="")
        self._ids = project_or_space(settings)
        self._tokens = TokenCache()

    def headers(self) -> list[tuple[str, str]]:
        """The key itself is never sent; a token for it is put on by `authorize`."""
        fields = [field for field in super().headers() if field[0] != "authorization"]
        own = next((v for name, v in self.settings.extra_headers.items() if name.lower() == "authorization"), None)
        if own is not None:
            return [*fields, ("authorization", own)]
        if self._zen_key:
            return [*fields, ("authorization", f"ZenApiKey {self._zen_key}")]
        return [*fields, ("authorization", f"Bearer {self._token}")] if self._token else fields

    def has_credential(self) -> bool:
        return any(name == "authorization" for name, _ in self._headers) or super().has_credential()

    def build_request(self, request: ModelRequest) -> UpstreamRequest:
        build = bodies.BUILD.get(request.operation)
        if build is None:
            return super().build_request(request)  # which refuses it
        ids = {} if request.model.startswith(DEPLOYMENT) else {"model_id": request.model, **self._ids}
        built = super().build_request(replace(request, body=build(request, ids)))
        built.url = self._address(request)
        return built

    def _address(self, request: ModelRequest) -> str:
        path = _PATHS[request.operation]
        if request.stream:
            path += "_stream"
        if request.model.startswith(DEPLOYMENT):
            path = f"/deployments/{model_path(request.model.removeprefix(DEPLOYMENT))}{path}"
        return f"{self.api_base.removesuffix('/ml/v1')}/ml/v1{path}?version={self._version}"

    def build_pass_through(self, request: PassThrough) -> UpstreamRequest:
        built = super().build_pass_through(request)
        if "version=" not in request.query:
            built.url += f"{'&' if '?' in built.url else '?'}version={self._version}"
        return built

    def pass_through_url(self, path: str) -> str:
        root = self.api_base.removesuffix("/ml/v1")
        return root + path if path.startswith("/ml/") else below(f"{root}/ml/v1", path)

    def pass_through_models(self, request: PassThrough) -> Named:
        named = request.json is not None and isinstance(request.json.get("model_id"), str)
        only = request.method == "POST" and named and _NAMES_ITS_MODEL.fullmatch(request.path) is not None
        return Named(models_in(request.json), only)

    async def authorize(self, request: UpstreamRequest, network: Network) -> UpstreamRequest:
        if any(name == "authorization" for name, _ in request.headers):
            return request
        token = await self._tokens.get(lambda: self._fetch_token(network))
        return replace(request, headers=[*request.headers, ("authorization", f"Bearer {token}")])

    async def _fetch_token(self, network: Network) -> Token:
        """IAM changes an API key for a token (https://cloud.ibm.com/apidocs/iam-identity-token-api)."""
        form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": self.api_key or ""}
        return await fetch_token(network, self._iam, form)

    def parse_response(self, request: ModelRequest, reply: UpstreamReply) -> Body | Binary:
        if request.operation == "chat":
            return super().parse_response(request, reply)
        try:
            answer = orjson.loads(reply.body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
            raise BadGatewayError("The provider's answer holds no results.", provider=self.name)
        if request.operation == "embeddings":
            return bodies.read_embeddings(answer, request.model)
        documents = request.body["documents"] if request.body.get("return_documents") else None
        results = [bodies.read_result(result) for result in answer["results"]]
        counted = {"results": results, "meta": rerank_meta({"input_tokens": answer.get("input_token_count")})}
        return rerank_answer(counted, documents, request.body.get("top_n"))

    def patch_response(self, body: Body) -> None:
        bodies.complete(body, "chat.completion")

    def patch_chunk(self, chunk: Body) -> None:
        bodies.complete(chunk, "chat.completion.chunk")
