"""Databricks' OpenAI-shaped endpoints.

https://docs.databricks.com/aws/en/machine-learning/foundation-model-apis/api-reference
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from tianji_core.api.http import Network, UpstreamRequest
from tianji_core.api.provider import Body, ModelRequest, ProviderSettings
from tianji_core.api.tokens import Token, TokenCache
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.openai_compat.messages import FOREIGN
from tianji_core.openai_compat.provider import PATHS
from tianji_core.translate.oauth import fetch_token
from tianji_provider_databricks.content import count_cached, read_content
from tianji_provider_databricks.request import adjust_chat
from tianji_provider_databricks.settings import SERVING, client_of, serving_base

GATEWAY = "/ai-gateway/mlflow/v1"
"""Beside model serving: models that are named as `catalog.schema.model`."""


class Databricks(OpenAICompatible):
    """Databricks: keys or a service principal's tokens, content in parts, thinking of Claude."""

    name = "databricks"
    api_key_env = ("DATABRICKS_API_KEY", "DATABRICKS_TOKEN")
    api_base_env = ("DATABRICKS_API_BASE", "DATABRICKS_HOST")
    system_name = "system"
    foreign = FOREIGN - {"cache_control", "thinking_blocks"}
    renamed_params: ClassVar = {"max_completion_tokens": "max_tokens"}
    unsupported_params = frozenset(
        {
            "audio",
            "dimensions",
            "encoding_format",
            "frequency_penalty",
            "function_call",
            "functions",
            "logit_bias",
            "modalities",
            "parallel_tool_calls",
            "prediction",
            "presence_penalty",
            "prompt_cache_key",
            "prompt_cache_retention",
            "safety_identifier",
            "seed",
            "service_tier",
            "store",
            "stream_options",
            "user",
            "verbosity",
            "web_search_options",
        }
    )
    patch_markers = (b'"type":"text"', b'"type": "text"', b'"summary_text"', b'"cache_read_input_tokens"')
    capabilities = OpenAICompatible.capabilities.lacking("parallel_tools", "seed").having("prompt_caching")

    def __init__(self, settings: ProviderSettings) -> None:
        self._client = client_of(settings)
        self._tokens = TokenCache()
        base = settings.api_base or settings.env(*self.api_base_env)
        super().__init__(settings.model_copy(update={"api_base": serving_base(base)}) if base else settings)
        self._workspace = self.api_base.removesuffix(SERVING)

    def headers(self) -> list[tuple[str, str]]:
        fields = super().headers()
        # A service principal goes before a key in the environment; its token is put on by `authorize`.
        return fields if self._client is None else [field for field in fields if field[0] != "authorization"]

    def has_credential(self) -> bool:
        return self._client is not None or super().has_credential()

    def adjust_body(self, request: ModelRequest) -> None:
        if request.operation == "chat":
            adjust_chat(request.model, request.body)

    def build_request(self, request: ModelRequest) -> UpstreamRequest:
        built = super().build_request(request)
        if request.model.count(".") >= 2:
            built.url = self._workspace + GATEWAY + PATHS[request.operation]
        return built

    async def authorize(self, request: UpstreamRequest, network: Network) -> UpstreamRequest:
        if self._client is None:
            return request
        token = await self._tokens.get(lambda: self._fetch_token(network))
        return replace(request, headers=[*request.headers, ("authorization", f"Bearer {token}")])

    async def _fetch_token(self, network: Network) -> Token:
        """OAuth machine to machine (https://docs.databricks.com/aws/en/dev-tools/auth/oauth-m2m)."""
        form = {"grant_type": "client_credentials", "scope": "all-apis"}
        return await fetch_token(network, f"{self._workspace}/oidc/v1/token", form, basic=self._client)

    def patch_response(self, body: Body) -> None:
        read_content(body, "message")
        count_cached(body)

    def patch_chunk(self, chunk: Body) -> None:
        read_content(chunk, "delta")
        count_cached(chunk)
