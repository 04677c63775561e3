"""The provider: OpenAI's format for chat and embeddings (`/ai/v1`), Cloudflare's own for the rest (`/ai/run`).

Sources: the pages "OpenAI compatible API endpoints", "REST API" and "Errors" of Workers AI.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import quote

import orjson
from pydantic import Field

from tianji_core.api.errors import BadGatewayError, GatewayError, NotFoundError
from tianji_core.api.http import Headers, UpstreamReply, UpstreamRequest
from tianji_core.api.provider import Binary, Body, Capabilities, ModelRequest, Operation, ProviderSettings
from tianji_core.openai_compat import OpenAICompatible, classify
from tianji_core.openai_compat.params import COHERE_ONLY_RERANK, OPENAI_ONLY
from tianji_core.openai_compat.provider import NAMES_ITS_MODEL
from tianji_core.translate.urls import below, model_path
from tianji_core.wire.openai import PARAMS
from tianji_provider_cloudflare.native import image_answer, image_body, ranking_answer, ranking_body

API = "https://api.cloudflare.com/client/v4/accounts"
_NATIVE: frozenset[Operation] = frozenset({"rerank", "images"})
_CONTEXT_TEXTS = ("exceeded this model context window limit",)
_NO_SUCH_MODEL = "5007"


class CloudflareSettings(ProviderSettings):
    """What `litellm_params` say to this provider beside the usual."""

    account_id: str | None = Field(None, description="Account at Cloudflare; else CLOUDFLARE_ACCOUNT_ID")


class Cloudflare(OpenAICompatible):
    """Workers AI of one account."""

    name = "cloudflare"
    api_key_env = ("CLOUDFLARE_API_KEY", "CLOUDFLARE_API_TOKEN")
    api_base_env = ("CLOUDFLARE_API_BASE",)
    system_name = "system"
    unsupported_params = OPENAI_ONLY - {"function_call", "functions", "service_tier"}
    lacking: ClassVar[Mapping[Operation, frozenset[str]]] = {
        "rerank": COHERE_ONLY_RERANK,
        "images": PARAMS["images"] - {"response_format", "size", "user"},
    }
    ignored_params = frozenset({"user"})
    plain_models = r"^(?!.*(gpt-oss|glm-|kimi|qwen3|nemotron))"
    think_models = r"deepseek-r1|qwq"
    reasoning_name = "reasoning"
    patch_markers = (b'"reasoning"',)
    capabilities: ClassVar[Capabilities] = OpenAICompatible.capabilities.having(operations=("rerank", "images"))

    def __init__(self, settings: ProviderSettings) -> None:
        account = getattr(settings, "account_id", None) or settings.env("CLOUDFLARE_ACCOUNT_ID")
        if not (account or settings.api_base or settings.env(*self.api_base_env)):
            raise ValueError("account_id is needed (or CLOUDFLARE_ACCOUNT_ID in the environment)")
        if account and not (settings.api_base or settings.env(*self.api_base_env)):
            settings = settings.model_copy(update={"api_base": f"{API}/{quote(account, safe='')}/ai/v1"})
        super().__init__(settings)

    def url(self, operation: Operation) -> str:
        """LiteLLM's older bases end with `/ai/run`; what they stand for has moved to `/ai/v1`."""
        if self.api_base.endswith("/ai/run"):
            self.api_base = self.api_base.removesuffix("run") + "v1"
        return super().url(operation)

    def build_request(self, request: ModelRequest) -> UpstreamRequest:
        if request.operation not in _NATIVE:
            return super().build_request(request)
        body = request.body
        native = ranking_body(body) if request.operation == "rerank" else image_body(body, drop=request.drop_params)
        built = super().build_request(replace(request, body=native))
        built.url = self._run_url(request.model)
        return built

    def parse_response(self, request: ModelRequest, reply: UpstreamReply) -> Body | Binary:
        if request.operation not in _NATIVE:
            answer = super().parse_response(request, reply)
            if isinstance(answer, dict) and answer.get("success") is False:
                raise self.parse_error(500, reply.headers, reply.body)
            return answer
        if request.operation == "images":
            content_type = reply.headers.get("content-type", "") or ""
            if content_type.startswith("image/"):
                return image_answer(reply.body)
            return image_answer(self._result(reply))
        return ranking_answer(self._result(reply), request.body)

    def parse_error(self, status: int, headers: Headers, body: bytes) -> GatewayError:
        error = super().parse_error(status, headers, body)
        if error.code == _NO_SUCH_MODEL:
            return NotFoundError(error.message, code=error.code, provider=self.name, headers=headers)
        if any(text in error.message.lower() for text in _CONTEXT_TEXTS):
            return classify(400, error.message, code="context_length_exceeded", provider=self.name, headers=headers)
        return error

    def pass_through_url(self, path: str) -> str:
        """OpenAI's paths, `/ai/run/…`, or `/run/…`, of this account and no other."""
        if NAMES_ITS_MODEL.fullmatch(path):
            return super().pass_through_url(path)
        return below(self.api_base.removesuffix("/v1"), path)

    def _result(self, reply: UpstreamReply) -> Any:
        """What the envelope of the native API holds: `{"result", "success", "errors", "messages"}`."""
        try:
            found = orjson.loads(reply.body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise BadGatewayError("The provider's answer is not a JSON object.", provider=self.name)
        if found.get("success") is False:
            raise self.parse_error(500, reply.headers, reply.body)
        return found.get("result")

    def _run_url(self, model: str) -> str:
        """The address of a model; an AI Gateway has it without `run`."""
        base = self.api_base.removesuffix("/v1")
        return f"{base}/{'' if base.endswith('/workers-ai') else 'run/'}{model_path(model)}"
