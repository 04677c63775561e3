"""The provider: OpenAI's format for chat, and Hugging Face's own for embeddings and rerank.

Sources: the pages "Chat completion" and "Feature extraction" of Inference Providers; the API of Text Embeddings
Inference (TEI), https://huggingface.github.io/text-embeddings-inference; "Messages API" of Text Generation Inference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import orjson

from tianji_core.api.errors import BadGatewayError, GatewayError, UnsupportedCapabilityError
from tianji_core.api.http import Headers, UpstreamReply, UpstreamRequest
from tianji_core.api.provider import Binary, Body, Capabilities, ModelRequest, Operation, ProviderSettings
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.openai_compat.params import COHERE_ONLY_RERANK, OPENAI_ONLY
from tianji_core.translate.embeddings import embeddings_answer, texts_of
from tianji_core.translate.rerank import document_text, rerank_answer
from tianji_core.translate.urls import model_path
from tianji_provider_huggingface.errors import parse_error
from tianji_provider_huggingface.vectors import level_vectors

ROUTER = "https://router.huggingface.co"
CHAT_PATH = "/chat/completions"
_NOT_SENT = frozenset({"documents", "encoding_format", "input", "model", "query", "return_documents", "top_n", "user"})


class HuggingFace(OpenAICompatible):
    """The router, where a model may name who is to run it; or with `api_base` an endpoint, TGI or TEI."""

    name = "huggingface"
    default_base = f"{ROUTER}/v1"
    api_key_env = ("HUGGINGFACE_API_KEY", "HF_TOKEN")
    api_base_env = ("HF_API_BASE", "HUGGINGFACE_API_BASE")
    system_name = "system"
    unsupported_params = OPENAI_ONLY
    lacking: ClassVar[Mapping[Operation, frozenset[str]]] = {"rerank": COHERE_ONLY_RERANK}
    ignored_params = frozenset({"user"})
    plain_models = r"^(?!.*gpt-oss)"
    think_models = r"deepseek-r1|qwq|-thinking"
    reasoning_back = None  # what runs a model may refuse members that it does not know
    reasoning_name = "reasoning"
    patch_markers = (b'"reasoning"',)
    capabilities: ClassVar[Capabilities] = OpenAICompatible.capabilities.having(operations=("rerank",))

    def __init__(self, settings: ProviderSettings) -> None:
        self._own = bool(settings.api_base or settings.env(*self.api_base_env))
        super().__init__(settings)

    def url(self, operation: Operation) -> str:
        """A base may be the endpoint's root, end with `/v1`, or be the whole address."""
        base = self.api_base
        if operation == "rerank":
            return base if base.endswith("/rerank") else f"{base}/rerank"
        if operation == "embeddings":
            return f"{base}/embeddings" if base.endswith("/v1") else base
        if base.endswith(CHAT_PATH):
            return base
        return base + CHAT_PATH if base.endswith("/v1") else f"{base}/v1{CHAT_PATH}"

    def headers(self) -> list[tuple[str, str]]:
        """With the organization that pays (https://huggingface.co/docs/inference-providers/pricing)."""
        fields = super().headers()
        payer = self.settings.organization
        has_one = any(name == "x-hf-bill-to" for name, _ in fields)
        return [*fields, ("x-hf-bill-to", payer)] if payer and not has_one else fields

    def has_credential(self) -> bool:
        return self._own or super().has_credential()  # an endpoint of one's own may have none

    def adjust_body(self, request: ModelRequest) -> None:
        if request.operation == "chat" and not self._own:
            request.body["model"] = routed_model(request.model)

    def build_request(self, request: ModelRequest) -> UpstreamRequest:
        if request.operation == "rerank":
            if not self._own:
                raise UnsupportedCapabilityError(
                    "Rerank needs the address of an endpoint: set api_base.", param="model"
                )
            return self._native(request, rerank_body(request.body), self.url("rerank"))
        if request.operation == "embeddings" and not (self._own and self.api_base.endswith("/v1")):
            return self._native(request, embeddings_body(request.body), self._features_url(request.model))
        return super().build_request(request)

    def parse_response(self, request: ModelRequest, reply: UpstreamReply) -> Body | Binary:
        if request.operation not in ("embeddings", "rerank"):
            return super().parse_response(request, reply)
        try:
            found = orjson.loads(reply.body)
        except ValueError:
            raise BadGatewayError("The provider's answer is not JSON.", provider=self.name) from None
        if isinstance(found, dict) and found.get("error"):
            raise self.parse_error(500, reply.headers, reply.body)
        if request.operation == "rerank":
            wanted = request.body.get("documents") if request.body.get("return_documents") else None
            top_n = request.body.get("top_n")
            return rerank_answer(found, wanted, top_n if isinstance(top_n, int) else None)
        if isinstance(found, dict) and isinstance(found.get("data"), list):
            return found
        return embeddings_answer(
            level_vectors(found),
            request.model,
            encoding_format=request.body.get("encoding_format"),
            prompt_tokens=counted_tokens(reply.headers),
        )

    def parse_error(self, status: int, headers: Headers, body: bytes) -> GatewayError:
        return parse_error(status, headers, body, self.name)

    def _features_url(self, model: str) -> str:
        """Of an endpoint its root, which every container answers; of the router the pipeline of `hf-inference`."""
        if self._own:
            root = self.url("embeddings")
            return root if "/" in root.partition("://")[2] else f"{root}/"
        name = routed_model(model).partition(":")[0]
        return f"{ROUTER}/hf-inference/models/{model_path(name)}/pipeline/feature-extraction"

    def _native(self, request: ModelRequest, body: Body, url: str) -> UpstreamRequest:
        """The request with another body and address; the answer is read with the help of the body that was asked."""
        built = super().build_request(replace(request, body=body))
        built.url = url
        return built


def routed_model(model: str) -> str:
    """The router's name of a model: LiteLLM's `provider/owner/name` is `owner/name:provider` there."""
    provider, slash, rest = model.partition("/")
    return f"{rest}:{provider}" if slash and rest.count("/") == 1 and ":" not in rest else model


def embeddings_body(body: Body) -> Body:
    """A request for features. Raises BadRequestError for arrays of tokens."""
    own = {name: value for name, value in body.items() if name not in _NOT_SENT and value is not None}
    return {"inputs": texts_of(body["input"]), **own}


def rerank_body(body: Body) -> Body:
    """TEI's request; it has no `top_n`, so all documents come back and those on top are taken."""
    own = {name: value for name, value in body.items() if name not in _NOT_SENT and value is not None}
    texts = {"return_text": True} if body.get("return_documents") else {}
    return {"query": body["query"], "texts": [document_text(each) for each in body["documents"]], **texts, **own}


def counted_tokens(headers: Headers) -> int | None:
    """What TEI has counted, which it tells in a header field."""
    value = headers.get("x-compute-tokens", "") or ""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 12 else None
